//! Whether anybody has written in a document, or it is still as its template left it.
//!
//! What a template leaves for people are its marks: the sections (`## …`) in which nothing is filled in by relgate.
//! The marks are compared and not the bytes: a hint that was removed, a blank line or another title is no answer.

use std::collections::{BTreeMap, BTreeSet};

use super::readable::is_blank;

/// What is wrong with a document that should answer something: it says nothing, or is as `template` left it.
pub fn problem(bytes: &[u8], template: Option<&str>) -> Option<&'static str> {
    // What is no text (a PDF file) has no marks to compare.
    let Ok(text) = std::str::from_utf8(bytes) else {
        return None;
    };
    if is_blank(text) {
        return Some("is empty");
    }
    let template = template?;
    let marks: BTreeMap<String, BTreeSet<String>> = sections(template)
        .into_iter()
        .filter(|(heading, lines)| {
            let rendered = |line: &String| line.contains("{{") || line.contains("{%");
            !heading.is_empty() && !rendered(heading) && !lines.iter().any(rendered)
        })
        .collect();
    if marks.is_empty() {
        return None;
    }
    let sections = sections(text);
    let is_own = !sections.keys().any(|heading| marks.contains_key(heading));
    let known = self::sections(template);
    let written = sections.iter().any(|(heading, lines)| {
        let says_more = |left: &BTreeSet<String>| lines.iter().any(|line| !left.contains(line));
        match (marks.get(heading), known.contains_key(heading)) {
            (Some(left), _) => says_more(left),
            // The title and what relgate filled in are nobody's answer.
            (None, true) => false,
            (None, false) => !lines.is_empty(),
        }
    });
    let is_written = match is_own {
        true => sections.values().any(|lines| !lines.is_empty()),
        false => written,
    };
    (!is_written).then_some("is as its template left it: nobody has written in it")
}

/// What stands in each section, under its heading in small letters; what stands before the first, under none. Hints
/// (comments) and lines without a letter or digit say nothing.
fn sections(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut sections = BTreeMap::new();
    let mut heading = String::new();
    sections.insert(heading.clone(), BTreeSet::new());
    for line in without_comments(text).lines() {
        if let Some(next) = line.strip_prefix("## ") {
            heading = normal(next);
            sections.entry(heading.clone()).or_default();
        } else if !line.starts_with("# ") && line.chars().any(char::is_alphanumeric) {
            sections
                .entry(heading.clone())
                .or_default()
                .insert(normal(line));
        }
    }
    sections
}

fn normal(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// `text` without its HTML comments; one that is not closed goes on to the end.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "# Cause of {{ release }}\n\n| Due | {{ due }} |\n\n## Timeline\n{% for it in all %}\n- {{ it }}\n{% endfor %}\n\
        ## Whys\n\n<!-- Ask again\nof the answer. -->\n\n1. Why was it seen?\n2. Why?\n\n## Root cause\n\n<!-- One paragraph. -->\n\n| action |\n| --- |\n| |\n";
    const RENDERED: &str = "# Cause of 2.0.0\n\n| Due | today |\n\n## Timeline\n- it broke\n\n\
        ## Whys\n\n<!-- Ask again\nof the answer. -->\n\n1. Why was it seen?\n2. Why?\n\n## Root cause\n\n<!-- One paragraph. -->\n\n| action |\n| --- |\n| |\n";

    fn problem_of(text: &str) -> Option<&'static str> {
        problem(text.as_bytes(), Some(TEMPLATE))
    }

    #[test]
    fn a_document_that_nobody_has_written_in_is_no_answer() {
        for untouched in [
            RENDERED.to_owned(),
            format!("{RENDERED}\n\n \u{200b}\n"),
            RENDERED.replace('\n', "\r\n"),
            RENDERED.replace("Cause of 2.0.0", "Another title"),
            RENDERED.replace("- it broke", "- it broke\n- and again"),
            RENDERED.replace("<!-- One paragraph. -->", ""),
            RENDERED.replace("One paragraph.", "One paragraph: it was the cache"),
            RENDERED.replace("1. Why was it seen?", "1.  WHY was it seen?"),
        ] {
            assert!(problem_of(&untouched).is_some(), "{untouched}");
        }
        assert_eq!(problem_of(" \n\u{200b}"), Some("is empty"));
        assert_eq!(problem(b"", None), Some("is empty"));
    }

    #[test]
    fn what_somebody_wrote_is_an_answer() {
        for written in [
            RENDERED.replace("<!-- One paragraph. -->", "The cache was cold."),
            RENDERED.replace("2. Why?", "2. Why? The cache was cold."),
            format!("{RENDERED}\nThe cache was cold.\n"),
            format!("{RENDERED}\n## Also\n\nThe cache was cold.\n"),
            "The cache was cold.\n".to_owned(),
            "# Cause\n\nThe cache was cold.\n".to_owned(),
        ] {
            assert_eq!(problem_of(&written), None, "{written}");
        }
        assert_eq!(problem(b"%PDF\xff", Some(TEMPLATE)), None);
        assert_eq!(problem(b"as it is", None), None);
    }
}
