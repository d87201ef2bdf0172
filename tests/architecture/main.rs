//! The house rules, read off the sources: imports point down the list of layers, and what one place alone may do is
//! done nowhere else.
//!
//! `code` takes a source file apart; the rules stand here. Every rule is shown on small texts to be able to fail.

mod code;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use code::{Code, Kind, Token};

/// The layers, and what each may import of ours beside itself.
const LAYERS: [(&str, &[&str]); 7] = [
    ("domain", &[]),
    ("parse", &["domain"]),
    ("ports", &["domain"]),
    ("effects", &["ports", "domain"]),
    ("app", &["ports", "parse", "domain"]),
    ("render", &["domain"]),
    (
        "cli",
        &["domain", "parse", "ports", "effects", "app", "render"],
    ),
];

/// More lines than this hold two things.
const LONGEST_FILE: usize = 600;

/// A file of `src`, taken apart.
struct File {
    /// Its path from `src` on: `domain/state/mod.rs`.
    path: String,
    text: String,
    code: Code,
    /// Whether it is compiled for tests alone.
    test: bool,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let test = path.ends_with("tests.rs") || path.contains("/tests/");
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: Code::new(&module_of(path), text),
            test,
        }
    }

    /// What is wrong with the file where `wrong` says so of a token and those that follow it.
    fn find(&self, tests_too: bool, wrong: impl Fn(&[Token]) -> Option<String>) -> Vec<String> {
        let tokens = &self.code.tokens;
        (0..tokens.len())
            .filter(|at| tests_too || !(self.test || tokens[*at].test))
            .filter_map(|at| Some(self.finding(tokens[at].line, &wrong(&tokens[at..])?)))
            .collect()
    }

    fn finding(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.path)
    }
}

/// The module that a file holds: `domain/state/mod.rs` is `domain::state`, `lib.rs` the root.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    path.split('/')
        .filter(|part| !["mod", "lib", "main"].contains(part))
        .map(str::to_owned)
        .collect()
}

fn sources() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    list(&root, &mut paths);
    paths.sort();
    let files: Vec<File> = paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).expect("a source file is text");
            let path = path.strip_prefix(&root).expect("it lies in src");
            File::new(&path.to_string_lossy(), &text)
        })
        .collect();
    let imports: usize = files.iter().map(|file| file.code.imports.len()).sum();
    assert!(files.len() > 50, "only {} files found", files.len());
    assert!(imports > 500, "only {imports} imports found");
    files
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of src") {
        let path = entry.expect("an entry of src").path();
        if path.is_dir() {
            list(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Says what is wrong with a file.
type Rule = fn(&File) -> Vec<String>;

fn all(files: &[File], rule: impl Fn(&File) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(rule).collect()
}

/// Imports that do not point down the list of layers.
fn upward(file: &File) -> Vec<String> {
    let Some(own) = module_of(&file.path).into_iter().next() else {
        return Vec::new();
    };
    let Some((_, below)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
        return vec![file.finding(1, &format!("\"{own}\" is no layer"))];
    };
    let is_layer = |name: &str| LAYERS.iter().any(|(layer, _)| *layer == name);
    file.code
        .imports
        .iter()
        .filter_map(|import| {
            let to = import.path.first().map_or("everything", String::as_str);
            let allowed = to == own || below.contains(&to) || !is_layer(to) && to != "everything";
            let what = format!("{own} may not import {to}: {}", import.path.join("::"));
            (!allowed).then(|| file.finding(import.line, &what))
        })
        .collect()
}

/// The circles of modules that import each other, within the layers: a layer's files and folders are its modules. What
/// belongs to all of a layer stands in its `mod.rs`, which knows its modules and is known by them.
fn circles(files: &[File]) -> Vec<String> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.test) {
        let module = module_of(&file.path);
        let [layer, own, ..] = module.as_slice() else {
            continue;
        };
        for import in file.code.imports.iter().filter(|import| !import.test) {
            if let [to_layer, to, ..] = import.path.as_slice()
                && to_layer == layer
                && to != own
            {
                let edge = edges.entry(format!("{layer}::{own}")).or_default();
                edge.insert(format!("{to_layer}::{to}"));
            }
        }
    }
    let reaches = |from: &str, to: &str| {
        let mut seen = BTreeSet::new();
        let mut left = vec![from.to_owned()];
        while let Some(module) = left.pop() {
            for next in edges.get(&module).into_iter().flatten() {
                if next == to {
                    return true;
                }
                if seen.insert(next.clone()) {
                    left.push(next.clone());
                }
            }
        }
        false
    };
    let mut found = Vec::new();
    for (from, tos) in &edges {
        for to in tos.iter().filter(|to| reaches(to, from)) {
            found.push(format!("{from} imports {to}, which comes back to it"));
        }
    }
    found
}

/// Clocks that are read anywhere but in the one place for it.
fn clocks(file: &File) -> Vec<String> {
    if file.path == "effects/clock.rs" {
        return Vec::new();
    }
    file.find(true, |tokens| match tokens {
        [clock, colons, now, ..]
            if ["Utc", "Local", "Instant", "SystemTime"].contains(&clock.text.as_str())
                && colons.is("::")
                && now.is("now") =>
        {
            Some(format!("{}::now(): `now` is an argument", clock.text))
        }
        _ => None,
    })
}

/// Types of the command line's library outside the layer for it.
fn command_line(file: &File) -> Vec<String> {
    if file.path.starts_with("cli/") {
        return Vec::new();
    }
    file.find(true, |tokens| match tokens {
        [name, ..] if name.kind == Kind::Word && name.text.starts_with("clap") => {
            Some(format!("{} outside cli/", name.text))
        }
        _ => None,
    })
}

/// Warnings that were silenced instead of mended.
fn silenced(file: &File) -> Vec<String> {
    let opens = |token: &Token| token.is("[") || token.is("!");
    file.find(true, |tokens| match tokens {
        [hash, open, rest @ ..] if hash.is("#") && opens(open) => {
            let attribute = rest.iter().take_while(|token| !token.is("]"));
            let word = attribute
                .into_iter()
                .find(|token| token.is("allow") || token.is("expect"))?;
            Some(format!("#[{}]: mend it instead", word.text))
        }
        _ => None,
    })
}

/// Commands that go through a shell.
fn shells(file: &File) -> Vec<String> {
    file.find(false, |tokens| {
        let texts: Vec<&str> = tokens
            .iter()
            .take(8)
            .filter(|token| token.kind == Kind::Text)
            .map(|token| token.text.as_str())
            .collect();
        let first = tokens.first().is_some_and(|token| token.kind == Kind::Text);
        let is_shell = |text: &str| {
            let name = text.rsplit('/').next().unwrap_or(text);
            ["sh", "bash", "dash", "zsh"].contains(&name)
        };
        let apart = first && texts.len() > 1 && is_shell(texts[0]) && texts[1] == "-c";
        let together = first
            && texts[0]
                .split_once(" -c")
                .is_some_and(|(it, _)| is_shell(it));
        (apart || together).then(|| "a shell string: argv instead".to_owned())
    })
}

/// Modules that do not begin with what they are responsible for.
fn silent(file: &File) -> Vec<String> {
    let begins = file.text.starts_with("//! ") && file.text.len() > "//! \n".len();
    if file.test || begins {
        return Vec::new();
    }
    vec![file.finding(1, "begin with `//!`: what it is responsible for")]
}

/// Files that hold two things.
fn long(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines <= LONGEST_FILE {
        return Vec::new();
    }
    vec![file.finding(lines, &format!("more than {LONGEST_FILE} lines"))]
}

fn nothing(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn imports_point_down_the_list_of_layers() {
    nothing(&all(&sources(), upward));
}

#[test]
fn no_modules_of_a_layer_import_each_other_in_a_circle() {
    nothing(&circles(&sources()));
}

#[test]
fn only_the_clock_reads_the_time() {
    nothing(&all(&sources(), clocks));
}

#[test]
fn the_command_lines_types_stay_in_its_layer() {
    nothing(&all(&sources(), command_line));
}

#[test]
fn no_warning_is_silenced() {
    nothing(&all(&sources(), silenced));
}

#[test]
fn no_command_goes_through_a_shell() {
    nothing(&all(&sources(), shells));
}

#[test]
fn every_module_says_what_it_is_responsible_for() {
    nothing(&all(&sources(), silent));
}

#[test]
fn no_file_holds_two_things() {
    nothing(&all(&sources(), long));
}

/// What a rule says of a text that stands in `path`, without the place.
fn said(rule: impl Fn(&File) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
    rule(&File::new(path, text))
        .into_iter()
        .map(|finding| finding.splitn(3, ':').skip(1).collect::<Vec<_>>().join(":"))
        .collect()
}

#[test]
fn an_import_that_points_up_is_found_however_it_is_written() {
    let cases = [
        (
            "domain/gate.rs",
            "use crate::parse::yaml;",
            "1: domain may not import parse: parse::yaml",
        ),
        (
            "domain/state/mod.rs",
            "\nuse super::super::app::World;",
            "2: domain may not import app: app::World",
        ),
        (
            "render/json.rs",
            "use crate::{\n    domain::gate,\n    ports::{Clock, Ledger as L},\n};",
            "3: render may not import ports: ports::Clock",
        ),
        (
            "app/check.rs",
            "fn f() { crate::effects::clock::read() }",
            "1: app may not import effects: effects::clock::read",
        ),
        (
            "app/check.rs",
            "use relgate::cli::exit;",
            "1: app may not import cli: cli::exit",
        ),
        (
            "effects/lock.rs",
            "mod tests { use super::super::super::render; }",
            "1: effects may not import render: render",
        ),
        (
            "ports.rs",
            "use crate::*;",
            "1: ports may not import everything: ",
        ),
        (
            "helpers/mod.rs",
            "//! Of all kinds.",
            "1: \"helpers\" is no layer",
        ),
    ];
    for (path, text, expected) in cases {
        let found = said(upward, path, text);
        assert_eq!(found.first().map(String::as_str), Some(expected), "{text}");
    }
}

#[test]
fn an_import_that_points_down_or_is_no_code_is_not_found() {
    let text = r##"
        //! See [`crate::cli`].
        use crate::domain::{self, gate::{Gate, Item}};
        use super::super::ports::Clock;
        pub(crate) use super::project;
        /* crate::effects /* nested */ crate::effects */
        fn f<'a>(x: &'a str) -> char { let _ = ("crate::cli", r#"crate::"cli""#, b'"'); 'c' }
        use std::fs; // crate::render
    "##;
    assert_eq!(said(upward, "app/check.rs", text), Vec::<String>::new());
}

#[test]
fn a_circle_is_found_over_several_modules_and_not_from_tests() {
    let circle = [
        File::new("domain/a.rs", "use crate::domain::b;"),
        File::new("domain/b/mod.rs", "use super::c::C;"),
        File::new("domain/b/part.rs", "use super::super::c;"),
        File::new("domain/c.rs", "fn f() { super::a::f() }"),
    ];
    let found = circles(&circle);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[0],
        "domain::a imports domain::b, which comes back to it"
    );
    let none = [
        File::new("domain/a.rs", "use crate::domain::b; use super::Shared;"),
        File::new(
            "domain/b.rs",
            "#[cfg(test)]\nmod tests { use crate::domain::a; }",
        ),
        File::new("domain/b/tests.rs", "use crate::domain::a;"),
        File::new("parse/b.rs", "use crate::domain::a;"),
    ];
    assert_eq!(circles(&none), Vec::<String>::new());
}

#[test]
fn every_house_rule_can_fail() {
    let rules: [(&str, Rule, &str); 10] = [
        ("clocks", clocks, "let t = chrono::Utc::now();"),
        ("clocks", clocks, "use std::time; time::Instant :: now()"),
        ("command_line", command_line, "use clap::Parser;"),
        ("command_line", command_line, "clap_complete::generate()"),
        ("silenced", silenced, "#[allow(dead_code)] fn f() {}"),
        ("silenced", silenced, "#![allow(unused)]"),
        (
            "silenced",
            silenced,
            "#[cfg_attr(test, expect(unused))] fn f() {}",
        ),
        ("shells", shells, "[\"/bin/sh\", \"-c\", script]"),
        ("silent", silent, "use std::fs;"),
        ("long", long, "//! Long.\n"),
    ];
    for (name, rule, text) in rules {
        let text = if name == "long" {
            text.repeat(601)
        } else {
            text.to_owned()
        };
        assert_eq!(said(rule, "app/check.rs", &text).len(), 1, "{name}: {text}");
    }
    assert_eq!(
        said(shells, "app/check.rs", "let x = \"bash -c 'ls'\";").len(),
        1
    );
}

#[test]
fn the_places_that_may_are_not_found() {
    let none = Vec::<String>::new();
    assert_eq!(said(clocks, "effects/clock.rs", "Utc::now()"), none);
    assert_eq!(
        said(clocks, "app/check.rs", "// Utc::now()\nclock.now()"),
        none
    );
    assert_eq!(said(command_line, "cli/args.rs", "use clap::Args;"), none);
    assert_eq!(
        said(
            silenced,
            "app/check.rs",
            "fn f() { allow(x).expect(\"y\"); a[0] }"
        ),
        none
    );
    let tested = "#[cfg(test)]\nmod tests { fn f() { run(&[\"sh\", \"-c\"]) } }";
    assert_eq!(said(shells, "app/check.rs", tested), none);
    assert_eq!(said(long, "app/check.rs", &"//!\n".repeat(600)), none);
}
