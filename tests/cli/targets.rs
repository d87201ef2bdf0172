//! Two releases on one target: one deployment or rollback at a time, and what a successor takes over.

use crate::run::until;
use crate::team::{NOTES, Team};

const NEXT: &str = "releases/2.1.0/release-notes.md";

/// A team with 2.0.0 live, and 2.1.0 ready to go out.
fn followed(edit: impl Fn(&Team)) -> Team {
    let team = Team::new();
    let notes = team.read(NOTES).replace("2.0.0", "2.1.0");
    team.deploy();
    team.write(NEXT, notes);
    team.write("releases/2.1.0/checklist.yaml", "extends: standard\n");
    edit(&team);
    for by in ["dana", "quin", "dana", "rory"] {
        team.run(by, &["sign", "--all", "--yes", "--release", "2.1.0"])
            .code(0);
    }
    team
}

fn deploy(team: &Team, step: &str) -> crate::run::Ended {
    team.run("omar", &["deploy", step, "--release", "2.1.0"])
}

fn standing(team: &Team, release: &str) -> serde_json::Value {
    let args = ["status", "--format", "json", "--release", release];
    team.run("rory", &args).json()["result"]["releases"][0].clone()
}

fn open(team: &Team, release: &str, priority: &str) {
    let what = ["--title", "it is slow", "--priority", priority];
    let how = ["--no-watch", "--release", release];
    let args = [&["incident", "open"][..], &what, &how].concat();
    team.run("omar", &args).code(1);
}

#[test]
fn the_window_of_a_release_does_not_roll_back_under_the_deployment_of_the_next() {
    let team = followed(|_| ());
    open(&team, "2.0.0", "critical");
    deploy(&team, "start").code(0);
    let watch = team.start("quin", &["watch", "--release", "2.0.0"]);
    until("the window has expired", || {
        standing(&team, "2.0.0")["windows"][0]["left_ms"] == 0
    });
    until("the watcher says so", || {
        watch.output().contains("the deployment of 2.1.0")
    });
    team.run("quin", &["status", "--release", "2.0.0"])
        .says(&["waits for the deployment of 2.1.0 to end"]);
    // The watcher has looked since, and nothing has begun; nobody may begin it by hand.
    until("the watcher saw the deadline pass", || {
        watch.output().contains("expired, then the rollback waits")
    });
    assert!(!team.path("live/runs").exists());
    let by_hand = ["rollback", "--yes", "--reason", "bad", "--release", "2.0.0"];
    team.run("rory", &by_hand).code(7).warns(&["2.1.0"]);
    team.write("live/version", "2.1.0\n");
    deploy(&team, "done")
        .code(0)
        .says(&["2.1.0 takes the place of 2.0.0", "I1"]);
    watch
        .end()
        .code(0)
        .says(&["REPLACED", "2.1.0 took the place of 2.0.0"]);
    assert!(!team.path("live/runs").exists());
    assert_eq!(standing(&team, "2.0.0")["standing"], "replaced");
    team.run("rory", &by_hand)
        .code(7)
        .warns(&["never runs over a newer release", "relgate rollback"]);
    team.run("rory", &["log", "--release", "2.0.0"])
        .code(0)
        .says(&["2.1.0 took its place in production"]);
    team.run("rory", &["sign", "--all", "--yes", "--release", "2.0.0"])
        .code(0);
    team.run("rory", &["close", "--release", "2.0.0"]).code(0);
    team.run("rory", &["ledger", "verify", "--release", "2.0.0"])
        .code(0);
}

#[test]
fn a_deployment_that_failed_gives_the_target_back_to_the_rollback() {
    let team = followed(|_| ());
    deploy(&team, "start").code(0);
    open(&team, "2.0.0", "critical");
    let watch = team.start("quin", &["watch", "--release", "2.0.0"]);
    until("the watcher says so", || {
        watch.output().contains("waits for the deployment of 2.1.0")
    });
    let fail = ["deploy", "fail", "--reason", "no disk"];
    team.run("omar", &[&fail[..], &["--release", "2.1.0"]].concat())
        .code(0);
    watch.end().code(5);
    assert!(team.read("live/runs").starts_with("2.0.0 to 1.0.0"));
}

#[test]
fn one_deployment_or_rollback_at_a_time() {
    let team = followed(|_| ());
    // A rollback that takes its time.
    team.script("#!/bin/sh\ntouch live/begun\nwhile [ -e live/hold ]; do sleep 0.05; done\necho 1.0.0 >live/version\n");
    team.write("live/hold", "");
    open(&team, "2.0.0", "critical");
    let watch = team.start("quin", &["watch", "--release", "2.0.0"]);
    until("the rollback runs", || team.path("live/begun").exists());
    deploy(&team, "start")
        .code(7)
        .warns(&["2.0.0 is being rolled back", "relgate watch"]);
    team.remove("live/hold");
    watch.end().code(5);
    deploy(&team, "start").code(0);
    // A third release waits for the second.
    let notes = team.read(NEXT).replace("2.1.0", "2.2.0");
    team.write("releases/2.2.0/release-notes.md", notes);
    team.write("releases/2.2.0/checklist.yaml", "extends: standard\n");
    for by in ["dana", "quin", "dana", "rory"] {
        team.run(by, &["sign", "--all", "--yes", "--release", "2.2.0"])
            .code(0);
    }
    let third = ["deploy", "start", "--release", "2.2.0"];
    team.run("omar", &third)
        .code(7)
        .warns(&["2.1.0 is being deployed"]);
    deploy(&team, "done").code(0);
    team.run("omar", &third).code(0);
}

#[test]
fn releases_of_two_targets_do_not_wait_for_each_other() {
    let team = followed(|team| {
        team.edit(NEXT, "type: minor\n", "type: minor\ntarget: warehouse\n");
    });
    deploy(&team, "start").code(0);
    open(&team, "2.0.0", "critical");
    team.run("quin", &["watch", "--release", "2.0.0"]).code(5);
    deploy(&team, "done").code(0);
    assert_eq!(standing(&team, "2.0.0")["standing"], "rolled-back");
}

#[test]
fn a_deployment_that_was_cut_off_is_made_known_when_it_is_run_again() {
    let team = followed(|_| ());
    deploy(&team, "start").code(0);
    // As if it had been killed before the other ledger was written.
    let folder = team.path("releases/2.0.0/ledger");
    let said = || {
        let files = std::fs::read_dir(&folder).expect("a folder").flatten();
        let files: Vec<_> = files.map(|it| it.path()).collect();
        let said = |it: &&std::path::PathBuf| it.to_string_lossy().contains("-replacement-");
        files.iter().find(said).cloned()
    };
    std::fs::remove_file(said().expect("it was said")).expect("removed");
    deploy(&team, "start").code(7);
    assert!(said().is_some(), "it is said again");
    std::fs::remove_file(said().expect("it was said")).expect("removed");
    deploy(&team, "done").code(0);
    assert_eq!(standing(&team, "2.0.0")["standing"], "replaced");
}

#[test]
fn past_its_point_of_no_return_nothing_goes_back_by_itself() {
    let team = Team::new();
    team.edit(
        NOTES,
        "  strategy: rolling\n",
        "  strategy: rolling\n  touches: [code, { kind: database, irreversible: true }]\n",
    );
    team.deploy();
    team.remove("live/home");
    team.run("omar", &["verify", "--all", "--yes"])
        .code(1)
        .says(&["point of no return"]);
    assert!(!team.path("live/runs").exists());
    team.run("quin", &["incident", "list"])
        .says(&["past its point of no return"]);
}

#[test]
fn two_releases_in_stages_of_one_target_are_rolled_back_one_after_the_other() {
    let team = Team::new();
    let stages = "  strategy: canary\n  stages: [{ id: canary }, { id: full }]\n";
    team.edit(NOTES, "  strategy: rolling\n", stages);
    team.edit(NOTES, "attempts: 2", "attempts: 1");
    let hold = "#!/bin/sh\nexec 9>>live/alone\nflock -n 9 || touch live/overlap\nsleep 1\n";
    team.script(&format!("{hold}echo 1.0.0 >live/version\n"));
    let next = team.read(NOTES).replace("2.0.0", "2.1.0");
    team.deploy();
    team.run("omar", &["verify", "--all", "--yes"]).code(0);
    team.run("omar", &["deploy", "start"]).code(0);
    team.run("omar", &["deploy", "done"]).code(0);
    team.write(NEXT, next);
    team.write("releases/2.1.0/checklist.yaml", "extends: standard\n");
    for by in ["dana", "quin", "dana", "rory"] {
        team.run(by, &["sign", "--all", "--yes", "--release", "2.1.0"])
            .code(0);
    }
    // 2.1.0 takes over the canary; 2.0.0 runs in the other stage.
    deploy(&team, "start").code(0);
    deploy(&team, "done").code(0);
    open(&team, "2.0.0", "critical");
    open(&team, "2.1.0", "critical");
    let watches = ["2.0.0", "2.1.0"].map(|it| team.start("quin", &["watch", "--release", it]));
    for watch in watches {
        watch.end().code(5);
    }
    assert!(!team.path("live/overlap").exists());
}

#[test]
fn a_deployment_stays_done_where_the_ledger_of_what_it_replaces_cannot_be_written() {
    let team = followed(|_| ());
    deploy(&team, "start").code(0);
    let folder = team.path("releases/2.0.0/ledger");
    let moved = team.path("live/ledger");
    std::fs::rename(&folder, &moved).expect("moved");
    team.write("releases/2.0.0/ledger", "no folder");
    deploy(&team, "done")
        .code(0)
        .says(&["production is done", "WARNING", "relgate deploy done"]);
    std::fs::remove_file(&folder).expect("removed");
    std::fs::rename(&moved, &folder).expect("moved back");
    assert_eq!(standing(&team, "2.0.0")["standing"], "deployed");
    deploy(&team, "done").code(7);
    assert_eq!(standing(&team, "2.0.0")["standing"], "replaced");
}
