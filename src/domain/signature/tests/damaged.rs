//! Damaged lists and records: never a panic, and never more permission than was written.

use proptest::prelude::*;

use super::signers::{NOON, read, time};
use crate::domain::audit;
use crate::domain::finding::{Finding, Source};
use crate::domain::ids::{Digest, ReleaseName};
use crate::domain::record::body::Noted;
use crate::domain::record::{Body, Draft, Record, check_canonical};
use crate::domain::signature::NAMESPACE;
use crate::domain::signature::allowed_signers::{AllowedSigners, Question};
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::revoked::Revoked;
use crate::domain::signature::testing::TestKey;

const PEOPLE: [&str; 4] = [
    "ana@shop.example",
    "bea@shop.example",
    "cy@shop.example",
    "a",
];

/// Ana signs; bea did until yesterday and cy will; the last line is about something else.
fn signers() -> String {
    let line = |number: u8| TestKey::ed25519(number).line();
    format!(
        "# who signs\nana@shop.example namespaces=\"relgate\" {} a comment\n\
         bea@shop.example valid-before=\"20261119Z\" {}\n\
         *@shop.example,!ana@shop.example valid-after=\"20261121Z\" {}\n\
         cy@shop.example namespaces=\"git\" {}\n",
        line(1),
        line(2),
        line(3),
        line(4)
    )
}

/// Whom a list lets sign now, and with which of the keys.
fn allowed(signers: &AllowedSigners) -> Vec<(&'static str, u8)> {
    let mut allowed = Vec::new();
    for number in 1..=5 {
        let key: PublicKey = TestKey::ed25519(number).public();
        for principal in PEOPLE {
            let asked = Question {
                key: &key,
                principal,
                namespace: NAMESPACE,
                at: time(NOON),
                zone: chrono_tz::Tz::UTC,
            };
            if signers.allows(asked).is_ok() {
                allowed.push((principal, number));
            }
        }
    }
    allowed
}

#[test]
fn a_list_of_signers_that_is_cut_off_anywhere_lets_nobody_sign_whom_the_whole_does_not() {
    let text = signers();
    let (whole, findings) = read(&text);
    assert!(
        findings.iter().all(|it| !it.contains("error")),
        "{findings:?}"
    );
    assert_eq!(allowed(&whole), [(PEOPLE[0], 1)]);
    for end in 0..text.len() {
        let (cut, findings) = AllowedSigners::read(&Source::new("s", &text[..end]));
        if !findings.iter().any(Finding::is_error) {
            let more = allowed(&cut);
            assert!(
                more.is_empty() || more == allowed(&whole),
                "{end}: {more:?}"
            );
        }
    }
}

#[test]
fn a_list_of_revoked_keys_that_is_cut_off_within_a_key_is_none() {
    let first = format!("{}\n", TestKey::ed25519(1).line());
    let text = format!("{first}{}\n", TestKey::p256().line());
    for end in first.len() + 1..text.len() - 1 {
        let read = Revoked::read(&Source::new("r", &text[..end]));
        assert!(read.is_err(), "{end}: {:?}", &text[first.len()..end]);
    }
}

/// A signed record's bytes.
fn record() -> Vec<u8> {
    let draft = Draft {
        by: "ana".into(),
        body: Body::Noted(Noted {
            text: "it holds".into(),
        }),
    };
    let release = ReleaseName::new("2.4.0").expect("a name");
    let parents = vec![Digest::of(b"before")];
    let record = Record::new(draft, &release, parents, time(NOON), "host");
    let signature = TestKey::ed25519(1).sign(&record.payload());
    record.signed(signature).bytes().to_vec()
}

/// `bytes` with a piece repeated so many times, and a byte changed.
fn damage(
    bytes: &[u8],
    (from, length, times): (usize, usize, usize),
    (at, change): (usize, u8),
) -> Vec<u8> {
    let from = from % bytes.len();
    let to = (from + length).min(bytes.len());
    let mut damaged = [&bytes[..from], &bytes[from..to].repeat(times), &bytes[to..]].concat();
    if !damaged.is_empty() {
        let at = at % damaged.len();
        damaged[at] ^= change;
    }
    damaged
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn no_damage_gives_a_key_that_was_not_there_to_anybody(piece in (any::<usize>(), 0..80usize, 0..3usize), byte in (any::<usize>(), any::<u8>())) {
        let damaged = damage(signers().as_bytes(), piece, byte);
        let text = String::from_utf8_lossy(&damaged).into_owned();
        let (read, _) = AllowedSigners::read(&Source::new("s", text.clone()));
        prop_assert!(allowed(&read).iter().all(|(_, number)| *number != 5));
        let _ = Revoked::read(&Source::new("r", text));
    }

    #[test]
    fn no_bytes_are_a_record_by_chance(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Record::from_bytes(&bytes).is_err());
        prop_assert!(audit::examine("20261120T120000.000Z-noted-x.json", &bytes).is_err());
    }

    #[test]
    fn what_reads_as_a_signed_record_says_what_its_bytes_say(piece in (any::<usize>(), 0..40usize, 0..3usize), byte in (any::<usize>(), any::<u8>())) {
        let whole = record();
        let damaged = damage(&whole, piece, byte);
        let _ = check_canonical(&damaged);
        let Ok(read) = Record::from_bytes(&damaged) else { return Ok(()) };
        if let Ok(sound) = audit::examine(&read.file_name(), &damaged) {
            prop_assert!(sound.signature.is_none() || sound.bytes().to_vec() == damaged);
            // Whatever was changed, the signature does not cover it.
            if let Some(signature) = &sound.signature && damaged != whole {
                let verified = super::verify(signature, &sound.payload());
                prop_assert!(verified.is_err() || sound.payload() == Record::from_bytes(&whole).expect("a record").payload());
            }
        }
    }
}
