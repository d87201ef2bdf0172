//! A clock that was wrong: somebody looked into it, and answers for it.

use super::Actor;
use crate::domain::history::History;
use crate::domain::ids::RecordId;
use crate::domain::policy::{Action, Policy};
use crate::domain::readable::is_blank;
use crate::domain::readiness::command;
use crate::domain::record::body::ClockJumpAccepted;
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::Refusal;

/// Accepts that the clock went back at a record, named by its id, the first digits of it, or its file.
///
/// # Errors
/// Usage without a reason; refused for authority; invalid where no record, or several, are called so; refused where its
/// time is in order, or was accepted.
pub fn accept_jump(
    policy: &Policy,
    history: &History,
    actor: &Actor,
    (named, reason): (&str, &str),
) -> Result<Draft, Refusal> {
    if is_blank(reason) {
        return Err(Refusal::usage("say why the clock went back").help("add --reason TEXT"));
    }
    let role = actor.authority(policy, Action::Close)?;
    let record = record(history, named)?;
    let body = Body::ClockJumpAccepted(ClockJumpAccepted {
        record,
        role,
        reason: reason.trim().to_owned(),
    });
    let help = command(history.release(), "ledger verify");
    history
        .state()
        .has_open_clock_jump(&record)
        .map_err(|why| Refusal::refused(why).help(help))?;
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}

fn record(history: &History, named: &str) -> Result<RecordId, Refusal> {
    const FEWEST: usize = 6;
    let file = named.rsplit('/').next().unwrap_or_default();
    let mut found = history.records().iter().filter(|it| {
        it.file_name() == file || named.len() >= FEWEST && it.id.to_string().starts_with(named)
    });
    let invalid = |why: String| {
        let help = command(history.release(), "ledger verify");
        Err(Refusal::invalid(why).help(help))
    };
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id),
        (Some(_), Some(_)) => invalid(format!("several records begin with {named:?}")),
        (None, _) => invalid(format!(
            "no record is called {named:?}: expected its id, {FEWEST} of its first digits or more, or its file"
        )),
    }
}
