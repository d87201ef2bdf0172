//! Why something was not done, in a form that knows its kind and the next step.

use serde::Serialize;

/// What a refusal comes to for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was decided, and the answer is no.
    NoGo,
    /// The command line is wrong.
    Usage,
    /// A file, record or value is wrong; nothing was decided.
    Invalid,
    /// It could not be decided.
    Inconclusive,
    /// No authority, wrong state, or somebody else got there first; nothing was changed.
    Refused,
}

/// Something that was not done, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What it comes to.
    pub kind: Kind,
    /// The thing, what was expected and what was found.
    pub message: String,
    /// The next command to type, or what to change.
    pub help: Option<String>,
}

impl Refusal {
    /// A refusal of `kind`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: None,
        }
    }

    /// No authority, wrong state, or somebody else got there first.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// A file, record or value is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The same, with why it is asked for.
    #[must_use]
    pub fn because(mut self, why: &str) -> Self {
        self.message = format!("{} ({why})", self.message);
        self
    }

    /// The same, with the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The known names nearest to `word`, to end a message with: `; did you mean "x"?`, or the list of all of them.
pub fn nearest<'a>(what: &str, word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return format!("there is no {what} yet");
    }
    let list = known.join(", ");
    match super::nearest::nearest(word, known) {
        Some(name) => format!("did you mean \"{name}\"? There are: {list}"),
        None => format!("there are: {list}"),
    }
}
