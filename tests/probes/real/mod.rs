//! Probes against servers that people run: nginx, BIND, Prometheus, gRPC, OpenSSL. Each is started once for a table of
//! cases, on loopback and from a folder of its own, and ended with it.
//!
//! A program that is not there fails the test and says what to install; `.ci/run` installs them all.

mod bind;
mod grpc;
mod nginx;
mod openssl;
mod prometheus;

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use relgate::domain::probe::judge::Verdict;
use serde_json::Value;

use crate::kinds::sample;
use crate::shop::{Certified, Repository};

/// A server in a process of its own, until it is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, what it says written to a file of `folder`.
    pub fn start(command: &mut Command, folder: &Path) -> Self {
        let log = folder.join("server.log");
        let file = File::create(&log).expect("a log");
        let command = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file);
        let child = command.spawn().expect("a process");
        Self { child, log }
    }

    /// Waits until `is_ready`; a server that ends before fails the test with what it said.
    pub fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool) {
        for _ in 0..1_200 {
            if is_ready() {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended ({status}): {}", self.said());
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("the server does not come up: {}", self.said());
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The path of a program.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(usual)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; apt-get install {package}"))
}

/// Ports that nobody listens on, all different.
pub fn ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("loopback"));
    held.each_ref()
        .map(|one| one.local_addr().expect("an address").port())
}

/// Whether somebody listens there.
pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Writes the files `name.pem` and `name.key`.
pub fn write_certified(files: &Repository, name: &str, certified: &Certified) {
    files.write(&format!("{name}.pem"), &certified.pem());
    files.write(&format!("{name}.key"), &certified.key_pem());
}

/// Every case comes to its verdict, and says why; those that do not are told together.
#[track_caller]
pub fn play(root: &Path, cases: impl IntoIterator<Item = (Value, Verdict, &'static str)>) {
    let mut wrong = Vec::new();
    for (mut asked, verdict, reason) in cases {
        if asked["timeout"].is_null() {
            // A machine that does much else is no fault of a server.
            asked["timeout"] = "10s".into();
        }
        let told = asked.to_string();
        let sample = sample(root, asked);
        let said = sample.reason();
        if sample.verdict != verdict || !said.contains(reason) {
            wrong.push(format!(
                "{told}\n  expected {verdict:?} with {reason:?}, found {:?}: {said}",
                sample.verdict
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
