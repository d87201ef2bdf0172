//! The environment of this process.

use crate::domain::variables::NotText;

/// The variables and files that a probe may refer to.
pub trait Environment: Sync {
    /// The value of an environment variable; `None` where it is unset or empty.
    ///
    /// # Errors
    /// It is set, and is not UTF-8.
    fn variable(&self, name: &str) -> Result<Option<String>, NotText>;

    /// The same, for what does as well without it.
    fn text(&self, name: &str) -> Option<String> {
        self.variable(name).ok().flatten()
    }

    /// Every environment variable whose name is text. What is no text in a value is replaced, as in what is shown.
    fn variables(&self) -> Vec<(String, String)>;

    /// The text of a small file, relative to the repository's root.
    ///
    /// # Errors
    /// A text that names the path and the cause.
    fn file(&self, path: &str) -> Result<String, String>;
}
