//! What a watcher says at its end, and what to do then.

use crate::app::project::Release;
use crate::domain::clock::Reading;
use crate::domain::ids::StageName;
use crate::domain::outcome::WatchEnd;
use crate::domain::readiness::command;
use crate::domain::state::ReleaseState;
use crate::domain::state::rollback::Rollback;
use crate::domain::window::clock_face;

/// One sentence, and the next commands to type.
pub(super) fn farewell(
    release: &Release,
    state: &ReleaseState,
    end: WatchEnd,
    now: &Reading,
) -> (String, Vec<String>) {
    let name = &release.name;
    let previous = state
        .rollback
        .as_ref()
        .map_or("", |rollback| rollback.plan.previous.as_str());
    let owed = state
        .obligations
        .values()
        .any(|owed| owed.settled.is_none());
    let due = || {
        if owed {
            vec!["relgate due".to_owned()]
        } else {
            Vec::new()
        }
    };
    match end {
        WatchEnd::Quiet => (
            format!("nothing of {name} needs watching"),
            vec![command(name, "status")],
        ),
        WatchEnd::Resolved => (
            "every incident is resolved".to_owned(),
            vec![command(name, "verify")],
        ),
        WatchEnd::WaitsForPerson => (
            "a window has expired, and the policy leaves the decision to a person".to_owned(),
            vec![
                command(name, "rollback --reason TEXT"),
                command(name, "incident list"),
            ],
        ),
        WatchEnd::Unread => (
            "NOBODY IS WATCHING, and part of the ledger could not be read: an incident may be open"
                .to_owned(),
            vec![command(name, "ledger verify"), command(name, "watch")],
        ),
        WatchEnd::Detached => {
            let mut open: Vec<String> = state
                .open_incidents()
                .filter(|incident| incident.has_running_window())
                .map(|incident| {
                    format!(
                        "{} has {} left",
                        incident.id(),
                        clock_face(incident.window.left_ms(now))
                    )
                })
                .collect();
            if state
                .rollback
                .as_ref()
                .is_some_and(|rollback| rollback.is_running())
            {
                open.push("the rollback goes on by itself".to_owned());
            }
            let armed = if open.is_empty() {
                "nothing is open".to_owned()
            } else {
                open.join("; ")
            };
            (
                format!("no longer watching, and the windows stay armed: {armed}"),
                vec![command(name, "watch")],
            )
        }
        // req: A12
        WatchEnd::RolledBack => {
            let running = names(&state.running_stages());
            let back = |it: &Rollback| {
                let back = it.stages.iter().filter(|it| it.is_rolled_back());
                back.map(|it| it.stage.clone()).collect::<Vec<_>>()
            };
            let back = state.rollback.as_ref().map(back).unwrap_or_default();
            match state
                .rollback
                .as_ref()
                .is_some_and(Rollback::is_rolled_back)
            {
                true => (
                    format!("{name} is rolled back to {previous}: everybody can go home"),
                    due(),
                ),
                false => (
                    format!(
                        "{name} is rolled back to {previous} in {}; it still runs in {running}",
                        names(&back)
                    ),
                    vec![
                        command(name, "rollback --reason TEXT"),
                        command(name, "status"),
                    ],
                ),
            }
        }
        WatchEnd::Stuck => {
            let mut next = vec![
                command(name, "log"),
                command(name, "rollback --reason TEXT"),
            ];
            next.extend(due());
            let stuck = state.rollback.iter().flat_map(|it| it.stuck_stages());
            let stuck: Vec<StageName> = stuck.map(|it| it.stage.clone()).collect();
            let of = match state.deployments.len() {
                0 | 1 => String::new(),
                _ => format!(" in {}", names(&stuck)),
            };
            (
                format!(
                    "the rollback of {name} to {previous} is STUCK{of}: a person is needed now"
                ),
                next,
            )
        }
    }
}

fn names(stages: &[StageName]) -> String {
    let names: Vec<&str> = stages.iter().map(StageName::as_str).collect();
    names.join(", ")
}
