//! Results for the programs of continuous integration, from the program itself.

use crate::team::Team;

#[test]
fn the_exit_code_is_the_same_in_every_format_and_no_report_is_empty() {
    let team = Team::new();
    for format in ["human", "json", "markdown", "junit", "tap", "github"] {
        for (args, code) in [
            (&["check"][..], 1),
            (&["check", "--release", "9.9.9"], 3),
            (&["check", "--gate-that-is-not"], 2),
            (&["status"], 0),
            (&["lint"], 0),
        ] {
            let all = [args, &["--format", format]].concat();
            let ended = team.run("rory", &all).code(code);
            let silent = ended.stdout.is_empty();
            let to_stderr = code == 2 || (code == 3 && format == "human");
            assert_eq!(silent, to_stderr, "{all:?}");
        }
    }
}

#[test]
fn a_broken_file_is_an_error_for_every_reader() {
    let team = Team::new();
    team.write("releases/2.0.0/checklist.yaml", "gates: [");
    let junit = team.run("rory", &["check", "--format", "junit"]).code(3);
    assert!(junit.stdout.contains("failures=\"2\""), "{}", junit.stdout);
    let tap = team.run("rory", &["check", "--format", "tap"]).code(3);
    assert!(tap.stdout.contains("not ok 1 - relgate: decision"));
    let github = team.run("rory", &["check", "--format", "github"]).code(3);
    let annotation = "file=releases/2.0.0/checklist.yaml,line=";
    assert!(github.stdout.contains(annotation), "{}", github.stdout);
}

#[test]
fn the_summary_of_a_github_step_gets_the_page() {
    let team = Team::new();
    let summary = team.path("summary.md");
    std::fs::write(&summary, "before\n").expect("written");
    let check = |summary: &std::path::Path| {
        let mut command = team.command("rory", &["check", "--format", "github"]);
        command.env("GITHUB_STEP_SUMMARY", summary);
        crate::run::Ended::of(&mut command).code(1)
    };
    let ended = check(&summary);
    assert!(ended.stdout.starts_with("::error title="));
    let text = std::fs::read_to_string(&summary).expect("text");
    assert!(text.starts_with("before\n## NO-GO "), "{text}");
    check(&team.path("no/such/folder")).warns(&["cannot be written"]);
}
