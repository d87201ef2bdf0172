//! Watching without a terminal: as a service for every release, and detached. And what a bug looks like.

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::run::until;
use crate::team::Team;

/// A second release beside the team's own, deployed, with a window of its own.
fn second_release(team: &Team) {
    let copied = team
        .read("releases/2.0.0/release-notes.md")
        .replace("release: 2.0.0", "release: 2.1.0")
        .replace("# Release 2.0.0", "# Release 2.1.0");
    team.write("releases/2.1.0/release-notes.md", copied);
    team.write("releases/2.1.0/checklist.yaml", "extends: standard\n");
}

#[test]
fn a_service_watches_every_release_and_says_that_it_lives() {
    // req: A13
    let team = Team::new();
    team.deploy();
    second_release(&team);
    let socket = team.path("notify");
    let manager = UnixDatagram::bind(&socket).expect("a socket");
    manager.set_nonblocking(true).expect("it can be");
    let mut command = team.command("rory", &["watch", "--all", "--format", "json"]);
    command.env("NOTIFY_SOCKET", &socket);
    let service = team.start_command(command);
    let mut heard = String::new();
    let mut hears = |text: &str| {
        let mut bytes = [0; 4096];
        while let Ok(length) = manager.recv(&mut bytes) {
            heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
            heard.push('\n');
        }
        heard.contains(text)
    };
    until("the service is ready", || hears("READY=1"));
    until("the watchdog hears of it", || hears("WATCHDOG=1"));
    // A window that somebody opens while it runs is watched, and rolled back by nobody else.
    let open = [
        "incident",
        "open",
        "--title",
        "Broken",
        "--priority",
        "critical",
        "--no-watch",
        "--release",
        "2.0.0",
    ];
    team.run("rory", &open).code(1);
    until("it is rolled back", || {
        team.recorded("rolled-back").len() == 1
    });
    until("it is told", || {
        service.output().contains("\"event\":\"ended\"")
    });
    assert!(
        service.output().contains("\"of\":\"2.0.0\""),
        "{}",
        service.output()
    );
    service.signal(Signal::TERM);
    service.end().code(0);
    until("it says that it stops", || hears("STOPPING=1"));
    assert_eq!(team.recorded("rollback-claimed").len(), 1);
}

#[test]
fn a_detached_watcher_outlives_its_command() {
    let team = Team::new();
    team.deploy();
    let open = [
        "incident",
        "open",
        "--title",
        "Broken",
        "--priority",
        "critical",
        "--no-watch",
    ];
    team.run("rory", &open).code(1);
    let detach = team.run("rory", &["watch", "--detach"]).code(0);
    detach.says(&["watches 2.0.0", "watch.log"]);
    until("it is rolled back", || {
        team.recorded("rolled-back").len() == 1
    });
    until("it is told", || {
        let log = team.path("releases/2.0.0/ledger/output/watch.log");
        std::fs::read_to_string(log).is_ok_and(|text| text.contains("rolled back"))
    });
    team.run("rory", &["ledger", "verify"]).code(0);
}

#[test]
fn a_bug_says_so_and_has_its_own_code() {
    let team = Team::new();
    let mut command = team.command("rory", &["check"]);
    command.env("RELGATE_FAILPOINT", "bug:command");
    // Not by the runner of the other tests, which takes a bug for one.
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(70));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("this is a bug in relgate"), "{said}");
    assert!(said.contains("Please report"), "{said}");
}
