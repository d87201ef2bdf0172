//! `watch`, `rollback`, and the process that drives a rollback.

use std::ffi::OsString;

use crate::app::project::Release;
use crate::app::{Result, World, deploy, rollback as app, watch as watching};
use crate::cli::args::{Rollback, RollbackAction, Watch};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::live::{Live, LiveAll};
use crate::cli::prompt;
use crate::domain::decide::deployment::StageUse;
use crate::domain::ids::StageName;
use crate::domain::outcome::{WatchEnd, Watched};
use crate::domain::readiness::command;
use crate::domain::refusal::Refusal;
use crate::effects::{failpoint, process, service};
use crate::ports::OutputFile;
use crate::render::{Format, text};

use super::sign::terminal;

pub fn watch(context: &Context, args: &Watch) -> Result<u8> {
    if args.session {
        // A failure leaves the watcher in its parent's session, which is no reason not to watch.
        let _ = process::become_session();
    }
    context.with_world(|world| match (args.detach, args.all) {
        (true, all) => detach(context, world, all),
        (false, true) => watch_all(context, world),
        (false, false) => {
            let release = context.armed_release(world)?;
            let watched = follow(context, world, &release, false)?;
            show(context, &watched)?;
            Ok(exit::of_watch(watched.end))
        }
    })
}

/// The file of what a detached watcher says.
const WATCH_LOG: &str = "watch.log";

/// Watches every release until it is asked to stop; a service manager hears that it is ready, and that it lives.
fn watch_all(context: &Context, world: &World<'_>) -> Result<u8> {
    context.catch_signals();
    process::raise_file_limit();
    let mut displays = LiveAll::new(context);
    service::ready();
    watching::all::watch_all(
        world,
        context.policy_path(),
        &mut |release, event| displays.event(release, world.clock.now().wall, event),
        &mut |releases| service::alive(&format!("watching {releases} releases")),
    )?;
    service::stopping();
    Ok(exit::GO)
}

/// Starts a watcher that outlives this process, and says where it writes what happens.
fn detach(context: &Context, world: &World<'_>, all: bool) -> Result<u8> {
    let mut argv = world.relgate.to_vec();
    argv.extend(["watch", "--session"].map(OsString::from));
    let release = match all {
        true => None,
        false => Some(context.armed_release(world)?.name),
    };
    let log = match &release {
        Some(name) => {
            argv.extend(["--release".into(), name.to_string().into()]);
            OutputFile::of(name, WATCH_LOG)
        }
        None => {
            argv.push("--all".into());
            OutputFile {
                release: None,
                name: WATCH_LOG.to_owned(),
            }
        }
    };
    let written = world.runner.can_log(&log);
    let process = world
        .runner
        .detach(&argv, world.files.root(), &log)
        .map_err(|why| {
            Refusal::invalid(format!("no watcher could be started: {why}")).help("relgate watch")
        })?;
    let what = release.map_or_else(|| "every release".to_owned(), |name| name.to_string());
    let written = match written {
        Ok(()) => format!("and writes to {}", world.runner.output_place(&log)),
        Err(why) => format!("without a log: {why}"),
    };
    let pid = process.pid;
    context.write(|out| writeln!(out, "process {pid} watches {what}, {written}"))?;
    Ok(exit::GO)
}

pub fn rollback(context: &Context, request: &Rollback) -> Result<u8> {
    context.with_world(|world| {
        if let Some(RollbackAction::Stop { reason, role }) = &request.action {
            let release = context.deployed_release(world, request.stage.as_deref())?;
            let actor = context.actor(&release.policy, role.as_deref())?;
            context.show(&app::stop(world, &release, &actor, reason)?)?;
            return Ok(exit::STUCK);
        }
        if request.drill {
            return drill(context, world, request);
        }
        let release = context.deployed_release(world, request.stage.as_deref())?;
        let actor = context.actor(&release.policy, request.role.as_deref())?;
        let stage = request.stage.clone().map(StageName::new).transpose();
        let stage = stage.map_err(|error| Refusal::invalid(error.to_string()))?;
        if !request.yes {
            if !prompt::is_interactive() {
                return Err(
                    Refusal::usage("there is no terminal to confirm the rollback in")
                        .help(command(&release.name, "rollback --yes --reason TEXT"))
                        .into(),
                );
            }
            let previous = release
                .notes
                .previous
                .as_deref()
                .unwrap_or("the previous version");
            let question = format!("Roll {} back to {previous} now?", release.name);
            context.settle();
            if !prompt::confirm(&question).map_err(terminal)? {
                return Err(Refusal::refused(
                    "the rollback was not confirmed: nothing was changed",
                )
                .into());
            }
        }
        context.catch_signals();
        app::claim(
            world,
            &release,
            &actor,
            stage.as_ref(),
            request.reason.as_deref().unwrap_or_default(),
        )?;
        let watched = follow(context, world, &release, false)?;
        show(context, &watched)?;
        Ok(exit::of_watch(watched.end))
    })
}

fn drill(context: &Context, world: &World<'_>, request: &Rollback) -> Result<u8> {
    let release = context.release(world)?;
    let actor = context.actor(&release.policy, request.role.as_deref())?;
    let stage = deploy::stage(world, &release, request.stage.as_deref(), StageUse::Start)?;
    let mut live = Live::new(context, true);
    let drill = app::drill::drill(world, &release, &actor, &stage, &mut |event| {
        live.event(world.clock.now().wall, event);
    });
    live.finish();
    let drill = drill?;
    context.show(&drill)?;
    Ok(if drill.passed { exit::GO } else { exit::NO_GO })
}

/// Watches a release with a display. With `result_only`, machine output is kept for the result.
pub fn follow(
    context: &Context,
    world: &World<'_>,
    release: &Release,
    result_only: bool,
) -> Result<Watched> {
    context.catch_signals();
    let mut live = Live::new(context, result_only);
    let watched = watching::watch(world, release, &mut |event| {
        live.event(world.clock.now().wall, event)
    });
    live.finish();
    watched
}

/// Events were told as lines already; programs get the result as the last one.
fn show(context: &Context, watched: &Watched) -> Result<()> {
    match context.global.format {
        Format::Json => {
            context.write(|out| crate::render::live::result_line(context.command, watched, out))?;
        }
        _ => context.show(watched)?,
    }
    say_unwatched(context, watched)
}

/// The last line of a countdown that somebody ended: whether anybody watches now, and what to type. Never kept back: whoever
/// reads machine output, or none, has it on standard error.
pub fn say_unwatched(context: &Context, watched: &Watched) -> Result<()> {
    if watched.end != WatchEnd::Detached {
        return Ok(());
    }
    match context.global.format {
        Format::Human if !context.global.quiet => {
            let line = text::one_line(&watched.say);
            context.write(|out| writeln!(out, "\n{line}"))
        }
        _ => {
            context.warn(&watched.say);
            Ok(())
        }
    }
}

/// The driver: a session of its own, so that nothing that ends the watcher's terminal ends the rollback.
pub fn drive(context: &Context) -> Result<u8> {
    // A failure leaves the driver in its parent's session, which is no reason not to roll back.
    let _ = process::become_session();
    context.ignore_signals();
    // Whoever started it starts another one. One that hung would keep its duty for ever.
    crate::cli::end_on_panic();
    failpoint::hit("driver:begin");
    context.with_world(|world| {
        let release = context.named_release(world)?;
        app::drive(world, &release)?;
        Ok(exit::GO)
    })
}
