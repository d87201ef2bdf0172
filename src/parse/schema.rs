//! The JSON Schemas of a team's files, generated from the domain's types.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};

use crate::domain::gate::Checklist;
use crate::domain::policy::Policy;
use crate::domain::probe::suite::ProbeSuite;
use crate::domain::release::ReleaseNotes;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `relgate.yaml`.
    Policy,
    /// `release-notes.yaml`, or the front matter of `release-notes.md`.
    Notes,
    /// `checklist.yaml`.
    Checklist,
    /// A file of probes alone.
    Probes,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Policy, Kind::Notes, Kind::Checklist, Kind::Probes];

    /// The word that `relgate schema` takes.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Policy => "policy",
            Kind::Notes => "release-notes",
            Kind::Checklist => "checklist",
            Kind::Probes => "probes",
        }
    }

    /// The file as messages name it.
    pub const fn thing(self) -> &'static str {
        match self {
            Kind::Policy => "the policy",
            Kind::Notes => "the release notes",
            Kind::Checklist => "the checklist",
            Kind::Probes => "the file of probes",
        }
    }
}

/// The schema of a kind of file: JSON Schema draft 2020-12.
pub fn schema(kind: Kind) -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = match kind {
        Kind::Policy => generator.into_root_schema_for::<Policy>(),
        Kind::Notes => generator.into_root_schema_for::<ReleaseNotes>(),
        Kind::Checklist => generator.into_root_schema_for::<Checklist>(),
        Kind::Probes => generator.into_root_schema_for::<ProbeSuite>(),
    };
    let title = format!("relgate {}", kind.word().replace('-', " "));
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// The schema as a file: indented, with a newline at its end.
pub fn pretty(kind: Kind) -> String {
    format!("{:#}\n", schema(kind))
}

/// What the files of a kind are held against, and where its own begins in it: with the definitions that all kinds share.
pub type Shape = (&'static Json, &'static Json);

/// The shape without a word of description, as it was generated beforehand: generating it takes most of a start.
const BARE: &str = include_str!("shapes.json");

/// The shape of a kind of file, without descriptions: whether a file has it.
pub fn bare_shape(kind: Kind) -> Shape {
    static SHAPES: LazyLock<Json> = LazyLock::new(|| {
        // A test holds it against the types.
        serde_json::from_str(BARE).unwrap_or_else(|_| shapes())
    });
    (&SHAPES, &SHAPES[kind.word()])
}

/// The shape of a kind of file, with descriptions: what is said where a file does not have it.
pub fn shape(kind: Kind) -> Shape {
    static SHAPES: LazyLock<Json> = LazyLock::new(shapes);
    (&SHAPES, &SHAPES[kind.word()])
}

/// The shapes of all kinds; what several speak of is described once.
fn shapes() -> Json {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let starts = [
        (Kind::Policy, generator.subschema_for::<Policy>()),
        (Kind::Notes, generator.subschema_for::<ReleaseNotes>()),
        (Kind::Checklist, generator.subschema_for::<Checklist>()),
        (Kind::Probes, generator.subschema_for::<ProbeSuite>()),
    ];
    let mut shapes: Map<String, Json> = starts
        .into_iter()
        .map(|(kind, start)| (kind.word().to_owned(), start.to_value()))
        .collect();
    shapes.insert("$defs".to_owned(), generator.take_definitions(true).into());
    shapes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `value` says without its descriptions. A property may have that name.
    fn without_descriptions(value: &Json, is_properties: bool) -> Json {
        match value {
            Json::Object(keys) => keys
                .iter()
                .filter(|(key, _)| is_properties || *key != "description")
                .map(|(key, value)| {
                    let holds_names = !is_properties && (key == "properties" || key == "$defs");
                    (key.clone(), without_descriptions(value, holds_names))
                })
                .collect::<Map<_, _>>()
                .into(),
            Json::Array(items) => items
                .iter()
                .map(|item| without_descriptions(item, false))
                .collect::<Vec<_>>()
                .into(),
            other => other.clone(),
        }
    }

    /// `SHAPES=write cargo test --lib shapes_are` writes them.
    #[test]
    fn the_shapes_are_those_of_the_types() {
        let bare = format!("{}\n", without_descriptions(&shapes(), false));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/parse/shapes.json");
        if std::env::var_os("SHAPES").is_some_and(|it| it == "write") {
            std::fs::write(file, &bare).expect("written");
        }
        let kept = std::fs::read_to_string(file).expect("the file of the shapes");
        assert!(
            kept == bare,
            "src/parse/shapes.json is not what the types say: SHAPES=write cargo test --lib shapes_are"
        );
    }

    #[test]
    fn every_schema_says_what_it_is() {
        for kind in Kind::ALL {
            let schema = schema(kind);
            assert_eq!(
                schema["$schema"],
                "https://json-schema.org/draft/2020-12/schema"
            );
            assert!(
                schema["title"]
                    .as_str()
                    .is_some_and(|t| t.starts_with("relgate "))
            );
            assert_eq!(schema.get("$id"), None);
            assert_eq!(schema["additionalProperties"], false);
            assert!(pretty(kind).ends_with("}\n"));
        }
    }

    #[test]
    fn every_key_is_described() {
        fn undescribed(json: &Json, path: &str, all: &mut Vec<String>) {
            if let Some(properties) = json.get("properties").and_then(Json::as_object) {
                for (key, value) in properties {
                    if value.get("description").is_none() {
                        all.push(format!("{path}/{key}"));
                    }
                }
            }
            match json {
                Json::Object(map) => map
                    .iter()
                    .for_each(|(key, value)| undescribed(value, &format!("{path}/{key}"), all)),
                Json::Array(list) => list.iter().for_each(|value| undescribed(value, path, all)),
                _ => {}
            }
        }
        for kind in Kind::ALL {
            let mut all = Vec::new();
            undescribed(&schema(kind), "", &mut all);
            assert_eq!(all, Vec::<String>::new(), "{kind:?}");
        }
    }
}
