//! `policy digest`, and what `--policy-digest` stops.

use crate::app::{Result, World, pin};
use crate::cli::args::{Command, Incident, Ledger};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::domain::state::rollback::Rollback;

pub fn digest(context: &Context) -> Result<u8> {
    context.with_world(|world| {
        context.show(&pin::pin(world, context.policy_path())?)?;
        Ok(exit::GO)
    })
}

/// What becomes of a command where the policy is not the pinned one.
enum Then {
    /// It decides, or grants: refused.
    Refuse,
    /// It shows, or takes an armed window to its end: told, and gone on with.
    Warn,
    /// It goes on where a window is armed, and is refused elsewhere.
    WarnIfArmed,
    /// The policy has no part in it.
    Ignore,
}

fn then(command: &Command) -> Then {
    match command {
        Command::Watch(_) | Command::DriveRollback => Then::Warn,
        // Users are protected first: what rolls back was pinned when the window opened.
        Command::Rollback(args) if !args.drill => Then::WarnIfArmed,
        Command::Status(_)
        | Command::Log
        | Command::Due { settle: None, .. }
        | Command::Incident(Incident::List) => Then::Warn,
        Command::Init { .. }
        | Command::New { .. }
        | Command::Lint
        | Command::Policy(_)
        // A bundle is held against the digest by what it carries itself.
        | Command::Ledger(Ledger::Verify { bundle: Some(_) })
        | Command::Schema { .. }
        | Command::Explain { .. }
        | Command::Help { .. }
        | Command::Completions { .. }
        | Command::Man { .. } => Then::Ignore,
        _ => Then::Refuse,
    }
}

/// Holds the policy against the digest that was named, before anything is decided.
///
/// # Errors
/// Refused where it is another one, and `command` would decide by it.
pub fn hold(context: &Context, command: &Command) -> Result<()> {
    let Some(expected) = &context.global.policy_digest else {
        return Ok(());
    };
    let then = then(command);
    if matches!(then, Then::Ignore) {
        return Ok(());
    }
    context.with_world(|world| {
        let error = match pin::require(world, context.policy_path(), expected) {
            Ok(kept) => {
                context.keep(kept);
                return Ok(());
            }
            Err(error) => error,
        };
        let goes_on = match then {
            Then::Warn | Then::Ignore => true,
            Then::WarnIfArmed => is_armed(context, world)?,
            Then::Refuse => false,
        };
        if !goes_on {
            return Err(error);
        }
        context.warn(&error.to_string());
        Ok(())
    })
}

/// Whether the release has a window that is armed, or a rollback that runs.
fn is_armed(context: &Context, world: &World<'_>) -> Result<bool> {
    let name = context.selected(world)?;
    let mut ledger = world.ledgers.open(&name);
    let state = ledger.refresh()?.state();
    let running = state.rollback.as_ref().is_some_and(Rollback::is_running);
    Ok(running || state.open_incidents().next().is_some())
}
