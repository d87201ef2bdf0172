//! What a request sends besides a plain body: the fields of a form, and parts of several kinds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::probe::expect::OneOrMany;

/// The fields of a form by name, each with one value or several.
pub type Form = BTreeMap<String, OneOrMany<String>>;

/// One part of a `multipart/form-data` body (RFC 7578): a `value`, or a `file`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The name of the field.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The file that it is, byte by byte; from the repository's root, where no link is followed, or absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub file: Option<String>,
    /// The file name that is sent; default: that of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub filename: Option<String>,
    /// Its media type; default: `application/octet-stream` for a file, none for a value.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub media_type: Option<String>,
}

impl Part {
    /// The file name that is sent.
    pub fn filename(&self) -> Option<&str> {
        let own = self
            .file
            .as_deref()
            .map(|path| path.rsplit('/').next().unwrap_or(path));
        self.filename.as_deref().or(own)
    }

    /// Its media type, where it has one.
    pub fn media_type(&self) -> Option<&str> {
        let of_file = self.file.is_some().then_some("application/octet-stream");
        self.media_type.as_deref().or(of_file)
    }

    /// Every text of it in which a variable may stand.
    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let Self {
            name,
            value,
            file,
            filename,
            media_type,
        } = self;
        let more = [value, file, filename, media_type].into_iter().flatten();
        std::iter::once(name).chain(more)
    }
}
