//! Files that are wrong, one by one and several at once: each is told with its place, and what is missing with the next
//! command.

use crate::team::{NOTES, Team};

const CHECKLIST: &str = ".relgate/checklists/standard.yaml";
const SEARCH: &str = "      command: { argv: [test, -f, live/search], expect: { exit: 0 } }\n";

/// A probe of the plan names these files.
fn names_files(team: &Team, ca: &str, schema: &str) {
    let probe = format!(
        "      http:
        url: https://shop.example/
        ca: {ca}
        expect: {{ status: 200, json_schema: {schema} }}
"
    );
    team.edit(NOTES, SEARCH, &probe);
}

#[test]
fn a_file_that_a_probe_names_is_there_before_it_is_asked() {
    let team = Team::new();
    names_files(&team, "shop/ca.pem", "shop/order.json");
    team.write("shop/order.json", "{\"type\": \"objekt\"}");
    let text = team.read(NOTES);
    let line = |part: &str| {
        let at = text.lines().position(|line| line.contains(part));
        at.expect(part) + 1
    };
    let (ca, schema) = (line("ca: shop/ca.pem"), line("json_schema"));
    let ca = format!("{NOTES}:{ca}:13: probe \"search\": the file");
    let schema = format!(
        "{NOTES}:{schema}:45: probe \"search\": the file shop/order.json holds no JSON Schema"
    );
    for command in [&["lint"][..], &["check"], &["deploy", "start"]] {
        let refused = team.run("rory", command).code(3);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        let json = team
            .run("rory", &[command, &["--format", "json"]].concat())
            .code(3);
        assert!(
            said.contains("shop/ca.pem cannot be read") && said.contains("objekt"),
            "{said}"
        );
        for finding in [&ca, &schema] {
            let place: Vec<&str> = finding.splitn(4, ':').collect();
            let (line, column) = (place[1], place[2]);
            assert!(
                said.contains(&format!(":{line}:{column}")),
                "{finding}: {said}"
            );
            assert!(
                json.stdout.contains("probe \\\"search\\\": the file"),
                "{json}"
            );
        }
    }
    assert_eq!(team.recorded("checked").len(), 0);
    // Whoever signs need not have them, and a window is not given up for them.
    team.run("dana", &["status"]).code(0);
    team.write("shop/order.json", "{\"type\": \"object\"}");
    team.write("shop/ca.pem", "no certificate");
    team.run("rory", &["lint"])
        .code(3)
        .says(&["the file shop/ca.pem holds no certificate"]);
}

#[test]
fn a_file_of_another_machine_is_only_warned_about() {
    let team = Team::new();
    let elsewhere = team.path("live/ca.pem");
    names_files(&team, &elsewhere.display().to_string(), "'${env:SCHEMA}'");
    team.run("rory", &["lint"]).code(0).says(&[
        "warning",
        "ca.pem cannot be read",
        "on the machine that asks",
    ]);
    team.run("rory", &["check"]).code(1);
}

#[test]
fn an_error_in_one_file_hides_none_of_another() {
    let team = Team::new();
    team.edit("relgate.yaml", "version: 1", "version: 1\nrole: {}");
    team.edit(NOTES, "previous: 1.0.0", "previous: [1.0.0");
    team.edit(
        CHECKLIST,
        "argv: [test, -f, live/home]",
        "argv: [test, -f, '${HOME}']",
    );
    team.write("releases/2.1.0/checklist.yaml", "extends: standrad\n");
    team.write("releases/2.1.0/release-notes.md", [0xff, 0xfe]);
    team.run("rory", &["lint"]).code(3).says(&[
        "unknown key \"role\"",
        "releases/2.0.0/release-notes.md:",
        "${HOME}",
        "\"standrad\"",
        "releases/2.1.0/release-notes.md",
        "not UTF-8",
    ]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding_beside_the_others() {
    let team = Team::new();
    team.remove(CHECKLIST);
    team.write(&format!("{CHECKLIST}/a-folder"), "");
    team.edit(NOTES, "previous: 1.0.0", "previous: [1.0.0");
    team.run("rory", &["lint"]).code(3).says(&[
        "releases/2.0.0/release-notes.md:",
        CHECKLIST,
        "the file cannot be read",
    ]);
}

#[test]
fn a_release_without_probes_says_so_and_what_to_do() {
    let team = Team::new();
    let item = "\n        probe:\n          id: old-shop-up\n          command: { argv: [test, -f, live/home], expect: { exit: 0 } }";
    team.edit(CHECKLIST, item, "");
    team.cut(NOTES, "deployment:\n", "---\n", "");
    let listed = team.run("rory", &["probe", "list"]).code(0).says(&[
        "0 probes in the release 2.0.0",
        "nothing is asked of the running system",
        "next: relgate schema release-notes",
        "relgate check --release 2.0.0",
    ]);
    assert!(!listed.stdout.contains("where"), "{listed}");
    let json = team
        .run("rory", &["probe", "list", "--format", "json"])
        .code(0);
    assert_eq!(json.json()["result"]["probes"], serde_json::json!([]));
    team.run("rory", &["check"]).code(1);
}

#[test]
fn a_base_that_is_not_there_is_never_one_without_gates() {
    let team = Team::new();
    // Whatever the policy demands.
    team.edit("relgate.yaml", "checklists:\n  default: standard\n", "");
    team.write("releases/2.0.0/checklist.yaml", "extends: standrad\n");
    for command in ["lint", "check"] {
        let refused = team.run("rory", &[command]).code(3);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        let missing = "the checklist \"standrad\" is not declared in .relgate/checklists";
        assert!(
            said.contains("checklist.yaml:1:10") && said.contains(missing),
            "{said}"
        );
    }
    // The same where it is a base that extends one.
    team.write(
        ".relgate/checklists/standrad.yaml",
        "extends: gone\ngates: []\n",
    );
    team.run("rory", &["lint"])
        .code(3)
        .says(&["the checklist \"gone\""]);
}

#[test]
fn what_cannot_be_executed_is_found_by_check() {
    use std::os::unix::fs::PermissionsExt;
    let team = Team::new();
    team.write("smoke.sh", "#!/bin/sh\n");
    team.edit(NOTES, "argv: [test, -f, live/search]", "argv: [./smoke.sh]");
    let mode = |file: &str, mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(team.path(file), mode).expect("permitted");
    };
    mode("smoke.sh", 0o755);
    team.run("rory", &["lint"]).code(0);
    for (program, why) in [
        ("echo back\n", "write #!/bin/sh"),
        ("", "is empty"),
        ("#!/bin/sh\r\ntrue\r\n", "carriage return"),
        ("#!/no/such/python\n", "/no/such/python"),
        ("#!/usr/bin/env no-such-python\n", "no-such-python"),
    ] {
        // A step of the rollback plan.
        team.script(program);
        team.run("rory", &["check"])
            .code(1)
            .says(&["the rollback step", why]);
        team.script("#!/bin/sh\n");
        // A probe of the verification plan.
        team.write("smoke.sh", program);
        team.run("rory", &["lint"]).code(0).says(&["warning", why]);
        team.run("rory", &["check"])
            .code(3)
            .warns(&["probe \"search\"", why]);
        team.write("smoke.sh", "#!/bin/sh\n");
    }
    mode("back.sh", 0o644);
    team.run("rory", &["check"]).code(1).says(&["chmod +x"]);
}

#[test]
fn what_is_written_goes_through_no_link() {
    use std::os::unix::fs::symlink;
    let team = Team::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let outside = elsewhere.path();
    // A new release whose folder is a link, a manual page that is one, a folder of pages that is one.
    symlink(outside, team.path("releases/3.0.0")).expect("linked");
    team.run("dana", &["new", "3.0.0", "--type", "minor"])
        .code(3)
        .warns(&["symbolic link"]);
    std::fs::create_dir(team.path("man")).expect("made");
    symlink(outside.join("page"), team.path("man/relgate.1")).expect("linked");
    team.run("dana", &["man", "--out", "man"])
        .code(3)
        .warns(&["relgate.1 is a symbolic link"]);
    symlink(outside, team.path("pages")).expect("linked");
    team.run("dana", &["man", "--out", "pages"]).code(3);
    let written = std::fs::read_dir(outside).expect("a folder").count();
    assert_eq!(written, 0);
    // Written twice, the pages are those of the second time.
    team.write("docs/relgate.1", "old");
    team.run("dana", &["man", "--out", "docs"]).code(0);
    assert!(team.read("docs/relgate.1").contains("relgate"));
    // A checklist that is a link is read as before.
    let checklist = team.path("releases/2.0.0/checklist.yaml");
    std::fs::rename(&checklist, outside.join("shared.yaml")).expect("moved");
    symlink(outside.join("shared.yaml"), &checklist).expect("linked");
    team.remove("releases/3.0.0");
    team.run("rory", &["lint"]).code(0);
}

#[test]
fn what_was_typed_acts_on_no_terminal() {
    let team = Team::new();
    for typed in [
        "\u{1b}[2J",
        "\u{202e}x",
        "a\u{200b}b",
        "x\n::set-output name=go::true",
        "##[set-output name=go]true",
    ] {
        for args in [
            &["check", "--phase", typed][..],
            &[typed],
            &["status", typed],
            &["check", "--release", typed],
            &["check", "--explain", typed],
            &["status", "--policy", typed],
        ] {
            let ended = team.run("rory", args);
            let said = format!("{}{}", ended.stdout, ended.stderr);
            let acts = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}".contains(c));
            assert!(!said.chars().any(acts), "{args:?}: {said:?}");
            let human = !said.lines().any(|line| line.starts_with("::"));
            assert!(human, "{args:?}: {said:?}");
        }
    }
    let typed = team.run("rory", &["##[set-output name=go]true"]);
    assert!(!typed.stderr.contains("##["), "{}", typed.stderr);
}
