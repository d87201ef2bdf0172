//! What was signed at the beginning of a deployment is what is verified, watched and rolled back, whatever is edited since.

use crate::team::{NOTES, Team};

fn deployed() -> Team {
    let team = Team::new();
    team.deploy();
    team
}

#[test]
fn what_is_edited_after_the_go_is_named_and_not_used_until_it_is_repinned() {
    let team = deployed();
    let started = &team.recorded("deploy-started")[0];
    assert_eq!(
        started["anchor"]["files"]["back.sh"].as_str().map(str::len),
        Some(64),
        "{started}"
    );
    team.edit(NOTES, "argv: [test, -f, live/search]", "argv: [\"true\"]");
    team.remove("live/search");
    team.run("omar", &["verify", "--all", "--yes", "--no-watch"])
        .code(1)
        .warns(&["verification.probes.search.command.argv"]);
    team.run("omar", &["incident", "list"])
        .code(0)
        .warns(&["edited since the go"]);
    team.run("omar", &["status"])
        .code(0)
        .says(&["edited since the go", "deploy repin"]);
    let json = team.run("omar", &["--format", "json", "status"]).json();
    let edited = &json["result"]["releases"][0]["edited"];
    assert!(
        edited.as_array().is_some_and(|it| !it.is_empty()),
        "{json:#}"
    );
    // The incident is no reason against it; that nobody signed what is there now, is.
    team.run("omar", &["deploy", "repin"]).code(1);
    assert!(team.recorded("deploy-repinned").is_empty());
    for (by, gate, role) in [
        ("dana", "development", "developer"),
        ("quin", "qa", "qa-lead"),
        ("dana", "go-no-go", "developer"),
        ("quin", "go-no-go", "qa-lead"),
        ("rory", "go-no-go", "release-manager"),
    ] {
        team.run(by, &["sign", gate, "--as", role, "--all", "--yes"])
            .code(0);
    }
    team.run("omar", &["deploy", "repin"]).code(0);
    let repinned = &team.recorded("deploy-repinned")[0];
    assert_eq!(repinned["stage"], "production");
    // A go that left incidents out lets nothing be deployed.
    let checks = team.recorded("checked");
    assert_eq!(checks.last().map(|it| &it["repin"]), Some(&true.into()));
    team.run("quin", &["incident", "resolve", "I1", "--override", "x"])
        .code(0);
    team.run("omar", &["verify", "--all", "--yes", "--no-watch"])
        .code(0);
}

#[test]
fn files_that_are_broken_or_gone_keep_nobody_from_opening_an_incident_and_rolling_back() {
    for broken in ["notes", "checklist", "policy", "all"] {
        let team = deployed();
        let files = [
            ("notes", NOTES),
            ("checklist", "releases/2.0.0/checklist.yaml"),
            ("policy", "relgate.yaml"),
        ];
        for (name, file) in files {
            match broken {
                "all" if name == "policy" => team.write(file, "people: ["),
                "all" => team.remove(file),
                one if one == name => team.write(file, "a: [b"),
                _ => {}
            }
        }
        let open = ["--title", "down", "--priority", "critical", "--no-watch"];
        let args = [&["incident", "open"][..], &open].concat();
        team.run("omar", &args).code(1).says(&["I1"]);
        let opened = &team.recorded("incident-opened")[0];
        assert_eq!(opened["plan"]["previous"], "1.0.0", "{broken}");
        team.run("rory", &["rollback", "--yes", "--reason", "down"])
            .code(5);
        assert_eq!(team.read("live/version"), "1.0.0\n", "{broken}");
    }
}

#[test]
fn a_program_that_was_edited_runs_at_expiry_and_the_record_says_so() {
    let team = deployed();
    let script = team.read("back.sh");
    team.script(&format!("{script}\n# edited\n"));
    team.run("rory", &["rollback", "--yes", "--reason", "x"])
        .code(5)
        .says(&["back.sh was"]);
    let step = &team.recorded("step-started")[0];
    assert_eq!(step["edited"], "back.sh");
    team.run("rory", &["log"])
        .code(0)
        .says(&["back.sh is not what was signed"]);
}

#[test]
fn a_strict_policy_runs_no_program_that_was_edited() {
    let team = Team::new();
    team.edit("relgate.yaml", "version: 1\n", "version: 1\nstrict: true\n");
    team.deploy();
    let script = team.read("back.sh");
    team.script(&format!("{script}\n# edited\n"));
    team.run("rory", &["rollback", "--yes", "--reason", "x"])
        .code(6);
    assert!(team.recorded("step-started").is_empty());
    let ended = team.recorded("step-ended");
    assert_eq!(ended[0]["outcome"]["how"], "not-started");
    // Put back, it is what was signed, and a person tries again.
    team.script(&script);
    team.run("rory", &["rollback", "--yes", "--reason", "again"])
        .code(5);
    assert_eq!(team.read("live/version"), "1.0.0\n");
}
