//! `status`, `log`, `due`: what is, what happened, what is owed.

use crate::app::{Result, due as obligations, log as history, project, status as standing};
use crate::cli::args::Due;
use crate::cli::context::Context;
use crate::cli::exit;

/// Shows how releases stand. With `require_watch` the exit code says whether a window is armed that nobody alive watches,
/// for whatever runs this regularly; what is known to be unwatched comes before what could not be read.
pub fn status(context: &Context, require_watch: bool) -> Result<u8> {
    context.with_world(|world| {
        let report = standing::status(
            world,
            context.policy_path(),
            context.global.release.as_deref(),
        )?;
        context.show(&report)?;
        if require_watch && !report.unwatched.is_empty() {
            return Ok(exit::NO_GO);
        }
        let mut releases = report.releases.iter();
        let wrong = releases.any(|it| it.wrong_files.is_some() || !it.unread.is_empty());
        Ok(if wrong { exit::INVALID } else { exit::GO })
    })
}

pub fn log(context: &Context) -> Result<u8> {
    context.with_world(|world| {
        let release = context.selected(world)?;
        context.show(&history::log(world, &release)?)?;
        Ok(exit::GO)
    })
}

pub fn due(context: &Context, all: bool, settle: Option<Due>) -> Result<u8> {
    context.with_world(|world| {
        match settle {
            None => {
                let named = context.global.release.as_deref();
                context.show(&obligations::list(
                    world,
                    context.policy_path(),
                    named,
                    all,
                )?)?;
            }
            Some(Due::Settle { obligation, how }) => {
                let name = context.selected(world)?;
                let release = project::load(world, context.policy_path(), &name)?;
                let actor = context.actor(&release.policy, None)?;
                context.show(&obligations::settle(
                    world,
                    &release,
                    &actor,
                    &obligation,
                    &how,
                )?)?;
            }
        }
        Ok(exit::GO)
    })
}
