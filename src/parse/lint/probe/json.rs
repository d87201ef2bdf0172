//! What is asserted about JSON: can the path be read, and could the assertion ever fail, and ever hold?

use serde_json::Value;

use super::Check;
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::conversion::Conversion;
use crate::domain::probe::json::decimal::Decimal;
use crate::domain::probe::json::path::Path;
use crate::domain::probe::json::schema::{self, SchemaSource};
use crate::domain::probe::json::{JsonExpectation, LengthExpectation};
use crate::domain::probe::templated::Templated;
use crate::parse::lint::inside;
use crate::parse::lint::variables::replaced;
use crate::parse::node::{Node, Value as Written, pointer_step};

/// From here on a number is not kept exactly in a record (RFC 8785 section 3.2.2.3).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Checks the keys `json` and `json_schema` below `below`.
pub(super) fn lint(
    check: &Check<'_>,
    below: &str,
    values: &[JsonExpectation],
    schema: Option<&SchemaSource>,
    findings: &mut Vec<Finding>,
) {
    for (index, value) in values.iter().enumerate() {
        lint_value(check, &format!("{below}/json/{index}"), value, findings);
    }
    if let Some(source) = schema {
        lint_schema(check, &format!("{below}/json_schema"), source, findings);
    }
}

/// The JSONPath at `below`.
pub(super) fn lint_path(check: &Check<'_>, below: &str, path: &str, findings: &mut Vec<Finding>) {
    if let Ok(full) = replaced(path)
        && let Err(error) = Path::parse(&full)
    {
        let error = error.to_string();
        let (what, help) = error.split_once("; ").unwrap_or((&error, ""));
        findings.push(
            check
                .error(Rule::ProbePath, below, what)
                .help_opt((!help.is_empty()).then(|| help.to_owned())),
        );
    }
}

fn lint_value(
    check: &Check<'_>,
    below: &str,
    value: &JsonExpectation,
    findings: &mut Vec<Finding>,
) {
    let path = &value.path;
    lint_path(check, &format!("{below}/path"), path, findings);
    let node = check.node(below);
    let written = |key: &str| node.and_then(|node| node.get(key));
    let null = ["type", "equals", "contains"]
        .into_iter()
        .find(|key| written(key).is_some_and(Node::is_null));
    if let Some(key) = null {
        let what = format!("\"{key}\" has no value, so it asserts nothing");
        let help = "to say that it is null, write type: \"null\", in quotes";
        findings.push(
            check
                .error(Rule::ProbeNoAssertion, &format!("{below}/{key}"), &what)
                .help(help),
        );
    } else if value.is_empty() {
        findings.push(
            check
                .error(
                    Rule::ProbeNoAssertion,
                    &format!("{below}/path"),
                    "nothing is said about what stands there, so it could never fail",
                )
                .help("add \"equals\", \"exists: true\", \"at_least\" or another assertion"),
        );
    }
    if value.exists == Some(false) {
        let alone = JsonExpectation {
            path: path.clone(),
            exists: Some(false),
            ..JsonExpectation::default()
        };
        if *value != alone {
            findings.push(
                check
                    .error(
                        Rule::ProbeNeverPasses,
                        &format!("{below}/exists"),
                        "what is missing satisfies nothing else, so this can never hold",
                    )
                    .help("leave out \"exists: false\", or the rest"),
            );
        }
    }
    let single = [
        ("equals", &value.equals),
        ("not", &value.not),
        ("contains", &value.contains),
    ];
    let single = single.map(|(key, operand)| (key.to_owned(), operand.as_ref()));
    let listed = [("in", &value.one_of), ("not_in", &value.not_in)];
    let listed = listed.into_iter().flat_map(|(key, values)| {
        let values = values.iter().flatten().enumerate();
        values.map(move |(index, value)| (format!("{key}/{index}"), Some(value)))
    });
    for (key, operand) in single.into_iter().chain(listed) {
        if let Some(operand) = operand {
            let below = format!("{below}/{key}");
            findings.extend(inexact(check, &below, operand));
            findings.extend(nulls(check, &below));
            if value.conversion == Some(Conversion::Number) {
                findings.extend(no_number(check, &below, operand));
            }
        }
    }
    conversion(check, below, value, findings);
    if value.contains.as_ref().and_then(Value::as_str) == Some("") {
        let what = "every text contains the empty text";
        findings.push(check.error(Rule::ProbeAlwaysPasses, &format!("{below}/contains"), what));
    }
    for (key, expression) in [
        ("matches", &value.matches),
        ("not_matches", &value.not_matches),
    ] {
        if expression.as_deref() == Some("") {
            let what = "every text matches the empty expression";
            let rule = match key {
                "matches" => Rule::ProbeAlwaysPasses,
                _ => Rule::ProbeNeverPasses,
            };
            findings.push(check.error(rule, &format!("{below}/{key}"), what));
        }
    }
    let length = value.length.as_ref();
    if length.is_some_and(LengthExpectation::is_impossible) {
        let what = "no length satisfies all of this";
        findings.push(check.error(Rule::ProbeNeverPasses, &format!("{below}/length"), what));
    }
    let known = |bounds: [&'_ Option<Templated<Decimal>>; 2]| {
        let given = bounds.into_iter().flatten();
        given
            .filter_map(Templated::known)
            .cloned()
            .collect::<Vec<_>>()
    };
    let least = known([&value.at_least, &value.greater]).into_iter().max();
    let most = known([&value.at_most, &value.less]).into_iter().min();
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        let what = format!("no number reaches {least} and does not exceed {most}");
        findings.push(check.error(Rule::ProbeNeverPasses, &format!("{below}/path"), &what));
    }
}

/// `as: number` compares numbers, and nothing else.
fn conversion(
    check: &Check<'_>,
    below: &str,
    value: &JsonExpectation,
    findings: &mut Vec<Finding>,
) {
    if value.conversion != Some(Conversion::Number) {
        return;
    }
    for (key, given) in [
        ("matches", value.matches.is_some()),
        ("not_matches", value.not_matches.is_some()),
        ("contains", value.contains.is_some()),
        ("type", value.kind.is_some()),
        ("length", value.length.is_some()),
    ] {
        if given {
            let what = format!("\"{key}\" asks for something else than a number");
            findings.push(
                check
                    .error(Rule::ProbeConflict, &format!("{below}/{key}"), &what)
                    .help("leave out \"as: number\", or write it with a path of its own"),
            );
        }
    }
}

/// What no number is ever equal to.
fn no_number(check: &Check<'_>, below: &str, operand: &Value) -> Option<Finding> {
    let is_number = match operand {
        Value::Number(_) => true,
        Value::String(text) => {
            replaced(text).is_ok_and(|full| full.trim().parse::<Decimal>().is_ok())
        }
        _ => false,
    };
    (!is_number).then(|| {
        let what = format!("{operand} is no number, and with \"as: number\" numbers are compared");
        check
            .error(Rule::ProbeNeverPasses, below, &what)
            .help("write a number, such as 5")
    })
}

/// A number that would lose digits on its way into a record, or has lost them already.
fn inexact(check: &Check<'_>, below: &str, operand: &Value) -> Option<Finding> {
    match operand {
        Value::Number(number) => number
            .as_f64()
            .is_none_or(|size| size.abs() >= EXACT)
            .then(|| {
                check
                    .error(Rule::ProbeNumber,
                        below,
                        &format!("{number} is too large to be kept exactly here"),
                    )
                    .help(format!(
                        "write at_least: \"{number}\" and at_most: \"{number}\", in quotes, with all its digits"
                    ))
            }),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .find_map(|(index, element)| inexact(check, &format!("{below}/{index}"), element)),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            inexact(check, &format!("{below}{}", pointer_step(name)), member)
        }),
        _ => None,
    }
}

/// A key without a value counts as not filled in, also where a mapping is meant to be compared.
fn nulls(check: &Check<'_>, below: &str) -> Option<Finding> {
    fn null_in(node: &Node, path: String) -> Option<String> {
        match &node.value {
            Written::Map(entries) => entries.iter().find_map(|entry| {
                let path = format!("{path}{}", pointer_step(&entry.key));
                if entry.value.is_null() {
                    Some(path)
                } else {
                    null_in(&entry.value, path)
                }
            }),
            Written::Seq(elements) => elements
                .iter()
                .enumerate()
                .find_map(|(index, element)| null_in(element, format!("{path}/{index}"))),
            _ => None,
        }
    }
    let node = check.node(below)?;
    if !matches!(node.value, Written::Map(_) | Written::Seq(_)) {
        return None;
    }
    let null = null_in(node, check.at(below))?;
    Some(
        check
            .site
            .error_at_key(Rule::ProbeNoAssertion,
                &null,
                format!("{}: a key without a value cannot stand here", check.by),
            )
            .help("give it a value; that something is null is said with its own path and type: \"null\""),
    )
}

fn lint_schema(check: &Check<'_>, below: &str, source: &SchemaSource, findings: &mut Vec<Finding>) {
    match source {
        SchemaSource::File(path) => {
            if replaced(path).is_ok_and(|full| full == *path) {
                findings.extend(inside(check.site, &check.at(below), &check.by, path));
            }
        }
        SchemaSource::Inline(inline) => {
            if let Some(null) = nulls(check, below) {
                findings.push(null);
            } else if inline.is_empty() {
                findings.push(check.error(
                    Rule::ProbeAlwaysPasses,
                    below,
                    "every document satisfies the empty schema",
                ));
            } else if let Err(why) = schema::compile(inline) {
                let what = format!("the JSON Schema cannot be used: {why}");
                findings.push(check.error(Rule::ProbeSchema, below, &what));
            }
        }
    }
}
