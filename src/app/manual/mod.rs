//! The manual: the pages of `docs/`, the keys of the files, the codes of findings, read without a network.
//!
//! All of it is Markdown from one source: the pages themselves, and the doc comments of the types.

pub mod explain;
mod keys;
pub mod topics;

use crate::domain::finding::Rule;
use crate::domain::record::body::Body;

/// The tables of the reference that are made from what is known below the command line, by their names.
pub fn tables() -> Vec<(&'static str, String)> {
    let mut all = keys::tables();
    all.push(("codes", codes()));
    all.push(("record kinds", record_kinds()));
    all
}

fn codes() -> String {
    let mut text = String::from("| code | meaning |\n| --- | --- |\n");
    for rule in Rule::ALL {
        text.push_str(&format!(
            "| [`{0}`](#{0}) | {1} |\n",
            rule.code(),
            rule.summary()
        ));
    }
    for rule in Rule::ALL {
        text.push('\n');
        text.push_str(&explain::rule(*rule));
    }
    text
}

fn record_kinds() -> String {
    let mut text = String::from("| kind | says |\n| --- | --- |\n");
    for (kind, about) in Body::KINDS {
        text.push_str(&format!("| `{kind}` | {} |\n", about.trim()));
    }
    text
}
