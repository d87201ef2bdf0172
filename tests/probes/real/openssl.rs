//! OpenSSL's own server: versions, and client certificates that are refused after the handshake.

use std::process::Command;

use relgate::domain::probe::judge::Verdict::{self, Fail, Pass};
use serde_json::{Value, json};

use super::{Process, play, ports, program, write_certified};
use crate::shop::Repository;

/// Starts a server with these options, and plays the cases.
fn with(files: &Repository, options: &[&str], cases: Vec<(Value, Verdict, &'static str)>) {
    let [port] = ports::<1>();
    let mut command = Command::new(program("openssl", "openssl"));
    command.current_dir(files.path());
    command.args(["s_server", "-accept", &format!("127.0.0.1:{port}")]);
    command.args(["-cert", "server.pem", "-key", "server.key", "-www"]);
    command.args(options);
    let mut process = Process::start(&mut command, files.path());
    // A connection that says nothing would keep it from the next: it is only looked whether it has said that it listens.
    process.wait_until(|| process_listens(port));
    let cases = cases.into_iter().map(|(mut asked, verdict, reason)| {
        let kind = if asked["tls"].is_null() { "tcp" } else { "tls" };
        asked[kind]["address"] = format!("127.0.0.1:{port}").into();
        (asked, verdict, reason)
    });
    play(files.path(), cases);
}

/// Whether somebody listens there: nobody else can.
fn process_listens(port: u16) -> bool {
    std::net::TcpListener::bind(("127.0.0.1", port)).is_err()
}

fn tls(more: Value) -> Value {
    let mut tls = json!({"ca": "ca.pem"});
    for (key, value) in more.as_object().expect("an object") {
        tls[key] = value.clone();
    }
    json!({"tls": tls})
}

#[test]
fn versions_and_client_certificates_are_refused_as_openssl_does() {
    let files = Repository::new();
    write_certified(
        &files,
        "server",
        &files.authority.certify("127.0.0.1", |_| {}),
    );
    let refuses = |version: &str| tls(json!({"expect": {"refuses": version}}));
    let goes_on = "expected refused, found it goes on with it";
    with(
        &files,
        &["-tls1_3"],
        vec![
            (refuses("tls1.0"), Pass, "3 of 3"),
            (refuses("tls1.2"), Pass, "3 of 3"),
        ],
    );
    with(
        &files,
        &["-cipher", "ALL:@SECLEVEL=0"],
        vec![
            (refuses("ssl3.0"), Pass, "3 of 3"),
            (refuses("tls1.0"), Fail, goes_on),
            (refuses("tls1.1"), Fail, goes_on),
        ],
    );
    let shown = |name: &str| json!({"client_certificate": {"cert": format!("{name}.pem"), "key": format!("{name}.key")}});
    let over_tcp = |name: &str| {
        let mut terms = shown(name);
        terms["ca"] = "ca.pem".into();
        json!({"tcp": {"tls": terms}})
    };
    for version in ["-tls1_3", "-tls1_2"] {
        with(
            &files,
            &[
                version,
                "-Verify",
                "1",
                "-verify_return_error",
                "-CAfile",
                "ca.pem",
            ],
            vec![
                (tls(shown("client")), Pass, "2 of 2"),
                (tls(shown("other")), Fail, "the alert"),
                (over_tcp("client"), Pass, "1 of 1"),
                (over_tcp("other"), Fail, "the alert"),
            ],
        );
        // Without tickets it says nothing by itself.
        with(
            &files,
            &[
                version,
                "-num_tickets",
                "0",
                "-Verify",
                "1",
                "-verify_return_error",
                "-CAfile",
                "ca.pem",
            ],
            vec![
                (tls(shown("client")), Pass, "2 of 2"),
                (tls(shown("other")), Fail, "the alert"),
            ],
        );
    }
}
