use super::*;
use crate::domain::signature::testing::TestKey;

/// The findings of the policy, changed, with `allowed_signers`, in which `<K1>` and `<K2>` are keys.
fn with(change: &[(&str, &str)], signers: Option<&str>) -> Vec<String> {
    let mut files = workspace(&changed(POLICY, change), CHECKLIST, NOTES);
    files.signers = match signers {
        None => Signers::Absent,
        Some(text) => {
            let text = text
                .replace("<K1>", &TestKey::ed25519(1).line())
                .replace("<K2>", &TestKey::ed25519(2).line());
            let source = Source::new(".relgate/allowed_signers", text);
            let (signers, findings) = AllowedSigners::read(&source);
            assert!(findings.is_empty(), "{findings:?}");
            Signers::Read(signers, source)
        }
    };
    shown(&files)
}

const REQUIRED: (&str, &str) = ("version: 1", "version: 1\nsignatures: required");
const BOTH: &str = "ana@example.com <K1>\nben@example.com <K2>\n";

#[test]
fn a_demand_for_signatures_that_nobody_could_meet_is_refused() {
    assert_eq!(with(&[REQUIRED], Some(BOTH)), [""; 0]);
    only(
        &with(&[REQUIRED], None),
        &["relgate.yaml:2:", "there is no .relgate/allowed_signers"],
    );
    assert_eq!(with(&[], None), [""; 0]);
    only(
        &with(&[REQUIRED], Some("ana@example.com <K1>\n")),
        &[
            "warning:",
            "gives ben@example.com no key",
            "nothing that ben records counts",
        ],
    );
    let for_git = "ana@example.com <K1>\nben@example.com namespaces=\"git\" <K2>\n";
    only(
        &with(&[REQUIRED], Some(for_git)),
        &["gives ben@example.com no key"],
    );
    assert_eq!(
        with(&[REQUIRED], Some("*@example.com cert-authority <K1>\n")),
        [""; 0]
    );
}

#[test]
fn look_alikes_are_told() {
    let signers = |line: &str| {
        with(
            &[],
            Some(
                &format!("{BOTH}{line} ssh-ed25519 <K3>\n")
                    .replace("ssh-ed25519 <K3>", &TestKey::ed25519(3).line()),
            ),
        )
    };
    only(
        &signers("Ana@example.com"),
        &[
            ".relgate/allowed_signers:3:1: warning:",
            "upper and lower case",
        ],
    );
    only(
        &signers("аna@example.com"),
        &["looks like the policy's \"ana@example.com\""],
    );
    only(
        &signers("ana@exarnple.com"),
        &["looks like the policy's \"ana@example.com\""],
    );
    only(&signers("zoé@example.com"), &["outside ASCII"]);
    assert_eq!(signers("somebody@example.com"), [""; 0]);
    only(
        &with(&[("ana@example.com", "аna@example.com")], None),
        &["person \"ana\"", "outside ASCII"],
    );
    only(
        &with(&[("ben@example.com", "ana@exarnple.com")], None),
        &["person \"ben\": ana@exarnple.com looks like ana@example.com"],
    );
}

#[test]
fn a_key_of_two_people_is_told() {
    only(
        &with(&[], Some("ana@example.com <K1>\nben@example.com <K1>\n")),
        &[
            "allowed_signers:2:1: warning:",
            "signs for ana, ben: it counts once",
        ],
    );
    only(
        &with(&[], Some("*@example.com <K1>\n")),
        &["signs for ana, ben"],
    );
    assert_eq!(
        with(
            &[],
            Some("ana@example.com <K1>\nana@example.com namespaces=\"relgate\" <K1>\n")
        ),
        [""; 0]
    );
}

#[test]
fn a_time_without_a_zone_and_a_person_who_is_a_program_are_told() {
    only(
        &with(
            &[],
            Some("ana@example.com valid-before=\"20300101\" <K1>\n"),
        ),
        &["warning:", "the time has no Z"],
    );
    only(
        &with(
            &[
                ("  ben:", "  relgate:"),
                ("ben@example.com", "relgate@example.com"),
            ],
            None,
        ),
        &["person \"relgate\" has the name by which relgate records"],
    );
}

#[test]
fn who_signs_artifacts_is_somebody_with_a_key() {
    let rules = |rules: &str, line: Option<&str>| {
        let artifacts = format!("version: 1\nartifacts: {rules}");
        let signers = line.map(|line| format!("{line}\n"));
        with(&[("version: 1", &artifacts)], signers.as_deref())
    };
    let machine = |line: &str| {
        let both = "{signatures: required, roles: [rm], signers: [ci@example.com]}";
        rules(both, Some(line))
    };
    for line in [
        "ci@example.com <K1>",
        "ci@example.com namespaces=\"file\" <K1>",
        "*@example.com cert-authority <K1>",
    ] {
        assert_eq!(machine(line), [""; 0], "{line}");
    }
    for line in [
        "ana@example.com <K1>",
        "ci@example.com namespaces=\"relgate\" <K1>",
    ] {
        only(
            &machine(line),
            &[
                "relgate.yaml:2:",
                "warning:",
                "gives ci@example.com no key for the namespace \"file\"",
            ],
        );
    }
    only(
        &rules("{roles: [cook]}", None),
        &["who signs artifacts: the role \"cook\" is not declared"],
    );
    only(&rules("{roles: []}", None), &["nobody may sign artifacts"]);
    for odd in ["\"\"", "'*@example.com'", "'a b'", "'a,b'", "'!a'"] {
        only(
            &rules(&format!("{{signers: [{odd}]}}"), None),
            &["is not one principal"],
        );
    }
}

#[test]
fn a_signature_of_an_artifact_wants_a_list_of_signers() {
    let notes = NOTES.replace(
        "previous: 2.3.9",
        "previous: 2.3.9\nartifacts: [{name: a, path: a.tar, signature: a.tar.sig}]",
    );
    let mut files = workspace(POLICY, CHECKLIST, &notes);
    assert_eq!(shown(&files), [""; 0]);
    files.signers = Signers::Absent;
    only(
        &shown(&files),
        &[
            "warning:",
            "counts for nobody: there is no .relgate/allowed_signers",
        ],
    );
}

#[test]
fn an_artifact_that_must_be_signed_lies_on_disk() {
    let notes = NOTES.replace(
        "previous: 2.3.9",
        "previous: 2.3.9\nartifacts: [{name: a, reference: 'shop:1'}]",
    );
    assert_eq!(shown(&workspace(POLICY, CHECKLIST, &notes)), [""; 0]);
    let policy = POLICY.replace(
        "version: 1",
        "version: 1\nartifacts: {signatures: required}",
    );
    only(
        &shown(&workspace(&policy, CHECKLIST, &notes)),
        &[
            "artifact \"a\": the policy wants artifacts signed",
            "give the path of a file",
        ],
    );
}

/// The findings of a policy with these machines, and these lines after those of its people.
fn with_machines(machines: &str, lines: &str) -> Vec<String> {
    let text = format!("version: 1\nsignatures: required\nmachines: {machines}");
    with(
        &[("version: 1", &text)],
        Some(&format!(
            "{BOTH}{}",
            lines.replace("<K3>", &TestKey::ed25519(3).line())
        )),
    )
}

#[test]
fn a_machine_has_an_ed25519_key_of_its_own_and_is_nobody_of_the_policy() {
    const ONE: &str = "{watcher: {principal: watcher@host}}";
    let line = "watcher@host namespaces=\"relgate-machine\" <K3>\n";
    assert_eq!(with_machines(ONE, line), [""; 0]);
    let missing = &[
        "relgate.yaml:3:",
        "gives the machine watcher@host no Ed25519 key",
        "ssh-keygen -t ed25519",
    ];
    only(&with_machines(ONE, ""), missing);
    only(
        &with_machines(ONE, "watcher@host namespaces=\"git\" <K3>\n"),
        missing,
    );
    let other = TestKey::p256().line();
    let typed = with_machines(
        ONE,
        &format!("{line}watcher@host namespaces=\"relgate-machine\" {other}\n"),
    );
    only(
        &typed,
        &["allowed_signers:4:1:", "of the type ecdsa-sha2-nistp256"],
    );
    only(
        &with_machines(ONE, "watcher@host namespaces=\"relgate-machine\" <K1>\n"),
        &["allowed_signers:3:1:", "could sign as ana"],
    );
    let person = with_machines("{watcher: {principal: ana@example.com}}", "");
    assert!(
        person
            .iter()
            .any(|it| it.contains("is a person of the policy")),
        "{person:?}"
    );
    only(
        &with_machines("{ana: {principal: watcher@host}}", line),
        &["has the name of a person"],
    );
    only(
        &with_machines(
            "{a: {principal: watcher@host}, b: {principal: watcher@host}}",
            line,
        ),
        &["is another machine's principal"],
    );
    let spaced = with_machines("{a: {principal: 'x y'}}", "");
    assert!(
        spaced.iter().any(|it| it.contains("is no principal")),
        "{spaced:?}"
    );
    let text = format!("version: 1\nmachines: {ONE}");
    let optional = with(
        &[("version: 1", &text)],
        Some(&format!(
            "{BOTH}watcher@host {}\n",
            TestKey::ed25519(3).line()
        )),
    );
    only(&optional, &["warning", "signatures are optional"]);
}
