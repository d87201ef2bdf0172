//! A gRPC server of the reference implementation (grpcio), with a health service.

use std::process::Command;

use relgate::domain::probe::judge::Verdict::{Fail, Pass};
use serde_json::{Value, json};

use super::{Process, listens, play, ports, program, write_certified};
use crate::shop::Repository;

/// Debian's, which has its packages, whatever else is first in PATH.
const PYTHON: &str = "/usr/bin/python3";

#[test]
fn what_people_ask_of_a_grpc_server_has_its_verdict() {
    program("python3", "python3");
    let has = Command::new(PYTHON).args(["-c", "import grpc"]).output();
    assert!(
        has.is_ok_and(|it| it.status.success()),
        "Python's grpc is not installed; apt-get install python3-grpcio"
    );
    let files = Repository::new();
    let root = files.path();
    write_certified(
        &files,
        "server",
        &files.authority.certify("127.0.0.1", |_| {}),
    );
    files.write("health.py", include_str!("health.py"));
    let [plain, tls, strict, bare] = ports::<4>();
    let mut command = Command::new(PYTHON);
    command.arg("health.py").current_dir(root);
    command.args([plain, tls, strict, bare].map(|port| port.to_string()));
    let mut process = Process::start(&mut command, root);
    process.wait_until(|| [plain, tls, strict, bare].into_iter().all(listens));
    let ask = |port: u16, more: Value| {
        let mut grpc = json!({"address": format!("127.0.0.1:{port}")});
        for (key, value) in more.as_object().expect("an object") {
            grpc[key] = value.clone();
        }
        json!({"grpc": grpc})
    };
    let status =
        |service: &str, status: &str| json!({"service": service, "expect": {"status": status}});
    let shown = |name: &str| {
        json!({"tls": true, "ca": "ca.pem", "client_certificate":
            {"cert": format!("{name}.pem"), "key": format!("{name}.key")}})
    };
    let private = |token: &str| json!({"service": "private", "metadata": {"authorization": format!("Bearer {token}"), "x-raw-bin": "AAE="}});
    play(
        root,
        [
            (ask(plain, json!({})), Pass, "1 of 1"),
            (ask(plain, json!({"service": "cart"})), Pass, "1 of 1"),
            (
                ask(plain, json!({"service": "down"})),
                Fail,
                "found NOT_SERVING",
            ),
            (ask(plain, status("down", "NOT_SERVING")), Pass, "1 of 1"),
            (ask(plain, status("starting", "UNKNOWN")), Pass, "1 of 1"),
            (
                ask(plain, json!({"service": "pay"})),
                Fail,
                "SERVICE_UNKNOWN",
            ),
            (ask(plain, status("pay", "SERVICE_UNKNOWN")), Pass, "1 of 1"),
            (
                ask(plain, json!({"service": "busy"})),
                Fail,
                "14: going down",
            ),
            (ask(bare, json!({})), Fail, "no health service"),
            (ask(plain, private("t0k3n")), Pass, "1 of 1"),
            (ask(plain, private("other")), Fail, "found NOT_SERVING"),
            (
                ask(tls, json!({"tls": true, "ca": "ca.pem"})),
                Pass,
                "1 of 1",
            ),
            (
                ask(tls, json!({"tls": true})),
                Fail,
                "issuer is not trusted",
            ),
            (
                ask(
                    tls,
                    json!({"tls": true, "ca": "ca.pem", "server_name": "pay.example"}),
                ),
                Fail,
                "expected pay.example",
            ),
            (ask(tls, json!({})), Fail, ""),
            (
                ask(plain, json!({"tls": true, "ca": "ca.pem"})),
                Fail,
                "TLS",
            ),
            (ask(strict, shown("client")), Pass, "1 of 1"),
            (ask(strict, shown("other")), Fail, ""),
            (ask(strict, json!({"tls": true, "ca": "ca.pem"})), Fail, ""),
        ],
    );
}
