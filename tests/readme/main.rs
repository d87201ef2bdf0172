//! The documentation is run: its transcripts are what the program says, its tables what the code knows.
//!
//! It is the README, what lies in `docs/`, and the pages at the root that contributors read. `page` takes a page apart,
//! `session` runs its commands, `reference` makes its tables. With `README=write` in the environment the tables are
//! written instead of compared.

mod page;
mod reference;
mod session;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use page::{Fence, Page};
use session::Session;

/// The pages whose commands are run, in one shell, in the order in which a reader meets them.
const RUN: [&str; 6] = [
    "README.md",
    "docs/guide/release-manager.md",
    "docs/guide/on-call.md",
    "docs/ledger.md",
    "docs/signatures.md",
    "docs/evidence-bundles.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page by its path: those at the root, and all below `docs/`.
fn texts() -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut left = vec![(root().to_owned(), false), (root().join("docs"), true)];
    while let Some((folder, below)) = left.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of pages") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && below {
                left.push((path, true));
            } else if path.extension().is_some_and(|it| it == "md") {
                let name = path.strip_prefix(root()).expect("below the root");
                let text = fs::read_to_string(&path).expect("a page is text");
                texts.insert(name.display().to_string(), text);
            }
        }
    }
    texts
}

fn pages() -> BTreeMap<String, Page> {
    let page = |(name, text): (String, String)| {
        let page = Page::new(&name, &text);
        (name, page)
    };
    texts().into_iter().map(page).collect()
}

#[test]
fn the_commands_do_what_the_pages_show() {
    let pages = pages();
    let mut session = Session::start();
    let mut commands = 0;
    for name in RUN {
        for fence in &pages[name].fences {
            match (fence.language.as_str(), &fence.note) {
                ("console", None) => {
                    for step in fence.steps() {
                        let done = session.run(&step.command);
                        let place = format!("{name}:{}: {}", step.line, step.command);
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
    }
    assert!(commands > 50, "only {commands} commands were found");
}

#[test]
fn every_page_with_a_transcript_is_run() {
    for (name, page) in pages() {
        let shown = page.fences.iter().any(|it| it.language == "console");
        assert_eq!(shown, RUN.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = texts()["README.md"].lines().count();
    assert!(
        lines <= 300,
        "README.md has {lines} lines: what is more than 300 belongs in docs/"
    );
}

#[test]
fn the_first_transcript_is_the_storefronts_play() {
    let pages = pages();
    let shown = pages["README.md"].noted("play");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let played = assert_cmd::Command::new("sh")
        .arg(root().join("examples/storefront/play.sh"))
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
        let built = build.current_dir(root()).status();
        assert!(built.is_ok_and(|status| status.success()));
    }
    program
}

#[test]
fn the_tables_are_what_the_code_knows() {
    let write = std::env::var_os("README").is_some_and(|it| it == "write");
    let mut texts = texts();
    let tables = reference::all();
    let marks = |name: &str| {
        (
            format!("<!-- table: {name} -->\n"),
            format!("<!-- end of table: {name} -->"),
        )
    };
    // Where each table stands; one may stand on several pages.
    let pages_of = |name: &str, texts: &BTreeMap<String, String>| -> Vec<String> {
        let (begin, end) = marks(name);
        let with = texts
            .iter()
            .filter(|(_, text)| text.contains(&begin) && text.contains(&end));
        with.map(|(page, _)| page.clone()).collect()
    };
    let mut anchors: BTreeMap<String, String> = BTreeMap::new();
    for (name, table) in &tables {
        let pages = pages_of(name, &texts);
        assert!(
            !pages.is_empty(),
            "no page has a place for the table {name}: {}{}",
            marks(name).0,
            marks(name).1
        );
        for anchor in Page::new(name, table).anchors {
            anchors.insert(anchor, pages[0].clone());
        }
    }
    for (name, table) in &tables {
        let (begin, end) = marks(name);
        for page in pages_of(name, &texts) {
            let text = texts.get_mut(&page).expect("the page");
            let from = text.find(&begin).expect("the mark") + begin.len();
            let to = text.find(&end).expect("the mark");
            let made = format!("\n{}\n", linked(table, &page, &anchors));
            if write {
                text.replace_range(from..to, &made);
                fs::write(root().join(&page), &*text).expect("the page can be written");
            } else {
                assert_eq!(
                    &text[from..to],
                    made,
                    "{page}: the table {name}: README=write cargo test --test readme"
                );
            }
        }
    }
}

/// A table whose links to `#anchor` lead to the page, beside this one, that has it.
fn linked(table: &str, page: &str, anchors: &BTreeMap<String, String>) -> String {
    let mut parts = table.split("](#");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let anchor = part.split(')').next().unwrap_or_default();
        let there = anchors.get(anchor).filter(|it| *it != page);
        let file = there.and_then(|it| Path::new(it).file_name());
        text.push_str("](");
        text.push_str(&file.map_or(String::new(), |it| it.to_string_lossy().into_owned()));
        text.push('#');
        text.push_str(part);
    }
    text
}

#[test]
fn every_command_and_option_of_the_pages_exists() {
    let mut checked = 0;
    for (name, page) in pages() {
        for (line, words) in page.relgate_lines() {
            if let Err(why) = reference::is_known(&words) {
                panic!("{name}:{line}: {}: {why}", words.join(" "));
            }
            checked += 1;
        }
    }
    assert!(checked > 120, "only {checked} were found");
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
fn every_key_of_the_files_is_in_the_reference() {
    let pages = texts();
    let reference = pages
        .iter()
        .filter(|(name, _)| name.starts_with("docs/reference/"));
    let text: String = reference.map(|(_, text)| text.as_str()).collect();
    let keys = reference::keys();
    assert!(keys.len() > 80, "only {} keys", keys.len());
    for key in keys {
        assert!(text.contains(&format!("`{key}`")), "{key} is not named");
    }
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let mut checked = 0;
    for (name, page) in &pages {
        for (line, target) in page.links() {
            if target.contains("://") {
                continue;
            }
            checked += 1;
            let there = leads(&pages, name, &target);
            assert!(there, "{name}:{line}: {target} leads nowhere");
        }
    }
    assert!(checked > 100, "only {checked} links");
}

/// Whether a link of a page leads to a file, and to a heading in it where it names one.
fn leads(pages: &BTreeMap<String, Page>, from: &str, target: &str) -> bool {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let path = match file {
        "" => from.to_owned(),
        file => flat(&folder.join(file)),
    };
    match anchor {
        Some(anchor) => pages
            .get(&path)
            .is_some_and(|it| it.anchors.iter().any(|it| it == anchor)),
        None => root().join(&path).exists(),
    }
}

/// A path without `..`.
fn flat(path: &Path) -> String {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.display().to_string()
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let pages = pages();
    assert!(leads(&pages, "README.md", "docs/probes.md"));
    assert!(leads(&pages, "README.md", "docs/reference/probes.md#probe"));
    assert!(leads(
        &pages,
        "docs/guide/ci.md",
        "../../README.md#exit-codes"
    ));
    assert!(!leads(&pages, "README.md", "#probe"));
    assert!(!leads(&pages, "README.md", "docs/reference/probes.md#prob"));
    assert!(!leads(&pages, "docs/guide/ci.md", "../README.md"));
}

#[test]
fn every_page_is_linked_to() {
    let pages = pages();
    for name in pages.keys().filter(|it| it.starts_with("docs/")) {
        let found = pages.iter().any(|(from, page)| {
            let folder = Path::new(from).parent().unwrap_or(Path::new(""));
            from != name
                && page.links().iter().any(|(_, target)| {
                    let file = target.split('#').next().unwrap_or_default();
                    !file.is_empty() && flat(&folder.join(file)) == *name
                })
        });
        assert!(found, "no page leads to {name}");
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
        page: "README.md".to_owned(),
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

#[test]
fn every_page_of_the_docs_is_a_topic_that_the_program_prints() {
    let topics = relgate::app::manual::topics::ALL;
    for name in texts().keys().filter(|it| it.starts_with("docs/")) {
        let decision = name.starts_with("docs/decisions/");
        let is_topic = topics.iter().any(|topic| topic.path == name);
        assert!(is_topic != decision, "{name}");
    }
    for topic in topics {
        let done = assert_cmd::Command::new(env!("CARGO_BIN_EXE_relgate"))
            .args(["help", topic.name])
            .env("NO_COLOR", "1")
            .output()
            .expect("the program ran");
        let shown = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{}: {shown}", topic.name);
        assert!(
            !shown.contains('\x1b') && !shown.contains("<!--"),
            "{shown}"
        );
        let mut fenced = false;
        for line in topic.text.lines() {
            fenced ^= line.starts_with("```");
            if let Some(heading) = line.strip_prefix("## ").filter(|_| !fenced) {
                let heading = heading.replace('`', "");
                assert!(shown.contains(&heading), "{}: {heading}", topic.name);
            }
        }
    }
}

#[test]
fn a_key_a_code_and_a_page_that_do_not_exist_are_refused_with_the_nearest() {
    for (words, help) in [
        (
            ["explain", "probe.rerty_if"],
            "help: relgate explain probe.retry_if",
        ),
        (
            ["explain", "unknwon-key"],
            "help: relgate explain unknown-key",
        ),
        (["explain", "8"], "help: relgate help"),
        (["help", "windws"], "did you mean \"windows\"?"),
    ] {
        let done = assert_cmd::Command::new(env!("CARGO_BIN_EXE_relgate"))
            .args(words)
            .output()
            .expect("the program ran");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{words:?}: {said}");
        assert!(
            said.contains(help) && done.stdout.is_empty(),
            "{words:?}: {said}"
        );
    }
}

#[test]
fn the_files_have_manual_pages_of_section_5() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let done = assert_cmd::Command::new(env!("CARGO_BIN_EXE_relgate"))
        .args(["man", "--out"])
        .arg(folder.path())
        .output()
        .expect("the program ran");
    assert!(done.status.success());
    for (name, key) in [
        ("relgate-policy.5", "waivers"),
        ("relgate-release-notes.5", "deploy_at"),
        ("relgate-checklist.5", "distinct_from"),
        ("relgate-probe-keys.5", "retry_if"),
        ("relgate.1", "relgate"),
    ] {
        let page = fs::read_to_string(folder.path().join(name)).expect(name);
        assert!(page.contains(".TH ") && page.contains(key), "{name}");
    }
}

#[test]
fn the_messages_of_the_troubleshooting_page_are_those_of_the_program() {
    let mut sources = String::new();
    let mut left = vec![root().join("src")];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                sources.push_str(&fs::read_to_string(path).expect("a source is text"));
            }
        }
    }
    let sources = sources.replace("\\\"", "\"");
    let pages = texts();
    let page = &pages["docs/troubleshooting.md"];
    let mut checked = 0;
    let mut missing = Vec::new();
    for row in page.lines().filter(|it| it.starts_with("| `")) {
        let first = row.split(" | ").next().unwrap_or_default();
        for message in first.split('`').skip(1).step_by(2) {
            if !sources.contains(message) {
                missing.push(message);
            }
            checked += 1;
        }
    }
    assert_eq!(missing, Vec::<&str>::new());
    assert!(checked > 20, "only {checked} messages");
}
