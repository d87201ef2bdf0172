//! The documents that follow a rollback, rendered from templates that a team can replace.

use minijinja::{Environment, context};

use crate::domain::markdown;
use crate::domain::record::Body;
use crate::domain::state::ReleaseState;
use crate::domain::state::rollback::{Rollback, Standing};
use crate::domain::visible::is_unsafe;

use super::ledger::Ledger;
use super::project::Release;
use super::{World, log, view};

/// The template of the root-cause document that comes with relgate.
const RCA: &str = include_str!("../../release-notes-templates/rca.md");
/// Where a team's own templates lie.
const TEMPLATES: &str = ".relgate/templates";

/// Writes the documents that are owed after a rollback, for people to complete; never over an existing one. A document
/// is a convenience beside the records: nothing that is wrong with it stops anything.
pub fn write(world: &World<'_>, release: &Release, ledger: &mut dyn Ledger) {
    let Ok(history) = ledger.refresh() else {
        return;
    };
    let state = history.state();
    let Some(rollback) = &state.rollback else {
        return;
    };
    let timeline: Vec<_> = history
        .records()
        .iter()
        .filter(|record| {
            !matches!(
                record.body,
                Body::Checkpoint(_) | Body::StepStarted(_) | Body::AttemptStarted(_)
            )
        })
        .map(|record| {
            context! {
                at => record.at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
                by => cell(&record.by),
                text => cell(&log::told(history, record)),
            }
        })
        .collect();
    for owed in state
        .obligations
        .values()
        .filter(|owed| owed.settled.is_none())
    {
        let Some(document) = &owed.obligation.document else {
            continue;
        };
        let template = match (template(world, document), document.as_str()) {
            (Ok(Some(text)), _) => text,
            (Err(_), "rca") => RCA.to_owned(),
            (Ok(None) | Err(_), _) => continue,
        };
        let values = context! {
            release => release.name.as_str(),
            team => cell(release.notes.team()),
            previous => cell(&rollback.plan.previous),
            owner => owed.obligation.role.as_str(),
            due => owed.obligation.due.format("%Y-%m-%d %H:%M UTC").to_string(),
            rolled_back_at => rolled_back_at(rollback),
            attempts => rollback.attempts.len(),
            checklist_passes => rollback.stages.iter().map(|it| state.complete_passes(&it.stage).len()).sum::<usize>(),
            incidents => incidents(state),
            steps => steps(rollback),
            timeline => timeline,
        };
        let mut environment = Environment::new();
        environment.set_keep_trailing_newline(true);
        let rendered = environment.render_str(&template, values);
        if let Ok(text) = rendered {
            let path = view::document_path(release.name.as_str(), document);
            let _ = world.files.create(&[(path, text)]);
        }
    }
}

/// The template of a document: the team's own, else the one that comes with relgate; none where there is neither.
///
/// # Errors
/// Why the team's own cannot be read, for people.
pub(super) fn template(world: &World<'_>, document: &str) -> Result<Option<String>, String> {
    let path = format!("{TEMPLATES}/{document}.md");
    let own = world.files.read(&path).map_err(|error| error.to_string())?;
    match (own.map(String::from_utf8), document) {
        (Some(Ok(text)), _) => Ok(Some(text)),
        (Some(Err(_)), _) => Err(format!("{path} is no text in UTF-8")),
        (None, "rca") => Ok(Some(RCA.to_owned())),
        (None, _) => Ok(None),
    }
}

fn rolled_back_at(rollback: &Rollback) -> Option<String> {
    match &rollback.standing {
        Standing::RolledBack(fact) | Standing::PartlyRolledBack(fact) => {
            Some(fact.origin.at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
        }
        _ => None,
    }
}

fn incidents(state: &ReleaseState) -> Vec<minijinja::Value> {
    let mut all: Vec<_> = state.incidents.values().collect();
    all.sort_by_key(|incident| incident.opened.at);
    all.into_iter()
        .map(|incident| {
            let failures = incident.facts.failures.iter();
            let failures: Vec<_> = failures
                .map(|failure| context! { probe => failure.probe.as_str(), reason => cell(&failure.reason) })
                .collect();
            context! {
                id => incident.id().as_str(),
                title => cell(&incident.facts.title),
                priority => incident.priority.as_str(),
                opened => incident.opened.at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
                failures => failures,
            }
        })
        .collect()
}

fn steps(rollback: &Rollback) -> Vec<minijinja::Value> {
    rollback
        .attempts
        .iter()
        .flat_map(|attempt| &attempt.steps)
        .map(|step| {
            context! { step => step.step.as_str(), outcome => cell(&log::outcome(&step.end.outcome)), took_ms => step.end.took_ms }
        })
        .collect()
}

/// A text that fits in one cell of a Markdown table, and means nothing but itself: who writes a title writes no document.
fn cell(text: &str) -> String {
    let safe = |c: char| if is_unsafe(c) { ' ' } else { c };
    markdown::escaped(&text.chars().map(safe).collect::<String>())
}
