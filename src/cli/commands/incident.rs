//! `relgate incident`: a person's way in and out of a window.

use crate::app::incident::{self as app, Opening};
use crate::app::{Result, deploy, lease};
use crate::cli::args::Incident;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::domain::decide::deployment::StageUse;
use crate::domain::ids::{NameError, PriorityName, TriggerName};
use crate::domain::record::body::DecidedAnswer;
use crate::domain::refusal::Refusal;

use super::watch;

pub fn incident(context: &Context, incident: Incident) -> Result<u8> {
    context.with_world(|world| {
        let stage = match &incident {
            Incident::Open { stage, .. } => stage.stage.as_deref(),
            _ => None,
        };
        let release = match (context.deployed_release(world, stage), &incident) {
            (Err(_), Incident::List) => context.armed_release(world)?,
            (release, _) => release?,
        };
        let policy = &release.policy;
        match incident {
            Incident::Open {
                title,
                priority,
                trigger,
                stage,
                no_watch,
            } => {
                let actor = context.actor(policy, stage.role.as_deref())?;
                let opening = Opening {
                    title,
                    priority: priority
                        .map(PriorityName::new)
                        .transpose()
                        .map_err(invalid)?,
                    trigger: trigger.map(TriggerName::new).transpose().map_err(invalid)?,
                    stage: deploy::stage(
                        world,
                        &release,
                        stage.stage.as_deref(),
                        StageUse::Deployed,
                    )?,
                };
                context.show(&app::open(world, &release, &actor, &opening)?)?;
                // A window that nobody watches would not end by itself.
                if no_watch || lease::watching(world, &release.name).is_some() {
                    return Ok(exit::NO_GO);
                }
                let watched = watch::follow(context, world, &release, true)?;
                context.show(&watched)?;
                watch::say_unwatched(context, &watched)?;
                Ok(exit::of_watch(watched.end))
            }
            Incident::Escalate {
                incident,
                priority,
                reason,
                role,
            } => {
                let actor = context.actor(policy, role.as_deref())?;
                let to = PriorityName::new(priority).map_err(invalid)?;
                context.show(&app::escalate(
                    world,
                    &release,
                    &actor,
                    &incident,
                    (&to, reason.as_deref()),
                )?)?;
                Ok(exit::GO)
            }
            Incident::Resolve {
                incident,
                how,
                overridden,
                role,
            } => {
                let actor = context.actor(policy, role.as_deref())?;
                let how = (how.as_deref(), overridden.as_deref());
                let (done, _) = app::resolve(world, &release, &actor, &incident, how)?;
                context.show(&done)?;
                Ok(exit::GO)
            }
            Incident::Decide(request) => {
                let actor = context.actor(policy, request.role.as_deref())?;
                let (id, reason) = (request.incident.as_str(), request.reason.as_str());
                let answer = match &request.fix_within {
                    Some(limit) => DecidedAnswer::FixWithin(limit.parse().map_err(|error| {
                        Refusal::usage(format!("--fix-within {limit}: {error}"))
                    })?),
                    None => DecidedAnswer::Keep,
                };
                if request.rollback {
                    context.catch_signals();
                    app::decide_rollback(world, &release, (&actor, id), reason)?;
                    let watched = watch::follow(context, world, &release, true)?;
                    context.show(&watched)?;
                    return Ok(exit::of_watch(watched.end));
                }
                let decided = app::decide(world, &release, (&actor, id), &answer, reason)?;
                context.show(&decided)?;
                Ok(exit::GO)
            }
            Incident::List => {
                let report = app::list(world, &release)?;
                context.show(&report)?;
                Ok(match report.unread.is_empty() {
                    true => exit::GO,
                    false => exit::INVALID,
                })
            }
        }
    })
}

fn invalid(error: NameError) -> Refusal {
    Refusal::invalid(error.to_string())
}
