use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::domain::finding::Source;
use crate::domain::signature::allowed_signers::{AllowedSigners, Question};
use crate::domain::signature::revoked::Revoked;
use crate::domain::signature::testing::TestKey;
use crate::domain::signature::{Flaw, NAMESPACE};

pub(super) fn read(text: &str) -> (AllowedSigners, Vec<String>) {
    let (signers, findings) = AllowedSigners::read(&Source::new("s", text));
    (signers, findings.iter().map(ToString::to_string).collect())
}

pub(super) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// What the signers in `text`, with `KEY` for a key, say of that key.
fn asked(text: &str, principal: &str, at: &str, zone: Tz) -> Result<(), Flaw> {
    let key = TestKey::ed25519(1);
    let (signers, findings) = read(&text.replace("KEY", &key.line()));
    assert_eq!(findings, [""; 0], "{text}");
    let at = time(at);
    signers.allows(Question {
        key: &key.public(),
        principal,
        namespace: NAMESPACE,
        at,
        zone,
    })
}

pub(super) const NOON: &str = "2026-11-20T12:00:00Z";

#[test]
fn a_line_gives_a_key_to_those_whom_it_names() {
    let cases = [
        ("ana@shop.example KEY", "ana@shop.example", true),
        ("ana@shop.example KEY", "Ana@shop.example", false),
        ("ana@shop.example KEY", "ana@shop.example ", false),
        ("ana@shop.example KEY", "аna@shop.example", false),
        ("bea,ana KEY a comment", "ana", true),
        ("*@shop.example KEY", "ana@shop.example", true),
        ("*@shop.example KEY", "ana@shop.example.org", false),
        ("a?a KEY", "ana", true),
        ("a?a KEY", "anna", false),
        ("*,!ana KEY", "ana", false),
        ("!ana,* KEY", "ana", false),
        ("!ana,* KEY", "bea", true),
        ("\"ana,bea\" KEY", "bea", true),
        ("\u{feff}# all\r\n\r\n \tana  KEY\r\n", "ana", true),
        ("ana namespaces=\"git,relgate\" KEY", "ana", true),
        ("ana NAMESPACES=\"rel*\" KEY", "ana", true),
        ("ana namespaces=\"git\" KEY", "ana", false),
        ("ana namespaces=\"*,!relgate\" KEY", "ana", false),
        ("ana cert-authority KEY", "ana", false),
        ("ana namespaces=\"git\" KEY\nana KEY", "ana", true),
        ("bea KEY\nana KEY", "ana", true),
        ("", "ana", false),
    ];
    for (text, principal, allowed) in cases {
        let answer = asked(text, principal, NOON, Tz::UTC);
        assert_eq!(
            answer.is_ok(),
            allowed,
            "{text:?} {principal:?}: {answer:?}"
        );
    }
}

#[test]
fn why_a_key_is_not_allowed_is_what_came_nearest() {
    let why = |text: &str| asked(text, "ana", NOON, Tz::UTC).expect_err("not allowed");
    assert!(matches!(why("# none"), Flaw::UnknownKey { .. }));
    assert!(matches!(why("bea KEY"), Flaw::NotTheirs { .. }));
    assert!(matches!(
        why("bea KEY\nana namespaces=\"git\" KEY"),
        Flaw::OtherUse { .. }
    ));
    assert!(matches!(
        why("ana valid-before=\"20200101Z\" KEY\nbea KEY"),
        Flaw::Ended { .. }
    ));
    assert!(matches!(
        why("ana valid-after=\"20300101Z\" KEY"),
        Flaw::NotYetValid { .. }
    ));
}

#[test]
fn a_key_is_valid_from_its_first_second_to_before_its_last() {
    let line = "ana valid-after=\"20261120120000Z\",valid-before=\"202611201300Z\" KEY";
    for (at, valid) in [
        ("2026-11-20T11:59:59Z", false),
        ("2026-11-20T12:00:00Z", true),
        ("2026-11-20T12:59:59Z", true),
        ("2026-11-20T13:00:00Z", false),
    ] {
        assert_eq!(asked(line, "ana", at, Tz::UTC).is_ok(), valid, "{at}");
    }
}

#[test]
fn a_local_time_holds_where_both_readings_of_it_do() {
    let madrid: Tz = "Europe/Madrid".parse().expect("a zone");
    let york: Tz = "America/New_York".parse().expect("a zone");
    let after = "ana valid-after=\"202611201200\" KEY";
    let before = "ana valid-before=\"202611201200\" KEY";
    let cases = [
        // Noon in Madrid is 11:00 in UTC, and in New York 17:00.
        (after, madrid, "2026-11-20T11:30:00Z", false),
        (after, madrid, "2026-11-20T12:00:00Z", true),
        (after, york, "2026-11-20T16:59:00Z", false),
        (after, york, "2026-11-20T17:00:00Z", true),
        (before, madrid, "2026-11-20T10:59:00Z", true),
        (before, madrid, "2026-11-20T11:00:00Z", false),
        (before, york, "2026-11-20T11:59:00Z", true),
        (before, york, "2026-11-20T12:30:00Z", false),
    ];
    for (line, zone, at, valid) in cases {
        assert_eq!(
            asked(line, "ana", at, zone).is_ok(),
            valid,
            "{line} {zone} {at}"
        );
    }
    // The hour that is left out in spring is no loophole, and no panic.
    let gap = "ana valid-after=\"202603290230\" KEY";
    assert!(asked(gap, "ana", "2026-03-29T01:00:00Z", madrid).is_err());
    assert!(asked(gap, "ana", "2026-03-29T04:00:00Z", madrid).is_ok());
}

#[test]
fn whatever_is_in_doubt_is_an_error_with_its_place() {
    let key = TestKey::ed25519(1).line();
    let cases = [
        ("ana", "s:1:1: the line has principals and no key"),
        ("ana ", "s:1:1: the line has principals and no key"),
        ("ana namespaces KEY", "s:1:5: namespaces needs a value"),
        (
            "ana namespaces=git KEY",
            "s:1:16: the value of namespaces must stand in double quotes",
        ),
        ("ana namespaces=\"git KEY", "must stand in double quotes"),
        (
            "ana namespaces=\"\" KEY",
            "s:1:16: the list of namespaces has an empty pattern",
        ),
        ("ana namespaces=\"!git\" KEY", "only excludes"),
        (
            "ana namespaces=\"a\",namespaces=\"b\" KEY",
            "s:1:20: namespaces is given twice",
        ),
        ("ana cert-authority,cert-authority KEY", "given twice"),
        ("ana cert-authority=\"yes\" KEY", "takes no value"),
        (
            "ana valid-before=\"20261301Z\" KEY",
            "s:1:18: valid-before is \"20261301Z\"",
        ),
        ("ana valid-before=\"2026112\" KEY", "valid-before is"),
        (
            "ana valid-before=\"99999999999999999999\" KEY",
            "valid-before is",
        ),
        (
            "ana valid-before=\"20261120\",valid-before=\"20261121\" KEY",
            "given twice",
        ),
        (
            "ana valid-after=\"20270101Z\",valid-before=\"20260101Z\" KEY",
            "never valid",
        ),
        (
            "ana no-touch-required KEY",
            "s:1:5: expected an option or a key, found \"no-touch-required\"",
        ),
        (
            "ana namespaces=\"git\"KEY",
            "expected a key after the options",
        ),
        (
            "ana namespaces=\"git\",  KEY",
            "expected an option or a key, found \"\"",
        ),
        (
            "ana,,bea KEY",
            "s:1:1: the list of principals has an empty pattern",
        ),
        ("!ana KEY", "only excludes"),
        ("\"ana KEY", "are not closed"),
        (
            "# fine\n\nana ssh-ed25519 AAAA",
            "s:3:17: this is no ssh-ed25519 key",
        ),
        ("ana ssh-ed25519", "this is no ssh-ed25519 key"),
        ("ana ssh-rsa B64", "this is no ssh-rsa key"),
        ("ana\u{0}KEY KEY", "control characters"),
        ("ana\u{b}b KEY", "control characters"),
        (
            "ana ssh-foo B64",
            "expected an option or a key, found \"ssh-foo\"",
        ),
    ];
    let base64 = key.split(' ').nth(1).expect("base64");
    for (text, expected) in cases {
        let (signers, findings) = read(&text.replace("KEY", &key).replace("B64", base64));
        assert_eq!(signers.entries().len(), 0, "{text:?}");
        assert_eq!(findings.len(), 1, "{text:?}: {findings:?}");
        assert!(findings[0].contains(expected), "{text:?}: {findings:?}");
        assert!(!findings[0].contains("warning"), "{findings:?}");
    }
}

#[test]
fn a_key_that_nothing_is_verified_with_is_left_out_and_told() {
    let (signers, findings) = read("ana ssh-dss AAAA\nana ecdsa-sha2-nistp521 AAAA");
    assert_eq!((signers.entries().len(), findings.len()), (0, 2));
    assert!(
        findings.iter().all(|it| it.contains("warning")),
        "{findings:?}"
    );
}

#[test]
fn long_patterns_take_no_longer_than_their_product() {
    let text = format!("{} KEY", "*a".repeat(2_000));
    assert!(asked(&text, &"b".repeat(20_000), NOON, Tz::UTC).is_err());
}

#[test]
fn a_revoked_key_is_on_the_list_and_what_is_no_key_is_an_error() {
    let (one, two) = (TestKey::ed25519(1), TestKey::p256());
    let text = format!("# gone\n\n{} ana\n{}\r\n", one.line(), two.line());
    let read = Revoked::read(&Source::new("r", text)).expect("a list");
    let Revoked::Keys(keys) = read else {
        panic!("it is no KRL");
    };
    assert!(keys.contains(&one.public()) && keys.contains(&two.public()));
    assert!(!keys.contains(&TestKey::ed25519(3).public()));
    let wrong = format!("{}\nSHA256:abc\nssh-ed25519 AAAA", one.line());
    let findings = Revoked::read(&Source::new("r", wrong)).expect_err("two lines are no keys");
    assert_eq!(findings.len(), 2);
    assert!(
        findings[0]
            .to_string()
            .starts_with("r:2:1: expected a public key")
    );
    assert!(Revoked::is_krl(b"SSHKRL\n\0rest"));
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n|\r|\t|\"|,|=|!){0,120}") {
        let source = Source::new("s", text.clone());
        let (_, findings) = AllowedSigners::read(&source);
        for finding in findings {
            prop_assert!(finding.span.is_none_or(|span| text.get(span).is_some()));
        }
        let _ = Revoked::read(&source);
    }

    /// Whatever is done to the options of a line, the key is never given to somebody else.
    #[test]
    fn no_damage_gives_a_key_to_somebody_else(at in 0..80usize, length in 0..6usize, snippet in "(\"|,|=|!| |x|\\\\|20){0,3}") {
        let key = TestKey::ed25519(1);
        let options = "valid-before=\"20270101Z\",namespaces=\"relgate\" ";
        let at = at % options.len();
        let end = (at + length).min(options.len());
        let damaged = format!("{}{snippet}{}", &options[..at], &options[end..]);
        let (signers, _) = read(&format!("ana {damaged}{}", key.line()));
        let ask = |principal, at| signers.allows(Question { key: &key.public(), principal, namespace: NAMESPACE, at: time(at), zone: Tz::UTC });
        prop_assert!(ask("bea", NOON).is_err());
    }
}
