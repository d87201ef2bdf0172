//! Client certificates that few libraries take: of X.509 version 1, shown to OpenSSL; and keys that TLS cannot sign with.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use relgate::domain::probe::files::FileUse;
use relgate::domain::probe::judge::Verdict;
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::json;

use crate::shop::{Repository, pem};
use crate::support::{PATIENCE, probe};

const V1: &str = include_str!("../../src/effects/probe/testdata/v1.pem");
const V1_KEY: &str = include_str!("../../src/effects/probe/testdata/v1.key");
const V1_AUTHORITY: &str = include_str!("../../src/effects/probe/testdata/v1-ca.pem");
const P521: &str = include_str!("../../src/effects/probe/testdata/p521.pem");
const P521_KEY: &str = include_str!("../../src/effects/probe/testdata/p521.key");

/// OpenSSL's own server, which requires a certificate of `v1-ca.pem`.
struct OpenSsl {
    child: Child,
    port: u16,
}

impl OpenSsl {
    fn new(repository: &Repository) -> Self {
        let child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-Verify", "1"])
            .args(["-verify_return_error", "-CAfile", "v1-ca.pem"])
            .args(["-cert", "server.pem", "-key", "server.key"])
            .current_dir(repository.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server = Self {
            child: child.expect("openssl; install it: apt-get install openssl"),
            port: 0,
        };
        let out = server.child.stdout.take().expect("its output");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let accepting = lines.find(|line| line.starts_with("ACCEPT"));
        let port = accepting.and_then(|line| line.rsplit(':').next()?.trim().parse().ok());
        server.port = port.expect("the port");
        // What it prints is not read on: a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        server
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_client_certificate_of_the_first_version_is_shown() {
    let repository = Repository::new();
    let certified = repository.authority.certify("shop.example", |_| {});
    repository.write("server.pem", &certified.pem());
    repository.write(
        "server.key",
        &pem("PRIVATE KEY", &certified.key.serialize_der()),
    );
    for (name, text) in [
        ("v1.pem", V1),
        ("v1.key", V1_KEY),
        ("v1-ca.pem", V1_AUTHORITY),
    ] {
        repository.write(name, text);
    }
    let server = OpenSsl::new(&repository);
    let url = format!("https://shop.example:{}/", server.port);
    for (cert, key, verdict, reason) in [
        ("v1.pem", "v1.key", Verdict::Pass, "hold"),
        ("other.pem", "other.key", Verdict::Fail, "alert"),
        (
            "v1.pem",
            "other.key",
            Verdict::Error,
            "the client certificate: ",
        ),
    ] {
        let http = json!({
            "url": url, "ca": "ca.pem", "resolve": {"shop.example": "127.0.0.1"},
            "client_certificate": {"cert": cert, "key": key}, "expect": {"status": 200},
        });
        let probe = probe("one", json!({"http": http}));
        let sample = SystemProber::new(repository.path()).sample(&[probe], 1, Some(PATIENCE));
        let why = sample[0].reason();
        assert_eq!(sample[0].verdict, verdict, "{cert} {key}: {why}");
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_known_before_anything_is_asked() {
    let repository = Repository::new();
    repository.write("p521.pem", P521);
    repository.write("p521.key", P521_KEY);
    let prober = SystemProber::new(repository.path());
    let why = prober.can_use("p521.key", FileUse::Key).expect_err("P-521");
    assert!(
        why.contains("P-521") && why.contains("issue a certificate"),
        "{why}"
    );
    let why = prober
        .can_use("p521.pem", FileUse::Authorities)
        .expect_err("P-521");
    assert!(
        why.contains("P-521") && why.contains("name one with"),
        "{why}"
    );
    assert_eq!(prober.can_use("client.key", FileUse::Key), Ok(()));
    let http = json!({
        "url": "https://127.0.0.1:1/", "expect": {"status": 200},
        "client_certificate": {"cert": "p521.pem", "key": "p521.key"},
    });
    let sample = prober.sample(&[probe("one", json!({"http": http}))], 1, Some(PATIENCE));
    assert_eq!(sample[0].verdict, Verdict::Error);
    assert!(
        sample[0].reason().contains("P-521"),
        "{}",
        sample[0].reason()
    );
}
