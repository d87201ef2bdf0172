//! `command` probes, and what is true of every command.

use super::{Check, json};
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::kinds::CommandProbe;
use crate::parse::Site;
use crate::parse::node::pointer_step;

pub(super) fn lint(check: &Check<'_>, command: &CommandProbe, findings: &mut Vec<Finding>) {
    argv(
        check.site,
        &check.at("/command/argv"),
        &check.by,
        &command.argv,
        findings,
    );
    let names = command.env.keys().map(String::as_str);
    environment(
        check.site,
        &check.at("/command/env"),
        &check.by,
        names,
        findings,
    );
    for (key, text) in [
        ("stdout", &command.expect.stdout),
        ("stderr", &command.expect.stderr),
    ] {
        if let Some(text) = text {
            check.text(&format!("/command/expect/{key}"), text, findings);
        }
    }
    let schema = command.expect.json_schema.as_ref();
    let values = &command.expect.json;
    json::lint(check, "/command/expect", values, schema, findings);
}

/// A command that can be run: a program, and nothing that no system takes.
pub(in crate::parse::lint) fn argv(
    site: Site<'_>,
    path: &str,
    by: &str,
    argv: &[String],
    findings: &mut Vec<Finding>,
) {
    let Some(program) = argv.first() else {
        findings.push(
            site.error(Rule::ProbeCommand, path, format!("{by}: \"argv\" is empty"))
                .help("write the program and its arguments, such as [./rollback.sh, --now]"),
        );
        return;
    };
    if program.trim().is_empty() {
        findings.push(
            site.error(
                Rule::ProbeCommand,
                &format!("{path}/0"),
                format!("{by}: the program is empty"),
            )
            .help("write the program first, such as ./rollback.sh"),
        );
    } else if argv.len() == 1 && program.contains(' ') && !program.starts_with(['.', '/', '$']) {
        let words: Vec<&str> = program.split_whitespace().collect();
        findings.push(
            site.warning(
                Rule::ProbeCommand,
                &format!("{path}/0"),
                format!("{by}: there is no shell, so {program:?} is the name of one program"),
            )
            .help(format!("did you mean [{}]?", words.join(", "))),
        );
    }
    for (index, argument) in argv.iter().enumerate() {
        if argument.contains('\0') {
            findings.push(site.error(
                Rule::ProbeCommand,
                &format!("{path}/{index}"),
                format!("{by}: an argument contains a NUL character"),
            ));
        }
    }
}

/// Names that an environment can hold.
pub(in crate::parse::lint) fn environment<'a>(
    site: Site<'_>,
    path: &str,
    by: &str,
    names: impl Iterator<Item = &'a str>,
    findings: &mut Vec<Finding>,
) {
    for name in names {
        if name.is_empty() || name.contains(['=', '\0']) {
            findings.push(
                site.error_at_key(
                    Rule::StepEnvironment,
                    &format!("{path}{}", pointer_step(name)),
                    format!("{by}: {name:?} cannot be the name of a variable"),
                )
                .help("a name has letters, digits and \"_\", such as SHOP_PORT"),
            );
        }
    }
}
