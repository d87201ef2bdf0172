//! One function for each command: from its arguments to its exit code.

mod author;
mod evidence;
mod incident;
mod manual;
mod pin;
mod probe;
mod program;
mod report;
mod sign;
mod verify;
mod waive;
mod watch;

use super::args::{
    self, Baseline, Cli, Command, Deploy, Incident, Ledger, Policy, Probe, StageArgs,
};
use super::context::Context;
use super::exit;
use super::output::Weight;
use crate::app::{self, Error, Result};
use crate::domain::decide::deployment::StageUse;
use crate::domain::gate::Phase;
use crate::domain::outcome::{Check, Done};
use crate::domain::readiness::{Decision, Readiness, Scope};
use crate::domain::refusal::Kind;
use crate::effects::failpoint;
use crate::render::text;

/// Runs a command and returns its exit code.
pub fn run(cli: Cli) -> u8 {
    let Cli { global, command } = cli;
    failpoint::hit("bug:command");
    let word = word(&command);
    let context = match Context::new(global, word, Weight::of(&command)) {
        Ok(context) => context,
        Err(error) => {
            let text = text::one_line(&error.to_string());
            let _ =
                std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("error: {text}\n"));
            return exit::of_refusal(error.kind());
        }
    };
    let held = pin::hold(&context, &command);
    let code = held.and_then(|()| dispatch(&context, command));
    let code = code.unwrap_or_else(|error| context.fail(&error));
    context.finish(code)
}

fn dispatch(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Init { preset } => author::init(context, preset.as_deref()),
        Command::New { version, kind } => author::new(context, &version, kind),
        Command::Lint => author::lint(context),
        Command::Policy(Policy::Digest) => pin::digest(context),
        Command::Schema { file } => program::schema(context, file),
        Command::Explain { key } => manual::explain(context, &key),
        Command::Help { topic } => manual::help(context, &topic),
        Command::Completions { shell } => program::completions(context, shell),
        Command::Man { out } => program::man(context, out.as_deref()),
        Command::Sign(args) => sign::sign(context, &args),
        Command::Waive(args) => waive::waive(context, &args),
        Command::Check {
            explain: Some(item),
            ..
        } => explain(context, &item),
        Command::Check { gate, phase, .. } => {
            check(context, gate.as_deref(), phase.map(Into::into))
        }
        Command::Deploy(Deploy::Start(stage)) => deploy_start(context, &stage),
        Command::Deploy(Deploy::Done(stage)) => deploy_done(context, &stage),
        Command::Deploy(Deploy::Repin(stage)) => deploy_repin(context, &stage),
        Command::Deploy(Deploy::Confirm { stage, reason }) => {
            deploy_confirm(context, &stage, &reason)
        }
        Command::Deploy(Deploy::Fail { stage, reason }) => deploy_fail(context, &stage, &reason),
        Command::Verify(args) => verify::verify(context, &args),
        Command::Baseline(command) => probe::baseline(context, &command),
        Command::Probe(command) => probe::probe(context, &command),
        Command::Incident(incident) => incident::incident(context, incident),
        Command::Watch(args) => watch::watch(context, &args),
        Command::Rollback(args) => watch::rollback(context, &args),
        Command::DriveRollback => watch::drive(context),
        Command::Status(args) => report::status(context, args.require_watch),
        Command::Log => report::log(context),
        Command::Due { all, settle } => report::due(context, all, settle),
        Command::Close => close(context),
        Command::Abandon { reason, role } => abandon(context, &reason, role.as_deref()),
        Command::Ledger(Ledger::Verify { bundle }) => evidence::verify(context, bundle.as_deref()),
        Command::Ledger(Ledger::Accept {
            record,
            reason,
            role,
        }) => evidence::accept(context, (&record, &reason), role.as_deref()),
        Command::Ledger(Ledger::Export { file }) => evidence::export(context, file.as_deref()),
        Command::Ledger(Ledger::Import { file }) => evidence::import(context, &file),
    }
}

fn check(context: &Context, gate: Option<&str>, phase: Option<Phase>) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release_with_files(world)?;
        let scope = match (gate, phase) {
            (Some(id), _) => Scope::Gate(release.gate(id)?.id.clone()),
            (None, Some(Phase::Closure)) => Scope::Closing,
            (None, Some(phase)) => Scope::Phase(phase),
            (None, None) => Scope::Deployment,
        };
        let check = app::check::check(world, &release, &context.anybody(&release.policy)?, &scope)?;
        context.show(&check)?;
        Ok(exit::of_decision(check.readiness.decision))
    })
}

fn explain(context: &Context, item: &str) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let policy = context.policy_path();
        let explanation = app::explain::explain(world, policy, &release, item)?;
        context.show(&explanation)?;
        Ok(exit::of_status(explanation.requirement.status))
    })
}

fn deploy_start(context: &Context, args: &StageArgs) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release_with_files(world)?;
        let actor = context.actor(&release.policy, args.role.as_deref())?;
        let stage = app::deploy::stage(world, &release, args.stage.as_deref(), StageUse::Start)?;
        let (readiness, started) = app::deploy::start(world, &release, &actor, &stage)?;
        answer(context, &release, (None, readiness), started)
    })
}

fn deploy_done(context: &Context, args: &StageArgs) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let actor = context.actor(&release.policy, args.role.as_deref())?;
        let stage = app::deploy::stage(world, &release, args.stage.as_deref(), StageUse::Done)?;
        context.show(&app::deploy::done(world, &release, &actor, &stage)?)?;
        Ok(exit::GO)
    })
}

fn deploy_repin(context: &Context, args: &StageArgs) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release_with_files(world)?;
        let actor = context.actor(&release.policy, args.role.as_deref())?;
        let stage = app::deploy::stage(world, &release, args.stage.as_deref(), StageUse::Deployed)?;
        let (readiness, repinned) = app::deploy::repin(world, &release, &actor, &stage)?;
        answer(context, &release, (None, readiness), repinned)
    })
}

fn deploy_confirm(context: &Context, args: &StageArgs, reason: &str) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let actor = context.actor(&release.policy, args.role.as_deref())?;
        let stage = args.stage.as_deref();
        context.show(&app::deploy::confirm(
            world,
            &release,
            (&actor, stage),
            reason,
        )?)?;
        Ok(exit::GO)
    })
}

fn deploy_fail(context: &Context, args: &StageArgs, reason: &str) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let actor = context.actor(&release.policy, args.role.as_deref())?;
        let stage = app::deploy::stage(world, &release, args.stage.as_deref(), StageUse::Done)?;
        context.show(&app::deploy::fail(
            world,
            &release,
            (&actor, &stage),
            reason,
        )?)?;
        Ok(exit::GO)
    })
}

fn abandon(context: &Context, reason: &str, role: Option<&str>) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let actor = context.actor(&release.policy, role)?;
        context.show(&app::close::abandon(world, &release, &actor, reason)?)?;
        Ok(exit::GO)
    })
}

fn close(context: &Context) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let actor = context.actor(&release.policy, None)?;
        let (readiness, closed) = app::close::close(world, &release, &actor)?;
        answer(context, &release, (Some(Phase::Closure), readiness), closed)
    })
}

/// Shows what a gated action came to: the check itself where it was not a go.
fn answer(
    context: &Context,
    release: &app::project::Release,
    (phase, readiness): (Option<Phase>, (Readiness, crate::domain::ids::RecordId)),
    done: Result<Done>,
) -> Result<u8> {
    let (readiness, record) = readiness;
    match done {
        Ok(done) => {
            context.show(&done)?;
            Ok(exit::GO)
        }
        Err(Error::Refused(refusal))
            if matches!(refusal.kind, Kind::NoGo | Kind::Inconclusive)
                && readiness.decision != Decision::Go =>
        {
            let code = exit::of_refusal(refusal.kind);
            let release = release.name.clone();
            context.show(&Check {
                release,
                gate: None,
                phase,
                readiness,
                asked_at: None,
                record,
                unknown_records: 0,
            })?;
            Ok(code)
        }
        Err(other) => Err(other),
    }
}

/// The word for a command in machine output.
const fn word(command: &Command) -> &'static str {
    match command {
        Command::Init { .. } => "init",
        Command::New { .. } => "new",
        Command::Lint => "lint",
        Command::Sign(_) => "sign",
        Command::Waive(_) => "waive",
        Command::Check { .. } => "check",
        Command::Deploy(Deploy::Start(_)) => "deploy start",
        Command::Deploy(Deploy::Done(_)) => "deploy done",
        Command::Deploy(Deploy::Repin(_)) => "deploy repin",
        Command::Deploy(Deploy::Confirm { .. }) => "deploy confirm",
        Command::Deploy(Deploy::Fail { .. }) => "deploy fail",
        Command::Verify(_) => "verify",
        Command::Baseline(Baseline::Capture { .. }) => "baseline capture",
        Command::Baseline(Baseline::Show) => "baseline show",
        Command::Probe(Probe::Run { .. }) => "probe run",
        Command::Probe(Probe::List { .. }) => "probe list",
        Command::Incident(Incident::Open { .. }) => "incident open",
        Command::Incident(Incident::Escalate { .. }) => "incident escalate",
        Command::Incident(Incident::Resolve { .. }) => "incident resolve",
        Command::Incident(Incident::Decide(_)) => "incident decide",
        Command::Incident(Incident::List) => "incident list",
        Command::Watch(_) => "watch",
        Command::Rollback(args) if args.action.is_some() => "rollback stop",
        Command::Rollback(_) => "rollback",
        Command::Status(_) => "status",
        Command::Log => "log",
        Command::Due { settle: None, .. } => "due",
        Command::Due {
            settle: Some(_), ..
        } => "due settle",
        Command::Close => "close",
        Command::Abandon { .. } => "abandon",
        Command::Ledger(Ledger::Verify { .. }) => "ledger verify",
        Command::Ledger(Ledger::Accept { .. }) => "ledger accept",
        Command::Ledger(Ledger::Export { .. }) => "ledger export",
        Command::Ledger(Ledger::Import { .. }) => "ledger import",
        Command::Policy(Policy::Digest) => "policy digest",
        Command::Schema { .. } => "schema",
        Command::Explain { .. } => "explain",
        Command::Help { .. } => "help",
        Command::Completions { .. } => "completions",
        Command::Man { .. } => "man",
        Command::DriveRollback => "drive-rollback",
    }
}

impl From<args::Phase> for Phase {
    fn from(phase: args::Phase) -> Self {
        match phase {
            args::Phase::PreRelease => Self::PreRelease,
            args::Phase::Staging => Self::Staging,
            args::Phase::Deployment => Self::Deployment,
            args::Phase::PostRelease => Self::PostRelease,
            args::Phase::Closure => Self::Closure,
        }
    }
}
