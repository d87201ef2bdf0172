use super::*;
use crate::domain::signature::testing::TestKey;

/// The findings of the policy, changed, with `allowed_signers`, in which `K1` and `K2` are keys.
fn with(change: &[(&str, &str)], signers: Option<&str>) -> Vec<String> {
    let mut files = workspace(&changed(POLICY, change), CHECKLIST, NOTES);
    files.signers = match signers {
        None => Signers::Absent,
        Some(text) => {
            let text = text
                .replace("K1", &TestKey::ed25519(1).line())
                .replace("K2", &TestKey::ed25519(2).line());
            let source = Source::new(".relgate/allowed_signers", text);
            let (signers, findings) = AllowedSigners::read(&source);
            assert!(findings.is_empty(), "{findings:?}");
            Signers::Read(signers, source)
        }
    };
    shown(&files)
}

const REQUIRED: (&str, &str) = ("version: 1", "version: 1\nsignatures: required");
const BOTH: &str = "ana@example.com K1\nben@example.com K2\n";

#[test]
fn a_demand_for_signatures_that_nobody_could_meet_is_refused() {
    assert_eq!(with(&[REQUIRED], Some(BOTH)), [""; 0]);
    only(
        &with(&[REQUIRED], None),
        &["relgate.yaml:2:", "there is no .relgate/allowed_signers"],
    );
    assert_eq!(with(&[], None), [""; 0]);
    only(
        &with(&[REQUIRED], Some("ana@example.com K1\n")),
        &[
            "warning:",
            "gives ben@example.com no key",
            "nothing that ben records counts",
        ],
    );
    let for_git = "ana@example.com K1\nben@example.com namespaces=\"git\" K2\n";
    only(
        &with(&[REQUIRED], Some(for_git)),
        &["gives ben@example.com no key"],
    );
    assert_eq!(
        with(&[REQUIRED], Some("*@example.com cert-authority K1\n")),
        [""; 0]
    );
}

#[test]
fn look_alikes_are_told() {
    let signers = |line: &str| {
        with(
            &[],
            Some(
                &format!("{BOTH}{line} ssh-ed25519 K3\n")
                    .replace("ssh-ed25519 K3", &TestKey::ed25519(3).line()),
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
        &with(&[], Some("ana@example.com K1\nben@example.com K1\n")),
        &[
            "allowed_signers:2:1: warning:",
            "signs for ana, ben: it counts once",
        ],
    );
    only(
        &with(&[], Some("*@example.com K1\n")),
        &["signs for ana, ben"],
    );
    assert_eq!(
        with(
            &[],
            Some("ana@example.com K1\nana@example.com namespaces=\"relgate\" K1\n")
        ),
        [""; 0]
    );
}

#[test]
fn a_time_without_a_zone_and_a_person_who_is_a_program_are_told() {
    only(
        &with(&[], Some("ana@example.com valid-before=\"20300101\" K1\n")),
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
