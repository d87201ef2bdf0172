//! What must be true of everything that is shown.

use relgate::domain::finding::{Finding, Position, Source};
use relgate::render::findings::Findings;
use relgate::render::{Format, Shown, Style, show, text};
use serde::Serialize;

/// Terminals of all kinds: an ordinary one, one that nobody could work with, and none.
const STYLES: [Style; 3] = [
    Style::new(false, 80, true),
    Style::new(true, 1, true),
    Style::new(false, 0, false),
];

/// The places of more findings than these are not looked at one by one: each takes the time of the whole text.
const MOST: usize = 50;

/// Every finding has a place in its file, and all of them can be shown.
pub fn hold(findings: &[Finding], sources: &[Source]) {
    let silent = findings.iter().find(|finding| finding.message.is_empty());
    assert_eq!(silent, None, "it says nothing");
    for finding in findings.iter().take(MOST) {
        let source = sources.iter().find(|one| one.file == finding.file);
        if let (Some(source), Some(span)) = (source, &finding.span) {
            let part = source.text.get(span.clone());
            assert!(part.is_some(), "{finding:?} is no part of the text");
            let begin = Position::of_offset(&source.text, span.start);
            assert_eq!(finding.at, Some(begin), "{finding:?}: place and span");
        }
    }
    shown(&Findings { findings, sources }, "lint");
}

/// Every format shows it, and whatever a person sees keeps to its line.
pub fn shown(result: &dyn Shown, command: &str) {
    for format in Format::ALL {
        // Only people have terminals.
        let styles = match format {
            Format::Human => &STYLES[..],
            _ => &STYLES[..1],
        };
        for style in styles {
            let mut out = Vec::new();
            show(result, command, *format, style, &mut out).expect("a vector takes everything");
            let out = String::from_utf8(out).expect("what is shown is text");
            if *format == Format::Human && !style.color {
                let odd = out.chars().find(|c| *c != '\n' && text::is_unsafe(*c));
                assert_eq!(odd, None, "{out}");
            }
        }
    }
}

/// What `value` is in YAML: JSON, but that what cannot be seen has to be written out.
pub fn yaml<T: Serialize>(value: &T) -> String {
    let written = serde_json::to_string(value).expect("JSON");
    let mut text = String::with_capacity(written.len());
    for char in written.chars() {
        if char.is_control() || matches!(char, '\u{feff}' | '\u{fffe}' | '\u{ffff}') {
            text.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            text.push(char);
        }
    }
    text
}
