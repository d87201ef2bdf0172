//! Probes wherever they stand: is each one question that can be asked and that can fail?
//!
//! Each kind is one function of one shape in a file of its own; what they share is here.

mod command;
mod control;
mod dns;
mod file;
mod grpc;
mod http;
mod http_options;
mod json;
mod junit;
mod metric;
mod oauth2;
mod tcp;
mod tls;

use std::collections::HashMap;

use super::variables::{self, replaced};
use super::{Reference, Workspace, dangling};
use crate::domain::finding::{Finding, Rule};
use crate::domain::ids::{PriorityName, TriggerName};
use crate::domain::policy::Policy;
use crate::domain::probe::conversion::Conversion;
use crate::domain::probe::count::CountExpectation;
use crate::domain::probe::expect::{OneOrMany, TextExpectation};
use crate::domain::probe::json::decimal::Decimal;
use crate::domain::probe::kinds::ClientCertificate;
use crate::domain::probe::{KINDS, Probe, Question};
use crate::domain::timespan::Timespan;
use crate::parse::node::Node;
use crate::parse::{Document, Site};

pub(super) use command::{argv, environment};
pub(super) use control::{lint_alone, lint_suite};

/// A probe and where it stands.
#[derive(Clone)]
pub(super) struct Placed<'a> {
    pub(super) site: Site<'a>,
    pub(super) path: String,
    pub(super) probe: &'a Probe,
}

/// A probe id names one probe of a release.
pub(super) fn unique(probes: &[Placed<'_>], findings: &mut Vec<Finding>) {
    let mut first: HashMap<&str, &Placed<'_>> = HashMap::new();
    for placed in probes {
        let id = placed.probe.id.as_str();
        let Some(earlier) = first.get(id) else {
            first.insert(id, placed);
            continue;
        };
        let at = |placed: &Placed<'_>| {
            placed
                .site
                .node
                .nearest_position(&format!("{}/id", placed.path))
        };
        let same_file = earlier.site.source.file == placed.site.source.file;
        let before = at(earlier);
        let (message, help) = if same_file && before == at(placed) {
            (
                format!("the probe \"{id}\" is used twice through an alias"),
                "write the second out, with an id of its own",
            )
        } else if same_file {
            (
                format!(
                    "the probe id \"{id}\" is used twice; it is already on line {}",
                    before.at.line
                ),
                "give one of the two another id",
            )
        } else {
            (
                format!(
                    "the probe id \"{id}\" is used twice in this release; it is already in {} on line {}",
                    earlier.site.source.file, before.at.line
                ),
                "give one of the two another id",
            )
        };
        let path = format!("{}/id", placed.path);
        findings.push(
            placed
                .site
                .error(Rule::DeclaredTwice, &path, message)
                .help(help),
        );
    }
}

/// Checks one probe on its own and against the policy.
pub(super) fn lint(workspace: &Workspace, placed: &Placed<'_>, findings: &mut Vec<Finding>) {
    let Placed { site, path, probe } = placed;
    let check = Check::of(placed);
    let given = |kind: &&str| check.node.is_some_and(|node| node.get(kind).is_some());
    for kind in KINDS.into_iter().filter(given) {
        variables::lint(*site, &format!("{path}/{kind}"), &check.by, findings);
    }
    check.kind(probe, findings);
    check.times(probe, findings);
    control::lint(&check, probe, findings);
    for question in probe.questions() {
        match question {
            Question::Http(http) => http::lint(&check, http, findings),
            Question::Tcp(tcp) => tcp::lint(&check, tcp, findings),
            Question::Tls(tls) => tls::lint(&check, tls, findings),
            Question::Dns(dns) => dns::lint(&check, dns, findings),
            Question::Grpc(grpc) => grpc::lint(&check, grpc, findings),
            Question::File(file) => file::lint(&check, file, findings),
            Question::Junit(junit) => junit::lint(&check, junit, findings),
            Question::Metric(metric) => metric::lint(&check, metric, findings),
            Question::Command(command) => command::lint(&check, command, findings),
        }
    }
    if let Some(policy) = workspace.policy.document() {
        check.incident(policy, probe, findings);
    }
}

/// A probe while it is checked: what every kind needs to make its findings.
struct Check<'a> {
    site: Site<'a>,
    path: &'a str,
    /// What stands at `path`: everything of the probe is looked for there, and not from the file's root.
    node: Option<&'a Node>,
    /// The probe as messages name it.
    by: String,
}

impl<'a> Check<'a> {
    fn of(placed: &'a Placed<'_>) -> Self {
        Self {
            site: placed.site,
            path: &placed.path,
            node: placed.site.node.at(&placed.path),
            by: format!("probe \"{}\"", placed.probe.id),
        }
    }
}

impl Check<'_> {
    /// What stands at `below`.
    fn node(&self, below: &str) -> Option<&Node> {
        self.node?.at(below)
    }

    fn at(&self, below: &str) -> String {
        format!("{}{below}", self.path)
    }

    fn error(&self, rule: Rule, below: &str, what: &str) -> Finding {
        self.site
            .error(rule, &self.at(below), format!("{}: {what}", self.by))
    }

    fn kind(&self, probe: &Probe, findings: &mut Vec<Finding>) {
        let given: Vec<&str> = KINDS
            .into_iter()
            .filter(|kind| {
                let node = self.node.and_then(|node| node.get(kind));
                node.is_some_and(|node| !node.is_null())
            })
            .collect();
        match given.as_slice() {
            [] => findings.push(
                self.error(Rule::ProbeKind, "/id", "it asks nothing")
                    .label("no question")
                    .help(format!("give it one of {}", KINDS.join(", "))),
            ),
            [_] if !probe.asserts_something() => findings.push(
                self.error(Rule::ProbeNoAssertion, "/id", "it asserts nothing, so it could never fail")
                    .label("no assertion")
                    .help("say under \"expect\" what the answer must be, such as \"status: 200\" or \"exit: 0\""),
            ),
            [_] => {}
            [_, second, ..] => findings.push(
                self.site
                    .error_at_key(Rule::ProbeKind,
                        &self.at(&format!("/{second}")),
                        format!("{}: it asks {} questions: {}", self.by, given.len(), given.join(", ")),
                    )
                    .help(format!("a probe has exactly one of {}; make it several probes", KINDS.join(", "))),
            ),
        }
    }

    fn times(&self, probe: &Probe, findings: &mut Vec<Finding>) {
        for (key, span) in [("timeout", probe.timeout), ("every", probe.every)] {
            if span.is_some_and(Timespan::is_zero) {
                findings.push(
                    self.error(
                        Rule::ZeroDuration,
                        &format!("/{key}"),
                        &format!("\"{key}\" is no time at all"),
                    )
                    .help("write how long, such as 10s"),
                );
            }
        }
    }

    fn incident(&self, document: &Document<Policy>, probe: &Probe, findings: &mut Vec<Finding>) {
        let policy = &document.value;
        if let Some(priority) = &probe.priority {
            let known = policy.priorities();
            let reference = Reference {
                kind: "priority",
                word: priority.as_str(),
                by: &self.by,
                home: "the policy",
                valid: known.keys().map(PriorityName::as_str),
            };
            findings.extend(dangling(self.site, &self.at("/priority"), reference));
        }
        if let Some(trigger) = &probe.trigger {
            let known: Vec<&str> = policy
                .triggers
                .iter()
                .flatten()
                .map(|(name, _): (&TriggerName, _)| name.as_str())
                .collect();
            let reference = Reference {
                kind: "trigger",
                word: trigger.as_str(),
                by: &self.by,
                home: "the policy",
                valid: known,
            };
            findings.extend(dangling(self.site, &self.at("/trigger"), reference));
        }
        if probe.priority.is_some() && probe.trigger.is_some() {
            findings.push(
                self.error(Rule::ProbeConflict,
                    "/trigger",
                    "it names both a priority and a trigger, and the trigger has a priority of its own",
                )
                .help("keep one of the two"),
            );
        }
        if probe.is_advisory() && (probe.priority.is_some() || probe.trigger.is_some()) {
            let below = if probe.priority.is_some() {
                "/priority"
            } else {
                "/trigger"
            };
            findings.push(
                self.site
                    .warning(
                        Rule::ProbeAdvisory,
                        &self.at(below),
                        format!("{}: it is advisory, so it never opens an incident", self.by),
                    )
                    .help("leave out \"advisory\", or this key"),
            );
        }
    }

    /// `host:port` at `below`.
    pub(super) fn address(&self, below: &str, written: &str, findings: &mut Vec<Finding>) {
        let Ok(address) = replaced(written) else {
            return;
        };
        // A variable alone may hold both host and port.
        if address == "1" {
            return;
        }
        let (host, port) = match address.rsplit_once(':') {
            Some(parts) => parts,
            None => {
                let what = format!("the address {:?} has no port", written);
                findings.push(
                    self.error(Rule::ProbeAddress, below, &what)
                        .label("expected host:port")
                        .help(format!("write the port, such as \"{}:5432\"", written)),
                );
                return;
            }
        };
        let bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        let why = if bare_ipv6 {
            "an IPv6 address stands in brackets, such as [::1]:5432"
        } else if host.is_empty() || host.contains(char::is_whitespace) || host.contains('/') {
            "it has no host, or more than a host and a port"
        } else if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            "the port is not a number from 1 to 65535"
        } else {
            return;
        };
        let what = format!("the address {:?} is not host:port: {why}", written);
        findings.push(
            self.error(Rule::ProbeAddress, below, &what)
                .label("expected host:port")
                .help("write it such as db.example.com:5432"),
        );
    }

    /// The path of a file at `below`: in the repository, or absolute.
    fn path(&self, below: &str, written: &str, findings: &mut Vec<Finding>) {
        let Ok(path) = replaced(written) else {
            return;
        };
        let why = if path.trim().is_empty() {
            "it is empty"
        } else if path.contains('\0') {
            "it has a NUL character"
        } else if !path.starts_with('/') && path.split('/').any(|step| step == "..") {
            "it leaves the repository"
        } else {
            return;
        };
        findings.push(
            self.error(
                Rule::ProbePath,
                below,
                &format!("the path {written:?} cannot be used: {why}"),
            )
            .help("write it from the repository's root, or as an absolute path"),
        );
    }

    /// The files of the certificate that a probe shows, where its kind has the key `client_certificate` at `below`.
    fn client_certificate(
        &self,
        below: &str,
        shown: Option<&ClientCertificate>,
        findings: &mut Vec<Finding>,
    ) {
        if let Some(files) = shown {
            let at = |key: &str| format!("{below}/client_certificate/{key}");
            self.path(&at("cert"), &files.cert, findings);
            self.path(&at("key"), &files.key, findings);
        }
    }

    /// What is not verified is said.
    fn verifies(&self, below: &str, verify_tls: Option<bool>, findings: &mut Vec<Finding>) {
        if verify_tls == Some(false) {
            findings.push(
                self.site
                    .warning(Rule::ProbeUnverifiedTls,
                        &self.at(below),
                        format!("{}: the server's certificate is not verified", self.by),
                    )
                    .label("anybody could answer")
                    .help("leave the key out, and name the server's authority with \"ca\" where the system does not trust it"),
            );
        }
    }

    fn count(&self, below: &str, count: &CountExpectation, findings: &mut Vec<Finding>) {
        if count.is_empty() {
            findings.push(
                self.error(Rule::ProbeNoAssertion, below, "it asserts nothing")
                    .help("write `equals`, `at_least` or `at_most`"),
            );
        } else if count.is_impossible() {
            findings.push(
                self.error(
                    Rule::ProbeNeverPasses,
                    below,
                    "no number satisfies all of it",
                )
                .help("mend the bounds"),
            );
        }
    }

    /// Numbers are compared where the probe says that the text is one, and then nothing else is.
    fn numbers(&self, below: &str, text: &TextExpectation, findings: &mut Vec<Finding>) {
        let bounds = [
            ("less", text.less.as_ref()),
            ("at_most", text.at_most.as_ref()),
            ("greater", text.greater.as_ref()),
            ("at_least", text.at_least.as_ref()),
        ];
        if text.conversion != Some(Conversion::Number) {
            for (key, _) in bounds.into_iter().filter(|(_, bound)| bound.is_some()) {
                findings.push(
                    self.error(
                        Rule::ProbeUnusedKey,
                        &format!("{below}/{key}"),
                        "a text has no size",
                    )
                    .help("write \"as: number\" beside it, so that the text is read as a number"),
                );
            }
            return;
        }
        for (key, given) in [
            ("contains", text.contains.is_some()),
            ("not_contains", text.not_contains.is_some()),
            ("matches", text.matches.is_some()),
            ("not_matches", text.not_matches.is_some()),
        ] {
            if given {
                let what = format!("\"{key}\" asks for something else than a number");
                findings.push(
                    self.error(Rule::ProbeConflict, &format!("{below}/{key}"), &what)
                        .help("leave out one of the two"),
                );
            }
        }
        let single = text.equals.iter().map(|it| ("equals".to_owned(), it));
        let listed = [("in", &text.one_of), ("not_in", &text.not_in)];
        let listed = listed.into_iter().flat_map(|(key, texts)| {
            let texts = texts.iter().flatten().enumerate();
            texts.map(move |(index, text)| (format!("{key}/{index}"), text))
        });
        for (key, text) in single.chain(listed) {
            if !replaced(text).is_ok_and(|full| full.trim().parse::<Decimal>().is_ok()) {
                let what =
                    format!("{text:?} is no number, and with \"as: number\" numbers are compared");
                findings.push(
                    self.error(Rule::ProbeNeverPasses, &format!("{below}/{key}"), &what)
                        .help("write a number in quotes, such as \"5\""),
                );
            }
        }
        let known = |keys: [usize; 2]| {
            let bounds = keys.into_iter().filter_map(|key| bounds[key].1?.known());
            bounds.cloned().collect::<Vec<_>>()
        };
        let (most, least) = (known([0, 1]), known([2, 3]));
        if let (Some(least), Some(most)) = (least.iter().max(), most.iter().min())
            && least > most
        {
            let what = format!("no number reaches {least} and does not exceed {most}");
            findings.push(self.error(Rule::ProbeNeverPasses, below, &what));
        }
    }

    /// An empty text is part of every text: it asserts nothing, or can never hold.
    fn text(&self, below: &str, text: &TextExpectation, findings: &mut Vec<Finding>) {
        let empty = |parts: &Option<OneOrMany<String>>| {
            parts
                .iter()
                .flat_map(OneOrMany::values)
                .any(String::is_empty)
        };
        if empty(&text.contains) {
            findings.push(
                self.error(
                    Rule::ProbeAlwaysPasses,
                    &format!("{below}/contains"),
                    "every text contains the empty text",
                )
                .help("write a part that must be there"),
            );
        }
        if empty(&text.not_contains) {
            findings.push(
                self.error(
                    Rule::ProbeNeverPasses,
                    &format!("{below}/not_contains"),
                    "every text contains the empty text, so this can never hold",
                )
                .help("write a part that must not be there"),
            );
        }
        if text.matches.as_ref().is_some_and(String::is_empty) {
            findings.push(
                self.error(
                    Rule::ProbeAlwaysPasses,
                    &format!("{below}/matches"),
                    "every text matches the empty expression",
                )
                .help("write what must be found"),
            );
        }
        self.numbers(below, text, findings);
        if text.not_matches.as_ref().is_some_and(String::is_empty) {
            findings.push(
                self.error(
                    Rule::ProbeNeverPasses,
                    &format!("{below}/not_matches"),
                    "every text matches the empty expression, so this can never hold",
                )
                .help("write what must not be found"),
            );
        }
    }
}
