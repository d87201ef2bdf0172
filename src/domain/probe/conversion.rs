//! What a text is read as before it is compared, where a probe says so: nothing is converted by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a value is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conversion {
    /// A number, as JSON writes it.
    Number,
}
