//! What a watcher says at its end, and what to do then.

use crate::app::project::Release;
use crate::domain::clock::Reading;
use crate::domain::ids::StageName;
use crate::domain::outcome::WatchEnd;
use crate::domain::readiness::command;
use crate::domain::state::ReleaseState;
use crate::domain::state::rollback::Rollback;
use crate::domain::window::clock_face;

/// Who else watches the release, once this watcher has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// Nobody.
    Nobody,
    /// Somebody alive, with the process id where the system tells it.
    Watch(Option<i32>),
}

/// One sentence, and the next commands to type.
pub(super) fn farewell(
    release: &Release,
    state: &ReleaseState,
    (end, others): (WatchEnd, Others),
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
        WatchEnd::Replaced => {
            let successor = state.replaced_everywhere().map(|it| &it.successor);
            let successor = successor.unwrap_or(name);
            (
                format!("{successor} took the place of {name}: its windows are at their end"),
                vec![command(successor, "verify"), command(name, "close")],
            )
        }
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
        WatchEnd::Detached => detached(release, state, others, now),
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

/// What is left behind by a watcher that was asked to stop.
fn detached(
    release: &Release,
    state: &ReleaseState,
    others: Others,
    now: &Reading,
) -> (String, Vec<String>) {
    let name = &release.name;
    let running: Vec<_> = state
        .open_incidents()
        .filter(|incident| incident.has_running_window())
        .collect();
    let mut armed: Vec<String> = running
        .iter()
        .map(|incident| {
            let left = clock_face(incident.window.left_ms(now));
            format!("{} has {left} left", incident.id())
        })
        .collect();
    let is_running = |it: &Rollback| it.is_running();
    if state.rollback.as_ref().is_some_and(is_running) {
        armed.push("the rollback goes on by itself".to_owned());
    }
    let watch = command(name, "watch");
    let next = match running.first() {
        None => vec![watch],
        Some(incident) => {
            let how = match incident.facts.probes.is_empty() {
                true => " --how TEXT",
                false => "",
            };
            let resolve = format!("incident resolve {}{how}", incident.id());
            vec![watch, command(name, &resolve)]
        }
    };
    let who = match others {
        _ if armed.is_empty() => return ("no longer watching: nothing is open".to_owned(), next),
        _ if running.is_empty() => "no longer watching".to_owned(),
        Others::Nobody => "NOBODY IS WATCHING, and the windows stay armed".to_owned(),
        Others::Watch(Some(pid)) => format!("process {pid} watches, and the windows stay armed"),
        Others::Watch(None) => "another process watches, and the windows stay armed".to_owned(),
    };
    let armed = armed.join("; ");
    let then = match next.as_slice() {
        [watch, resolve] => {
            format!("; go on with \"{watch}\", or once it is mended \"{resolve}\"")
        }
        _ => String::new(),
    };
    (format!("{who}: {armed}{then}"), next)
}

fn names(stages: &[StageName]) -> String {
    let names: Vec<&str> = stages.iter().map(StageName::as_str).collect();
    names.join(", ")
}
