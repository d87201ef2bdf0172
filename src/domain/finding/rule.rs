//! The rules that findings are about: each with a stable code, its cause, an example and what is right.
//!
//! One entry a rule. `relgate explain CODE`, the reference and machine output are made from it. A code never changes its
//! meaning; a rule that is gone leaves its code unused.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($name:ident $code:literal {
        summary: $summary:literal,
        cause: $cause:literal,
        wrong: $wrong:literal,
        right: $right:literal,
    })*) => {
        /// A rule for a team's files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $(#[doc = $summary] #[serde(rename = $code)] $name,)*
        }

        impl Rule {
            /// Every rule, those of files first.
            pub const ALL: &'static [Rule] = &[$(Rule::$name),*];

            /// Its stable code, such as `unknown-key`.
            pub const fn code(self) -> &'static str {
                match self {$(Rule::$name => $code),*}
            }

            /// What is wrong, in one sentence.
            pub const fn summary(self) -> &'static str {
                match self {$(Rule::$name => $summary),*}
            }

            /// Why it is wrong.
            pub const fn cause(self) -> &'static str {
                match self {$(Rule::$name => $cause),*}
            }

            /// An example of it; empty where none fits in a few lines.
            pub const fn wrong(self) -> &'static str {
                match self {$(Rule::$name => $wrong),*}
            }

            /// What is right instead, or the command that helps.
            pub const fn right(self) -> &'static str {
                match self {$(Rule::$name => $right),*}
            }
        }
    };
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

rules! {
    FileUnreadable "file-unreadable" {
        summary: "A file cannot be read.",
        cause: "The file is missing, is not a plain file, or belongs to another user.",
        wrong: "",
        right: "chmod u+r relgate.yaml",
    }
    FileEncoding "file-encoding" {
        summary: "A file is not plain UTF-8 text.",
        cause: "The file has bytes that are not UTF-8, or a NUL character.",
        wrong: "",
        right: "iconv -f latin1 -t utf-8 release-notes.md >fixed.md",
    }
    FileTooLarge "file-too-large" {
        summary: "A file is larger than relgate reads.",
        cause: "Configuration files are read up to a fixed size, so that a hostile file cannot exhaust memory.",
        wrong: "",
        right: "Split the file, or remove generated content from it.",
    }
    FileEmpty "file-empty" {
        summary: "A file has no content.",
        cause: "An empty file says nothing, so nothing can be decided by it.",
        wrong: "",
        right: "Run `relgate schema policy`, `relgate schema release-notes` or `relgate schema checklist` to see what belongs there.",
    }
    FileMissing "file-missing" {
        summary: "A file that is needed does not exist.",
        cause: "A release has a folder without release notes or checklist, or a probe or step names a file that does not exist.",
        wrong: "ca: probes/ca.pem",
        right: "Create the file, or correct the path.",
    }
    ReleaseFolder "release-folder" {
        summary: "A folder in `releases/` cannot be a release.",
        cause: "The folder's name is not a valid release name, or it has both `release-notes.md` and `release-notes.yaml`.",
        wrong: "releases/2.4.0 (copy)/",
        right: "releases/2.4.0/",
    }
    EditedSinceGo "edited-since-go" {
        summary: "A value was edited after the go and is not used.",
        cause: "`deploy start` signed a copy of the plans. What was edited since is not used until a new go.",
        wrong: "",
        right: "relgate deploy repin",
    }
    FilesBroken "files-broken" {
        summary: "The files have errors while a window is armed.",
        cause: "Windows stay armed and use what was signed at `deploy start`; the files themselves are not used.",
        wrong: "",
        right: "relgate lint",
    }
    MachineKey "machine-key" {
        summary: "The key of this machine cannot be used.",
        cause: "`--machine-key` must name a private Ed25519 key without a passphrase, of mode 600.",
        wrong: "",
        right: "ssh-keygen -t ed25519 -N '' -f FILE",
    }
    YamlSyntax "yaml-syntax" {
        summary: "The text is not valid YAML.",
        cause: "A tab, a missing quote, a wrong indentation, or a key that is not text.",
        wrong: "title: a: b",
        right: "title: \"a: b\"",
    }
    DuplicateKey "duplicate-key" {
        summary: "A key stands twice in one mapping.",
        cause: "Only one of the two values could count, and nobody can tell which was meant.",
        wrong: "timeout: 5s\ntimeout: 10s",
        right: "timeout: 10s",
    }
    UnknownKey "unknown-key" {
        summary: "A key is not known here.",
        cause: "The key is misspelt, or stands at the wrong place. Unknown keys are never ignored.",
        wrong: "tiemout: 5s",
        right: "timeout: 5s",
    }
    MissingKey "missing-key" {
        summary: "A required key is missing.",
        cause: "The mapping needs the key to mean anything.",
        wrong: "- { title: Users can pay }",
        right: "- { id: pay, title: Users can pay }",
    }
    WrongType "wrong-type" {
        summary: "A value has the wrong type.",
        cause: "A text, a number, a list or a mapping was expected, and another was found. Types are never converted.",
        wrong: "retries: \"3\"",
        right: "retries: 3",
    }
    InvalidValue "invalid-value" {
        summary: "A value does not have the form that is needed.",
        cause: "For example a duration without a unit, a word that is not one of the valid ones, or a number out of range.",
        wrong: "timeout: 5",
        right: "timeout: 5s",
    }
    InvalidName "invalid-name" {
        summary: "A name has characters that are not allowed.",
        cause: "Names have letters, digits, `-`, `_` and `.`, and begin with a letter or a digit.",
        wrong: "id: log in",
        right: "id: log-in",
    }
    ListedTwice "listed-twice" {
        summary: "A list has an element twice.",
        cause: "The second one changes nothing and is probably a mistake.",
        wrong: "roles: [qa, qa]",
        right: "roles: [qa]",
    }
    EmptyValue "empty-value" {
        summary: "A text or a list is empty.",
        cause: "An empty title, an empty list of gates, items, people or roles says nothing.",
        wrong: "title: \"\"",
        right: "title: Users can pay",
    }
    DeclaredTwice "declared-twice" {
        summary: "Two things have the same name.",
        cause: "Gates, items, probes, steps, stages, artifacts and freezes need unique names, so that records and messages mean one of them.",
        wrong: "- { id: smoke, … }\n- { id: smoke, … }",
        right: "- { id: smoke, … }\n- { id: smoke-eu, … }",
    }
    Undeclared "undeclared" {
        summary: "A name refers to something that is not declared.",
        cause: "A role, gate, priority, trigger, checklist or probe is named that does not exist.",
        wrong: "role: qa-leed",
        right: "role: qa-lead",
    }
    PathOutside "path-outside" {
        summary: "A path leaves its folder.",
        cause: "Paths are relative, without `..`, so that a release cannot name files outside its repository.",
        wrong: "path: ../dist/shop.tar.gz",
        right: "path: dist/shop.tar.gz",
    }
    ZeroDuration "zero-duration" {
        summary: "A duration is zero where time is needed.",
        cause: "With `0s` the thing could never pass, or would always expire.",
        wrong: "timeout: 0s",
        right: "timeout: 10s",
    }
    Circle "circle" {
        summary: "Things wait for each other in a circle.",
        cause: "Gates by `after`, probes by `needs`, or checklists by `extends` form a circle, so none could ever be first.",
        wrong: "a: { after: [b] }\nb: { after: [a] }",
        right: "b: { after: [a] }",
    }
    FrontMatter "front-matter" {
        summary: "The front matter of the release notes cannot be read.",
        cause: "Release notes in Markdown begin with `---`, YAML, and a second `---`.",
        wrong: "release: 2.4.0\n\n## Summary",
        right: "---\nrelease: 2.4.0\n---\n\n## Summary",
    }
    FieldTwice "field-twice" {
        summary: "A field of the release notes is filled twice.",
        cause: "Two headings, or a heading and the front matter, fill the same field.",
        wrong: "changes: [a]   # and a heading \"## Changes\" below",
        right: "Keep one of the two.",
    }
    HeadingIgnored "heading-ignored" {
        summary: "A heading looks like one that fills a field, and is not.",
        cause: "Only the exact headings fill fields. What stands under a similar one would be lost in silence.",
        wrong: "## Known issues (2)",
        right: "## Known issues",
    }
    ChangelogVersion "changelog-version" {
        summary: "The changes are those of another version.",
        cause: "Of a changelog only the section of this release counts.",
        wrong: "## [2.3.0]",
        right: "## [2.4.0]",
    }
    ReleaseName "release-name" {
        summary: "The release notes and their folder have different names.",
        cause: "The notes were probably copied from another release.",
        wrong: "releases/2.4.0/release-notes.md: release: 2.3.0",
        right: "release: 2.4.0",
    }
    PreviousRelease "previous-release" {
        summary: "`previous` is the release itself.",
        cause: "A rollback would go back to the version that failed.",
        wrong: "release: 2.4.0\nprevious: 2.4.0",
        right: "previous: 2.3.9",
    }
    DateMismatch "date-mismatch" {
        summary: "`date` and `deploy_at` are on different days.",
        cause: "One of the two was probably not updated.",
        wrong: "date: 2026-12-03\ndeploy_at: 2026-12-04T18:00:00Z",
        right: "date: 2026-12-04",
    }
    ArtifactLocation "artifact-location" {
        summary: "An artifact has no location, or two.",
        cause: "An artifact has a `path` in the repository or a `reference` elsewhere.",
        wrong: "- { name: shop }",
        right: "- { name: shop, path: dist/shop.tar.gz }",
    }
    ArtifactSignature "artifact-signature" {
        summary: "An artifact's signature cannot be used.",
        cause: "The signature file is the artifact itself, of a form that relgate does not verify, or not allowed by the policy.",
        wrong: "",
        right: "ssh-keygen -Y sign -n file -f KEY dist/shop.tar.gz",
    }
    VerificationNeverPasses "verification-never-passes" {
        summary: "The verification plan could never pass.",
        cause: "It has only advisory probes, or a probe needs more time than `within`.",
        wrong: "within: 10s   # and a probe with passes: 5, every: 5s",
        right: "within: 1m",
    }
    KnownIssue "known-issue" {
        summary: "A probe names a known issue that the notes do not have.",
        cause: "`known_issue` repeats the text of an entry of `known_issues`.",
        wrong: "known_issue: Prices are old",
        right: "known_issue: Old prices are shown",
    }
    StepEnvironment "variable-name" {
        summary: "A variable's name cannot be used.",
        cause: "Names of environment variables are not empty and have no `=` and no NUL character.",
        wrong: "env: { \"A=B\": c }",
        right: "env: { A: B }",
    }
    CalendarClosed "calendar-closed" {
        summary: "The calendar leaves no time for any deployment.",
        cause: "Hours and recurring freezes together cover the whole week.",
        wrong: "hours: {}",
        right: "hours: { monday: \"09:00-17:00\" }",
    }
    Freeze "freeze" {
        summary: "A freeze has no usable time.",
        cause: "A freeze is once (`from` and `to`), `weekly` or `yearly`, and ends after it begins.",
        wrong: "{ id: peak, from: 2026-11-28 }",
        right: "{ id: peak, from: 2026-11-28, to: 2026-12-01 }",
    }
    BaseChecklist "base-checklist" {
        summary: "The policy demands another base checklist.",
        cause: "`checklists` in the policy says which checklist releases of this type extend.",
        wrong: "",
        right: "extends: standard",
    }
    GateApprovals "gate-approvals" {
        summary: "A gate's approvals contradict each other.",
        cause: "A gate has `role` or `approvals`, and cannot be distinct from itself.",
        wrong: "role: qa-lead\napprovals: [{ role: qa-lead, count: 2 }]",
        right: "approvals: [{ role: qa-lead, count: 2 }]",
    }
    GateUnsignable "gate-unsignable" {
        summary: "Too few people can sign a gate.",
        cause: "Fewer people hold the role than must sign, or an item needs a person and the gate has none.",
        wrong: "role: qa-lead   # held by nobody",
        right: "people: { yuki: { roles: [qa-lead] } }",
    }
    GateEmpty "gate-empty" {
        summary: "A gate decides nothing.",
        cause: "It has no items and no approvals.",
        wrong: "- { id: qa, title: QA, phase: staging }",
        right: "- { id: qa, title: QA, phase: staging, role: qa-lead }",
    }
    GateOrder "gate-order" {
        summary: "A gate waits for one of a later phase.",
        cause: "`after` must name gates of the same phase or of an earlier one.",
        wrong: "{ id: qa, phase: staging, after: [go-live] }",
        right: "{ id: qa, phase: staging, after: [build] }",
    }
    RequirementName "requirement-name" {
        summary: "Two requirements would have the same name.",
        cause: "`check --explain` and `waive` name a requirement by this word, so it must mean one.",
        wrong: "- { id: qa-lead, … }   # an item, and the role of the gate",
        right: "- { id: lead-informed, … }",
    }
    Unheld "role-unheld" {
        summary: "Nobody holds a role.",
        cause: "The role signs a gate or has an authority, and no person has it.",
        wrong: "authority: { rollback: [sre] }   # no person has sre",
        right: "people: { mona: { roles: [sre] } }",
    }
    Email "email" {
        summary: "An e-mail address is invalid or used twice.",
        cause: "Git and signatures know people by their address; two people cannot share one.",
        wrong: "email: ana",
        right: "email: ana@example.com",
    }
    Principal "principal" {
        summary: "A name is not one principal.",
        cause: "`signers` has names as `allowed_signers` writes them, one for each entry.",
        wrong: "signers: [\"ci,build\"]",
        right: "signers: [ci@example.com, build@example.com]",
    }
    PeopleTooFew "people-too-few" {
        summary: "Too few people for what the policy demands.",
        cause: "A review by somebody else, or passes by distinct people, need more people than there are.",
        wrong: "",
        right: "Add a person to the role, or lower the demand.",
    }
    DocumentName "document-name" {
        summary: "A follow-up names no usable document.",
        cause: "A document is a file in the release's `documents/` folder.",
        wrong: "document: ../rca.md",
        right: "document: rca.md",
    }
    PersonName "person-name" {
        summary: "A name belongs to relgate, or to two.",
        cause: "A person, or a machine, has the name by which relgate records its own actions, or another's principal.",
        wrong: "people: { relgate: {} }",
        right: "people: { rory: {} }",
    }
    SignersMissing "signers-missing" {
        summary: "Signatures are required, and there are no signers.",
        cause: "Without `.relgate/allowed_signers` nothing that is recorded could count.",
        wrong: "signatures: required",
        right: "echo \"you@example.com namespaces=\\\"relgate\\\" $(cat ~/.ssh/id_ed25519.pub)\" >.relgate/allowed_signers",
    }
    SignerLine "signer-line" {
        summary: "A line of `allowed_signers` or `revoked_keys` cannot be used.",
        cause: "The form is that of OpenSSH: principals, options, key type, key.",
        wrong: "you@example.com",
        right: "you@example.com namespaces=\"relgate\" ssh-ed25519 AAAA…",
    }
    SignerKeyless "signer-keyless" {
        summary: "Somebody who must sign has no key.",
        cause: "No line of `allowed_signers` gives the principal a key for the namespace, so nothing that it signs counts.",
        wrong: "",
        right: "Add a line to `.relgate/allowed_signers`.",
    }
    LookAlike "look-alike" {
        summary: "Two names look alike.",
        cause: "Names are compared byte for byte. A look-alike letter makes another person of a name.",
        wrong: "email: аna@example.com   # the first letter is Cyrillic",
        right: "email: ana@example.com",
    }
    SignerDoubt "signer-doubt" {
        summary: "A line of `allowed_signers` may not mean what its author thinks.",
        cause: "Two people share a key, a time has no zone, or a name looks like another.",
        wrong: "valid-before=\"20261201\"",
        right: "valid-before=\"20261201Z\"",
    }
    MachinesUnprotected "machines-unprotected" {
        summary: "Machines are named, and signatures are optional.",
        cause: "Without `signatures: required` an unsigned record counts as well, so the key protects nothing.",
        wrong: "machines: { ci: { principal: ci@example.com } }",
        right: "signatures: required",
    }
    ProbeKind "probe-kind" {
        summary: "A probe has no kind, or several.",
        cause: "A probe has exactly one of `http`, `tcp`, `tls`, `dns`, `grpc`, `command`, `file`, `junit` and `metric`.",
        wrong: "- { id: shop }",
        right: "- { id: shop, http: { url: \"https://shop.example.com/\", expect: { status: 200 } } }",
    }
    ProbeNoAssertion "probe-no-assertion" {
        summary: "A probe asserts nothing.",
        cause: "Without an assertion it could never fail, so it would prove nothing.",
        wrong: "http: { url: \"https://shop.example.com/\" }",
        right: "http: { url: \"https://shop.example.com/\", expect: { status: 200 } }",
    }
    ProbeAlwaysPasses "probe-always-passes" {
        summary: "An assertion holds for every value.",
        cause: "For example, every text contains the empty text. Such an assertion would prove nothing.",
        wrong: "body: { contains: \"\" }",
        right: "body: { contains: \"<nav\" }",
    }
    ProbeNeverPasses "probe-never-passes" {
        summary: "No value satisfies the assertion.",
        cause: "Two parts contradict each other, so the probe could only fail.",
        wrong: "{ path: $.n, at_least: 5, at_most: 3 }",
        right: "{ path: $.n, at_least: 3, at_most: 5 }",
    }
    ProbeConflict "probe-conflict" {
        summary: "Two keys of a probe contradict each other.",
        cause: "Both say the same thing, and only one could be used.",
        wrong: "body: a\nbody_file: b.json",
        right: "body_file: b.json",
    }
    ProbeUnusedKey "probe-unused-key" {
        summary: "A key has no effect here.",
        cause: "It belongs to another key that is missing, or to another place. A key without effect is probably a mistake.",
        wrong: "backoff: 1s   # without retries",
        right: "retries: 2\nbackoff: 1s",
    }
    ProbeAddress "probe-address" {
        summary: "An address cannot be used.",
        cause: "A URL needs a scheme and a host; a TCP address is `host:port`; a resolver or `resolve` entry is an IP address.",
        wrong: "address: db.example.com",
        right: "address: db.example.com:5432",
    }
    ProbeHeader "probe-header" {
        summary: "A header or method cannot be sent.",
        cause: "Its name or value has characters that HTTP or gRPC does not allow, stands twice, or is set by relgate itself.",
        wrong: "headers: { \"X Order\": 1 }",
        right: "headers: { X-Order: \"1\" }",
    }
    ProbeSecretInFile "probe-secret-in-file" {
        summary: "A secret stands in the file.",
        cause: "Everybody who can read the repository can read it.",
        wrong: "auth: { bearer: abc123 }",
        right: "auth: { bearer: \"${secret:SHOP_TOKEN}\" }",
    }
    ProbeUnverifiedTls "probe-unverified-tls" {
        summary: "The server's certificate is not verified.",
        cause: "With `verify_tls: false` anybody could answer in the server's place.",
        wrong: "verify_tls: false",
        right: "ca: probes/ca.pem",
    }
    ProbeUnencrypted "probe-unencrypted" {
        summary: "A secret is sent without encryption.",
        cause: "Whoever is on the way can read the client's secret and the token.",
        wrong: "token_url: http://login.example.com/token",
        right: "token_url: https://login.example.com/token",
    }
    ProbeAdvisory "probe-advisory" {
        summary: "An advisory probe has a priority or a trigger.",
        cause: "An advisory probe never opens an incident, so the key has no effect.",
        wrong: "advisory: true\npriority: critical",
        right: "priority: critical",
    }
    ProbeCapture "probe-capture" {
        summary: "A capture cannot work.",
        cause: "A capture takes its value from exactly one of `json`, `header`, `cookie` and `regex`, which the probe's kind must have.",
        wrong: "capture: { token: {} }",
        right: "capture: { token: { json: $.token } }",
    }
    ProbeNeeds "probe-needs" {
        summary: "A value is used before it is captured.",
        cause: "A probe that uses `${capture:NAME}` needs the probe that captures it.",
        wrong: "url: \"https://shop.example.com/${capture:order}\"",
        right: "needs: [order]",
    }
    ProbePath "probe-path" {
        summary: "A path, pattern or expression cannot be used.",
        cause: "A JSONPath follows RFC 9535; a file's path stays in the repository or is absolute.",
        wrong: "path: status",
        right: "path: $.status",
    }
    ProbeCommand "probe-command" {
        summary: "A command cannot run as written.",
        cause: "`argv` is a program and its arguments. There is no shell: `[\"a b\"]` is one program whose name has a space.",
        wrong: "argv: [\"./rollback.sh --now\"]",
        right: "argv: [./rollback.sh, --now]",
    }
    ProbeSchema "probe-schema" {
        summary: "A JSON Schema cannot be used.",
        cause: "It is not valid, or is too large to be evaluated in time.",
        wrong: "json_schema: { type: strng }",
        right: "json_schema: { type: string }",
    }
    ProbeNumber "probe-number" {
        summary: "A number cannot be kept exactly.",
        cause: "Numbers above 9007199254740992 are written in quotes.",
        wrong: "at_least: 9007199254740993",
        right: "at_least: \"9007199254740993\"",
    }
    ProbeMetric "probe-metric" {
        summary: "A metric probe does not name one number.",
        cause: "A metric has one source, and `control`, `samples` and `fail_if` fit it.",
        wrong: "metric: { expect: { at_most: 1 } }",
        right: "metric: { prometheus: { url: \"http://prometheus:9090\", query: up }, expect: { at_least: 1 } }",
    }
    ProbeStep "probe-step" {
        summary: "A step of a TCP dialogue cannot run.",
        cause: "A step sends something, expects something or starts TLS.",
        wrong: "steps: [{}]",
        right: "steps: [{ send: \"PING\\r\\n\" }, { expect: { contains: PONG } }]",
    }
    ProbeSamples "probe-samples" {
        summary: "Too few samples for what is asserted.",
        cause: "A 95th percentile needs at least 20 samples.",
        wrong: "p95: 200ms",
        right: "p95: 200ms\npasses: 20",
    }
    VariableSyntax "variable-syntax" {
        summary: "A `${…}` cannot be replaced.",
        cause: "`${env:NAME}`, `${secret:NAME}`, `${file:PATH}`, `${capture:NAME}`, `${release}`, `${previous}` and `${stage}` exist. `$${` is a literal `${`.",
        wrong: "url: \"${SHOP_URL}\"",
        right: "url: \"${env:SHOP_URL}\"",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_every_rule_is_explained() {
        let codes: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            let code = rule.code();
            assert!(
                code.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{code}"
            );
            assert!(
                rule.summary().ends_with('.') && rule.cause().ends_with('.'),
                "{code}"
            );
            assert!(!rule.right().is_empty(), "{code}");
            assert_eq!(
                serde_json::to_value(rule).ok(),
                Some(serde_json::Value::from(code))
            );
        }
    }
}
