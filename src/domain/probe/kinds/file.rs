//! `file`: a file on this machine, whether it is there, what is in it and how old it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Judged, Kind, Told, judged};
use crate::domain::ids::Digest;
use crate::domain::probe::count::CountExpectation;
use crate::domain::probe::expect::{Assertion, Held, TextExpectation};
use crate::domain::probe::json::schema::SchemaSource;
use crate::domain::probe::json::{self, JsonExpectation};
use crate::domain::probe::templated::Settle;
use crate::domain::probe::text::Text;
use crate::domain::timespan::Timespan;

/// A file on this machine, and what it must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileProbe {
    /// From the repository's root, which it does not leave, through links neither; an absolute path is taken as it is.
    #[schemars(length(min = 1))]
    pub path: String,
    /// What it must be.
    pub expect: FileExpectation,
}

/// What a file must be; every part that is given must hold. A file that is not there satisfies `exists: false` alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileExpectation {
    /// Whether there must be a regular file, or nothing at all; a folder, a pipe or a link to nothing is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The SHA-256 of its contents, whatever its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Its contents as text; more than the first MiB is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<TextExpectation>,
    /// Values of what is in it, which is JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonExpectation>,
    /// A JSON Schema that it satisfies, or the file that the schema stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<SchemaSource>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<CountExpectation>,
    /// It was changed no longer ago than this, and not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_older_than: Option<Timespan>,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq)]
pub enum FileAnswer {
    /// Nothing.
    Missing,
    /// Something that is no regular file: in words, such as `a folder`.
    Other(String),
    /// A regular file.
    Regular(RegularFile),
}

/// A regular file, as far as was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegularFile {
    /// Its size in bytes.
    pub size: u64,
    /// Milliseconds since it was changed; below zero in the future.
    pub age_ms: i64,
    /// The digest of its contents, where it was asked for.
    pub sha256: Option<Digest>,
    /// Its contents, where they were asked for.
    pub contents: Option<Text>,
    /// Whether the contents were cut at the cap.
    pub truncated: bool,
}

impl FileAnswer {
    fn shown(&self) -> &str {
        match self {
            Self::Missing => "nothing",
            Self::Other(what) => what,
            Self::Regular(_) => "a file",
        }
    }

    fn regular(&self) -> Option<&RegularFile> {
        match self {
            Self::Regular(file) => Some(file),
            Self::Missing | Self::Other(_) => None,
        }
    }
}

impl FileProbe {
    /// Whether something is asserted about what is in the file.
    pub fn is_read(&self) -> bool {
        let expect = &self.expect;
        expect.contents.is_some() || !expect.json.is_empty() || expect.json_schema.is_some()
    }
}

/// Why contents are not whole.
const CUT: &str = "only the first MiB was read";

impl Kind for FileProbe {
    type Answer = FileAnswer;

    fn asserts_something(&self) -> bool {
        let FileExpectation {
            exists,
            sha256,
            contents,
            json,
            json_schema,
            size,
            not_older_than,
        } = &self.expect;
        exists.is_some()
            || json.iter().any(|it| !it.is_empty())
            || json_schema.is_some()
            || sha256.is_some()
            || contents.as_ref().is_some_and(|it| !it.is_empty())
            || size.as_ref().is_some_and(|it| !it.is_empty())
            || not_older_than.is_some()
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let expect = &mut self.expect;
        let contents = expect.contents.iter_mut();
        let mut texts = vec![&mut self.path];
        texts.extend(contents.flat_map(TextExpectation::texts_mut));
        texts.extend(json::texts_mut(&mut expect.json, &mut expect.json_schema));
        texts
    }

    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        let FileExpectation {
            json,
            size,
            contents,
            ..
        } = &mut self.expect;
        let size = size.iter_mut().flat_map(CountExpectation::settles_mut);
        let contents = contents.iter_mut();
        let contents = contents.flat_map(TextExpectation::settles_mut);
        json::settles_mut(json)
            .chain(size)
            .chain(contents)
            .collect()
    }

    fn schemas_mut(&mut self) -> Vec<&mut SchemaSource> {
        self.expect.json_schema.iter_mut().collect()
    }

    fn told(answer: &FileAnswer) -> Told<'_> {
        let file = answer.regular();
        Told {
            text: file.and_then(|file| file.contents.as_ref()),
            cut: file.is_some_and(|file| file.truncated),
            ..Told::default()
        }
    }

    fn judge(&self, answer: &FileAnswer, _: u64) -> Judged {
        let expect = &self.expect;
        let file = answer.regular();
        let mut all = Vec::new();
        if let Some(exists) = expect.exists {
            all.push(Assertion {
                about: "exists".to_owned(),
                expected: if exists { "a file" } else { "nothing" }.to_owned(),
                actual: answer.shown().to_owned(),
                holds: if exists {
                    file.is_some()
                } else {
                    *answer == FileAnswer::Missing
                },
            });
        }
        let missing = || match answer {
            FileAnswer::Other(what) => format!("missing: it is {what}"),
            FileAnswer::Missing | FileAnswer::Regular(_) => "missing".to_owned(),
        };
        if let Some(expected) = &expect.sha256 {
            let found = file.and_then(|file| file.sha256);
            all.push(Assertion {
                about: "sha256".to_owned(),
                expected: expected.to_string(),
                actual: found.map_or_else(missing, |it| it.to_string()),
                holds: found == Some(*expected),
            });
        }
        if let Some(size) = &expect.size {
            all.extend(size.assertions("size", " bytes", file.map(|file| file.size)));
        }
        if let Some(limit) = expect.not_older_than {
            all.push(age(limit, file.map(|file| file.age_ms), missing));
        }
        let mut texts = Held::default();
        if let Some(contents) = &expect.contents {
            let text = file.and_then(|file| file.contents.as_ref());
            let text = text.map_or(Err("missing"), Text::read);
            let cut = file.is_some_and(|file| file.truncated).then_some(CUT);
            texts.add(contents.assertions("contents", text, cut));
        }
        let (text, unknown) = match (file, missing()) {
            (Some(file), _) if file.truncated => (Ok(""), Some(CUT.to_owned())),
            (Some(file), _) => (file.contents.as_ref().map_or(Ok(""), Text::read), None),
            (None, missing) => (Ok(""), Some(missing)),
        };
        let schema = expect.json_schema.as_ref();
        texts.add(json::hold(&expect.json, schema, text, unknown.as_deref()));
        all.extend(texts.assertions);
        judged(Held {
            assertions: all,
            undecided: texts.undecided,
        })
    }
}

/// That something was changed no longer ago than `limit`. A change in the future is no proof that it is fresh.
pub(super) fn age(
    limit: Timespan,
    age_ms: Option<i64>,
    missing: impl FnOnce() -> String,
) -> Assertion {
    let whole = limit.milliseconds().is_multiple_of(1_000);
    let seconds = |ms: u64| match whole {
        true => Timespan::from_seconds(ms / 1_000),
        false => Timespan::from_milliseconds(ms),
    };
    Assertion {
        about: "age".to_owned(),
        expected: format!("at most {limit}"),
        actual: match age_ms.map(u64::try_from) {
            None => missing(),
            Some(Ok(age)) => seconds(age).to_string(),
            Some(Err(_)) => {
                let ahead = age_ms.map_or(0, i64::unsigned_abs);
                format!("changed {} in the future", seconds(ahead))
            }
        },
        holds: age_ms
            .and_then(|age| u64::try_from(age).ok())
            .is_some_and(|age| age <= limit.milliseconds()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expect: serde_json::Value, answer: &FileAnswer) -> Vec<Assertion> {
        let probe = serde_json::json!({"path": "a", "expect": expect});
        let probe: FileProbe = serde_json::from_value(probe).expect("a probe");
        assert!(probe.asserts_something());
        probe.judge(answer, 0).expect("assertions")
    }

    fn holds(expect: serde_json::Value, answer: &FileAnswer) -> bool {
        judged(expect, answer).iter().all(|it| it.holds)
    }

    #[test]
    fn what_is_no_file_satisfies_nothing_but_nothing_itself() {
        let folder = FileAnswer::Other("a folder".to_owned());
        let file = FileAnswer::Regular(RegularFile::default());
        let exists = |wanted: bool, answer| holds(serde_json::json!({"exists": wanted}), answer);
        assert!(exists(true, &file) && exists(false, &FileAnswer::Missing));
        assert!(!exists(true, &folder) && !exists(false, &folder));
        assert!(!exists(true, &FileAnswer::Missing) && !exists(false, &file));
        for expect in [
            serde_json::json!({"sha256": "0".repeat(64)}),
            serde_json::json!({"size": {"at_most": 1}}),
            serde_json::json!({"not_older_than": "1d"}),
            serde_json::json!({"contents": {"not_contains": "x"}}),
        ] {
            assert!(!holds(expect.clone(), &FileAnswer::Missing), "{expect}");
            assert!(!holds(expect.clone(), &folder), "{expect}");
        }
    }

    #[test]
    fn age_ends_at_its_limit_and_the_future_is_not_fresh() {
        let aged = |age_ms| {
            FileAnswer::Regular(RegularFile {
                age_ms,
                ..RegularFile::default()
            })
        };
        let young = serde_json::json!({"not_older_than": "1m"});
        assert!(holds(young.clone(), &aged(60_000)));
        assert!(!holds(young.clone(), &aged(60_001)));
        let ahead = judged(young, &aged(-90_000));
        assert!(!ahead[0].holds);
        assert!(ahead[0].actual.contains("future"), "{}", ahead[0].actual);
    }

    #[test]
    fn what_was_not_read_proves_no_absence() {
        let file = FileAnswer::Regular(RegularFile {
            contents: Some("all well".into()),
            truncated: true,
            ..RegularFile::default()
        });
        assert!(!holds(
            serde_json::json!({"contents": {"not_contains": "ERROR"}}),
            &file
        ));
        assert!(holds(
            serde_json::json!({"contents": {"contains": "well"}}),
            &file
        ));
    }
}
