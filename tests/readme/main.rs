//! The README is run: its transcripts are what the program says, its tables what the code knows.
//!
//! `page` takes the README apart, `session` runs its commands, `reference` makes its tables. With `README=write` in the
//! environment the tables are written instead of compared.

mod page;
mod reference;
mod session;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use page::{Fence, Page};
use session::Session;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn readme() -> Page {
    Page::new(&fs::read_to_string(path()).expect("the README is text"))
}

#[test]
fn the_commands_do_what_the_readme_shows() {
    let page = readme();
    let mut session = Session::start();
    let mut commands = 0;
    for fence in &page.fences {
        match (fence.language.as_str(), &fence.note) {
            ("console", None) => {
                for step in fence.steps() {
                    let done = session.run(&step.command);
                    let place = format!("README.md:{}: {}", step.line, step.command);
                    assert_eq!(done.code, step.code, "{place}\n{}", done.output);
                    session::same(&place, &done.output, &step.output);
                    commands += 1;
                }
            }
            (_, Some(note)) if note.starts_with("file ") => {
                session.write(note.trim_start_matches("file "), &fence.text());
            }
            _ => {}
        }
    }
    assert!(commands > 20, "only {commands} commands were found");
}

#[test]
fn the_first_transcript_is_the_storefronts_play() {
    let page = readme();
    let shown = page.noted("play");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let played = assert_cmd::Command::new("sh")
        .arg(root.join("examples/storefront/play.sh"))
        .env("RELGATE", env!("CARGO_BIN_EXE_relgate"))
        .env("STOREFRONT", storefront())
        .env("TMPDIR", folder.path())
        .env("LC_ALL", "C.UTF-8")
        .timeout(Duration::from_secs(120))
        .output()
        .expect("the play was run");
    let story = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{story}");
    session::same("the play", &story, &format!("...\n{}...\n", shown.text()));
}

/// The example, as `cargo test` builds it beside the tests; built here where only this test was asked for.
fn storefront() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("the build's folder");
    let program = profile.join("examples/storefront");
    if !program.exists() {
        let mut build = std::process::Command::new(env!("CARGO"));
        build.args(["build", "--example", "storefront"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.is_ok_and(|status| status.success()));
    }
    program
}

#[test]
fn the_tables_are_what_the_code_knows() {
    let mut text = fs::read_to_string(path()).expect("the README is text");
    for (name, table) in reference::all() {
        let (begin, end) = (
            format!("<!-- table: {name} -->\n"),
            format!("<!-- end of table: {name} -->"),
        );
        let from = text.find(&begin).map(|at| at + begin.len());
        let to = text.find(&end);
        let (Some(from), Some(to)) = (from, to) else {
            panic!("README.md has no place for the table {name}: {begin}{end}");
        };
        let made = format!("\n{table}\n");
        if std::env::var_os("README").is_some_and(|it| it == "write") {
            text.replace_range(from..to, &made);
        } else {
            assert_eq!(
                &text[from..to],
                made,
                "the table {name}: README=write cargo test --test readme"
            );
        }
    }
    if std::env::var_os("README").is_some_and(|it| it == "write") {
        fs::write(path(), text).expect("the README can be written");
    }
}

#[test]
fn every_command_and_option_of_the_readme_exists() {
    let page = readme();
    let mut checked = 0;
    for (line, words) in page.relgate_lines() {
        if let Err(why) = reference::is_known(&words) {
            panic!("README.md:{line}: {}: {why}", words.join(" "));
        }
        checked += 1;
    }
    assert!(checked > 40, "only {checked} were found");
}

#[test]
fn commands_and_options_that_do_not_exist_are_found() {
    let known = |line: &str| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        reference::is_known(&words).is_ok()
    };
    assert!(known("relgate --by dana sign qa --all --yes"));
    assert!(known("relgate incident open --title x"));
    assert!(!known("relgate singn"));
    assert!(!known("relgate incident opne"));
    assert!(!known("relgate sign --everything"));
    assert!(!known("relgate watch --yes"));
    assert!(known("--format"));
    assert!(!known("--frmat"));
}

#[test]
fn every_key_of_the_files_is_in_the_readme() {
    let text = fs::read_to_string(path()).expect("the README is text");
    let keys = reference::keys();
    assert!(keys.len() > 80, "only {} keys", keys.len());
    for key in keys {
        assert!(text.contains(&format!("`{key}`")), "{key} is not named");
    }
}

#[test]
fn links_inside_the_readme_lead_somewhere() {
    let page = readme();
    let links = page.links();
    assert!(links.len() > 20, "only {} links", links.len());
    for (line, target) in links {
        let there = match target.strip_prefix('#') {
            Some(anchor) => page.anchors.iter().any(|it| it == anchor),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join(&target).exists(),
        };
        assert!(
            there || target.contains("://"),
            "README.md:{line}: {target}"
        );
    }
}

#[test]
fn a_transcript_is_taken_apart() {
    let lines = [
        "$ relgate check  # exit 1",
        "NO-GO",
        "...",
        "$ cat >x <<EOF",
        "a",
        "EOF",
        "b",
    ];
    let fence = Fence {
        language: "console".to_owned(),
        note: None,
        line: 10,
        lines: lines.map(str::to_owned).to_vec(),
    };
    let steps = fence.steps();
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[0].code, steps[0].line), (1, 11));
    assert_eq!(steps[0].output, "NO-GO\n...\n");
    assert_eq!(steps[1].command, "cat >x <<EOF");
}
