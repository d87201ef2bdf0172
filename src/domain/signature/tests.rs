use proptest::prelude::*;

use super::key::PublicKey;
use super::sshsig::SshSig;
use super::testing::{TestKey, armor};
use super::*;

mod artifacts;
mod damaged;
mod judging;
mod signers;

const PAYLOAD: &[u8] = b"{\"by\":\"ana\"}";

fn verify(armored: &str, payload: &[u8]) -> Result<(), Flaw> {
    SshSig::read(armored)?.verify(payload)
}

fn keys() -> Vec<TestKey> {
    vec![
        TestKey::ed25519(1),
        TestKey::p256(),
        TestKey::p384(),
        TestKey::ed25519(2).security(true),
        TestKey::p256().security(true),
    ]
}

#[test]
fn a_signature_is_over_these_bytes_by_this_key_and_no_others() {
    for key in keys() {
        let armored = key.sign(PAYLOAD);
        assert_eq!(verify(&armored, PAYLOAD), Ok(()));
        assert_eq!(
            SshSig::read(&armored).expect("it").maker.key(),
            &key.public()
        );
        assert_eq!(verify(&armored, b"{\"by\":\"bea\"}"), Err(Flaw::Tampered));
        let other = TestKey::ed25519(9).sign(PAYLOAD);
        assert_ne!(armored, other);
    }
}

#[test]
fn every_form_that_openssh_reads_is_read() {
    for key in keys() {
        let armored = key.sign(PAYLOAD);
        let lines: Vec<&str> = armored.lines().collect();
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        let base64 = lines[1..lines.len() - 1].concat();
        let wrapped = |width: usize| -> String {
            let lines = base64.as_bytes().chunks(width);
            lines
                .map(|it| String::from_utf8_lossy(it).into_owned() + "\n")
                .collect()
        };
        for form in [
            format!("{first}\n{base64}\n{last}"),
            format!("{first}\n{}{last}\n\n", wrapped(64)),
            format!("{first}\n{} \n{last} \n", wrapped(3)),
            armored.replace('\n', "\r\n"),
        ] {
            assert_eq!(verify(&form, PAYLOAD), Ok(()), "{form}");
        }
        for form in [format!("{first}{base64}{last}"), format!(" {armored}")] {
            assert!(verify(&form, PAYLOAD).is_err(), "{form}");
        }
    }
}

#[test]
fn another_namespace_is_another_purpose() {
    for namespace in ["git", "file", "", "relgate2", "Relgate"] {
        let armored = TestKey::ed25519(1).sign_in(namespace, PAYLOAD);
        let found = namespace.to_owned();
        assert_eq!(
            verify(&armored, PAYLOAD),
            Err(Flaw::WrongNamespace { found })
        );
    }
}

#[test]
fn a_security_key_must_have_been_touched() {
    for key in [TestKey::ed25519(1), TestKey::p256()] {
        let key = key.security(false);
        let fingerprint = key.public().fingerprint();
        assert_eq!(
            verify(&key.sign(PAYLOAD), PAYLOAD),
            Err(Flaw::Untouched { fingerprint })
        );
    }
}

#[test]
fn weak_and_unknown_kinds_are_not_verified() {
    let rsa = |bytes: usize| {
        let mut blob = Vec::new();
        for part in [b"ssh-rsa".to_vec(), vec![1, 0, 1], vec![0x7f; bytes]] {
            wire::put(&mut blob, &part);
        }
        PublicKey::from_blob(&blob)
    };
    assert!(matches!(rsa(128), Err(Flaw::Unsupported { .. })));
    assert!(matches!(rsa(255), Err(Flaw::Unsupported { .. })));
    assert!(rsa(256).is_ok());
    let mut blob = Vec::new();
    wire::put(&mut blob, b"ssh-dss");
    assert!(matches!(
        PublicKey::from_blob(&blob),
        Err(Flaw::Unsupported { .. })
    ));
}

#[test]
fn what_is_cut_off_or_goes_on_is_malformed() {
    let armored = TestKey::ed25519(1).sign(PAYLOAD);
    for end in (0..armored.len()).filter(|end| armored.is_char_boundary(*end)) {
        // The last line's end alone says nothing.
        let read = verify(&armored[..end], PAYLOAD);
        assert!(read.is_err() || end + 1 == armored.len(), "{end}");
    }
    for more in [
        format!("{armored}x"),
        format!("x{armored}"),
        armored.repeat(2),
        "A".repeat(40_000),
    ] {
        assert!(
            matches!(verify(&more, PAYLOAD), Err(Flaw::Malformed { .. })),
            "{more}"
        );
    }
}

#[test]
fn the_fingerprint_is_the_one_that_openssh_shows() {
    let line =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMFEkfJNHZ6Ipe9+nz8Qraxgj/eAABZCDbChl90Bwa1J ana@shop";
    let key = PublicKey::from_line(line).expect("a key");
    assert_eq!(key.fingerprint(), FINGERPRINT);
    assert!(line.starts_with(&key.line()));
}

const FINGERPRINT: &str = "SHA256:IpsgwnKme4ro4pxNbXu7hS5so3P1KfPk0bnDkKbhjEY";

/// The bytes of a signature's armor.
fn blob(armored: &str) -> Vec<u8> {
    use base64::Engine;
    let body: String = armored
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(body)
        .expect("base64")
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&armor(&bytes), PAYLOAD).is_err());
        prop_assert!(verify(&String::from_utf8_lossy(&bytes), PAYLOAD).is_err());
    }

    #[test]
    fn no_damaged_signature_holds(at in 0..500usize, change in 1..=255u8, which in 0..5usize) {
        let key = &keys()[which];
        let mut bytes = blob(&key.sign(PAYLOAD));
        let at = at % bytes.len();
        bytes[at] ^= change;
        prop_assert!(verify(&armor(&bytes), PAYLOAD).is_err(), "byte {} of {}", at, bytes.len());
    }

    #[test]
    fn no_shortened_or_repeated_part_makes_the_reader_panic(from in 0..300usize, length in 0..60usize, times in 0..3usize) {
        let bytes = blob(&TestKey::p256().security(true).sign(PAYLOAD));
        let from = from % bytes.len();
        let to = (from + length).min(bytes.len());
        let damaged = [&bytes[..from], &bytes[from..to].repeat(times), &bytes[to..]].concat();
        prop_assert_eq!(verify(&armor(&damaged), PAYLOAD).is_ok(), damaged == bytes);
    }
}
