//! The topics of the manual: every page of `docs/`, kept in the program.

use crate::domain::nearest::suggestion;

/// A page of the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// The word that is typed.
    pub name: &'static str,
    /// Where it lies in the repository.
    pub path: &'static str,
    /// Its Markdown.
    pub text: &'static str,
}

impl Topic {
    /// Its title.
    pub fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches(['#', ' '])
    }
}

macro_rules! topics {
    ($($name:literal $path:literal;)*) => {
        /// Every topic, as `relgate help` lists them.
        pub const ALL: &[Topic] = &[$(Topic {
            name: $name,
            path: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)),
        }),*];
    };
}

topics! {
    "release-manager" "docs/guide/release-manager.md";
    "qa" "docs/guide/qa.md";
    "deployment" "docs/guide/deployment.md";
    "on-call" "docs/guide/on-call.md";
    "ci" "docs/guide/ci.md";
    "monorepo" "docs/guide/monorepo.md";
    "probes" "docs/probes.md";
    "windows" "docs/windows-and-rollback.md";
    "signatures" "docs/signatures.md";
    "ledger" "docs/ledger.md";
    "evidence-bundles" "docs/evidence-bundles.md";
    "guarantees" "docs/guarantees.md";
    "troubleshooting" "docs/troubleshooting.md";
    "glossary" "docs/glossary.md";
    "commands" "docs/reference/commands.md";
    "exit-codes" "docs/reference/exit-codes.md";
    "codes" "docs/reference/codes.md";
    "files" "docs/reference/files.md";
    "policy" "docs/reference/policy.md";
    "release-notes" "docs/reference/release-notes.md";
    "checklist" "docs/reference/checklist.md";
    "probe-keys" "docs/reference/probes.md";
    "records" "docs/reference/records.md";
    "json" "docs/reference/json.md";
}

/// The topic of this name.
///
/// # Errors
/// What to type instead.
pub fn topic(name: &str) -> Result<&'static Topic, String> {
    let names = || ALL.iter().map(|topic| topic.name);
    ALL.iter()
        .find(|topic| topic.name == name)
        .ok_or_else(|| suggestion(name, names().collect::<Vec<_>>()).unwrap_or_default())
}

/// All topics, in Markdown.
pub fn list() -> String {
    let mut text = String::from("# Topics\n\n| topic | |\n| --- | --- |\n");
    for topic in ALL {
        text.push_str(&format!("| `{}` | {} |\n", topic.name, topic.title()));
    }
    text.push_str(
        "\nRead one with `relgate help TOPIC`. Options of a command: `relgate COMMAND --help`. One key or code: `relgate explain KEY`.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_topic_gets_the_nearest() {
        assert_eq!(topic("windows").map(|it| it.name), Ok("windows"));
        let why = topic("exitcodes").map(|it| it.name);
        assert_eq!(why, Err("did you mean \"exit-codes\"?".to_owned()));
    }
}
