//! `init` and `new` give files that work at once: one person is led from a fresh folder to a go.

use std::fs;
use std::path::Path;
use std::time::Duration;

use relgate::domain::completeness;
use relgate::domain::finding::Source;
use relgate::domain::release::ReleaseType;
use relgate::parse;

/// Runs relgate in `folder` as the person of the preset, insists on the exit code, and returns what it printed.
fn relgate(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_relgate"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("RELGATE_BY", "you")
        .timeout(Duration::from_secs(60))
        .output()
        .expect("relgate runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "relgate {arguments:?}\n{text}\n{errors}"
    );
    text
}

/// Fills in what a template leaves to the author, as an author would: values behind keys, text below headings.
fn filled_in(template: &str) -> String {
    let mut text = template.to_owned();
    for (key, value) in [
        ("reason", "The autumn schedule."),
        ("team", "Catalogue team"),
        ("previous", "2.3.9"),
        ("deploy_at", "2020-01-31T18:00:00+01:00"),
    ] {
        text = text.replace(&format!("\n{key}:\n"), &format!("\n{key}: {value}\n"));
    }
    text = text.replace("\n  strategy:\n", "\n  strategy: rolling\n");
    let program = "command: { argv: [\"true\"], expect: { exit: 0 } }";
    for (key, value) in [
        (
            "checklist",
            "- { id: in-place, title: It is in place }".to_owned(),
        ),
        ("probes", format!("- {{ id: works, {program} }}")),
        (
            "plan",
            "- { id: back, kind: configuration, argv: [\"true\"] }".to_owned(),
        ),
        ("target_probe", format!("  {{ id: is-back, {program} }}")),
        ("verify", format!("- {{ id: works-again, {program} }}")),
    ] {
        text = text.replace(
            &format!("\n  {key}:\n"),
            &format!("\n  {key}:\n  {value}\n"),
        );
    }
    for heading in [
        "Summary",
        "Changes",
        "Breaking changes",
        "Migration steps",
        "Known issues",
        "Expected behaviour",
    ] {
        let line = format!("\n## {heading}\n");
        text = text.replace(&line, &format!("{line}\n- Something of it.\n"));
    }
    text
}

#[test]
fn init_and_new_lead_one_person_to_a_go_for_every_type() {
    // req: B1, req: C2
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    relgate(folder, &["init"], 0);
    for kind in ReleaseType::ALL {
        let release = format!("2.4.0-{}", kind.word());
        let at = |arguments: &[&str], code| {
            relgate(
                folder,
                &[&["--release", release.as_str()], arguments].concat(),
                code,
            )
        };
        relgate(folder, &["new", &release, "--type", kind.word()], 0);
        at(&["lint"], 0);
        let unmet = at(&["check"], 1);
        let notes = folder.join(format!("releases/{release}/release-notes.md"));
        let fresh = fs::read_to_string(&notes).expect("the release notes");
        let source = Source::new("release-notes.md", fresh.as_str());
        let parsed = parse::notes(&source).expect("a fresh release parses").value;
        for gap in completeness::gaps(&parsed) {
            assert!(
                unmet.contains(&format!("({})", gap.field)),
                "{} is not named in\n{unmet}",
                gap.field
            );
        }
        fs::write(&notes, filled_in(&fresh)).expect("the release notes are written");
        at(&["lint"], 0);
        at(&["sign", "--all", "--yes"], 0);
        at(&["check"], 0);
    }
}
