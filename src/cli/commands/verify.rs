//! `relgate verify`: the passes over the deployment checklist, the verification plan, and the watch that follows.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::app::project::Release;
use crate::app::verify::{self as app, NextPass, Run};
use crate::app::walk::Walk;
use crate::app::{Result, World, deploy, view};
use crate::cli::args::Verify;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::live::Live;
use crate::cli::prompt::{self, Walked};
use crate::domain::decide::Actor;
use crate::domain::decide::deployment::{StageUse, waiting};
use crate::domain::ids::StageName;
use crate::domain::outcome::{Conclusion, Verification, WatchEnd, Watched};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::Verdict;
use crate::domain::probe::sampling::Failure;
use crate::domain::probe::selection::{Selected, Selection};
use crate::domain::readiness::command;
use crate::domain::record::body::Answered;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::state::incident::Incident;

use super::sign::terminal;
use super::watch;

pub fn verify(context: &Context, args: &Verify) -> Result<u8> {
    context.with_world(|world| {
        let release = context.deployed_release(world, args.stage.stage.as_deref())?;
        let actor = context.actor(&release.policy, args.stage.role.as_deref())?;
        let stage = deploy::stage(
            world,
            &release,
            args.stage.stage.as_deref(),
            StageUse::Deployed,
        )?;
        let selection = Selection {
            only: args.only.clone(),
            skip: args.skip.clone(),
        };
        let selected = app::select(&release, &selection)?;
        let session = Session {
            context,
            world,
            release: &release,
            actor: &actor,
            stage: &stage,
            selected: &selected,
            args,
            left: OnceCell::new(),
        };
        let report = session.run()?;
        context.show(&report)?;
        if let Some(watched) = session.left.get() {
            watch::say_unwatched(context, watched)?;
        }
        Ok(exit::of_conclusion(report.conclusion))
    })
}

struct Session<'a, 'w> {
    context: &'a Context,
    world: &'a World<'w>,
    release: &'a Release,
    actor: &'a Actor,
    stage: &'a StageName,
    selected: &'a Selected,
    args: &'a Verify,
    /// The watch that was asked to stop.
    left: OnceCell<Watched>,
}

impl Session<'_, '_> {
    fn run(&self) -> Result<Verification> {
        let failures = match self.passes() {
            Ok(failures) => failures,
            Err(crate::app::Error::Refused(refusal)) if refusal.kind == Kind::NoGo => {
                return self.report(
                    Conclusion::AwaitingPass,
                    None,
                    Vec::new(),
                    vec![refusal.message, refusal.help.unwrap_or_default()],
                );
            }
            Err(other) => return Err(other),
        };
        if !failures.is_empty() {
            // req: A8
            let next = vec![command(
                &self.release.name,
                &format!("verify --stage {}", self.stage),
            )];
            return self.report(Conclusion::DeploymentIncomplete, None, failures, next);
        }
        self.context.catch_signals();
        let mut again_without_window = true;
        loop {
            let mut live = Live::new(self.context, true);
            let run = app::run(
                self.world,
                self.release,
                (self.actor, self.stage),
                self.selected,
                &mut |event| {
                    live.event(self.world.clock.now().wall, event);
                },
            );
            live.finish();
            let run = run?;
            let name = &self.release.name;
            let again = || vec![command(name, &format!("verify --stage {}", self.stage))];
            match run.verdict {
                Verdict::Pass if self.stands_in_the_way()?.is_some() => {
                    let conclusion = match self.args.no_watch {
                        true => Conclusion::Failed,
                        false => {
                            let watched = self.follow()?;
                            match self.after(watched.end) {
                                None => continue,
                                Some(other) => other,
                            }
                        }
                    };
                    let next = vec![
                        self.stands_in_the_way()?
                            .unwrap_or_else(|| command(name, "status")),
                    ];
                    return self.report(conclusion, Some(run), Vec::new(), next);
                }
                Verdict::Pass => {
                    let next = vec![command(name, "status")];
                    return self.report(Conclusion::Verified, Some(run), Vec::new(), next);
                }
                Verdict::Error | Verdict::Inconclusive => {
                    return self.report(Conclusion::Inconclusive, Some(run), Vec::new(), again());
                }
                // What was opened has no countdown: the rest is still to be decided.
                Verdict::Fail if again_without_window && self.stands_in_the_way()?.is_none() => {
                    again_without_window = false;
                    continue;
                }
                Verdict::Fail if self.args.no_watch => {
                    let next = vec![command(name, "watch"), command(name, "incident list")];
                    return self.report(Conclusion::Failed, Some(run), Vec::new(), next);
                }
                Verdict::Fail => {}
            }
            let watched = self.follow()?;
            let Some(conclusion) = self.after(watched.end) else {
                continue;
            };
            return self.report(conclusion, Some(run), Vec::new(), watched.next);
        }
    }

    /// Watches what was opened.
    fn follow(&self) -> Result<Watched> {
        let watched = watch::follow(self.context, self.world, self.release, true)?;
        if watched.end == WatchEnd::Detached {
            // The first is the last: nothing is watched after it.
            let _ = self.left.set(watched.clone());
        }
        Ok(watched)
    }

    /// What a watch came to; `None` where only a whole new run says that it is verified.
    fn after(&self, end: WatchEnd) -> Option<Conclusion> {
        match end {
            // Whoever took its place is named by the refusal of the new run.
            WatchEnd::Resolved | WatchEnd::Replaced => None,
            WatchEnd::Quiet | WatchEnd::WaitsForPerson | WatchEnd::Detached | WatchEnd::Unread => {
                Some(Conclusion::Failed)
            }
            WatchEnd::RolledBack => Some(Conclusion::RolledBack),
            WatchEnd::Stuck => Some(Conclusion::Stuck),
        }
    }

    /// The command that sees to an open incident, where one keeps the release from being verified.
    fn stands_in_the_way(&self) -> Result<Option<String>> {
        let mut ledger = self.world.ledgers.open(&self.release.name);
        let state = ledger.refresh()?.state();
        let command_for = |incident: &Incident| {
            let id = incident.id();
            command(
                &self.release.name,
                &match incident.window.on_expiry {
                    OnExpiry::Decide => format!("incident decide {id} --keep --reason TEXT"),
                    _ => "watch".to_owned(),
                },
            )
        };
        Ok(state.blocking_incidents().next().map(command_for))
    }

    /// Makes the passes over the deployment checklist that are still needed. Returns what does not hold.
    fn passes(&self) -> Result<Vec<Failure>> {
        while let Some(next) = app::next_pass(self.world, self.release, self.actor, self.stage)? {
            let answers = self.answers(&next)?;
            let mut live = Live::new(self.context, true);
            let who = (self.actor, self.stage);
            let failures = app::make_pass(
                self.world,
                self.release,
                who,
                &next,
                &answers,
                &mut |event| {
                    live.event(self.world.clock.now().wall, event);
                },
            )?;
            if !failures.is_empty() {
                return Ok(failures);
            }
        }
        Ok(Vec::new())
    }

    fn answers(&self, next: &NextPass) -> Result<Vec<Answered>> {
        if self.args.all || next.items.is_empty() {
            return Ok(Walk::all_yes(&next.items, None));
        }
        let name = &self.release.name;
        if !prompt::is_interactive() {
            let verify = format!("verify --stage {} --all --yes", self.stage);
            return Err(prompt::nobody_to_ask(command(name, &verify)).into());
        }
        let title = format!(
            "deployment checklist of {name}, stage {}: pass {} of {}",
            self.stage, next.pass, next.of
        );
        self.context.settle();
        match prompt::walk(&title, &next.items).map_err(terminal)? {
            Walked::Answers(answers) => Ok(answers),
            Walked::Left => Err(Refusal::new(
                Kind::Inconclusive,
                "the pass was left before its end: nothing was recorded",
            )
            .help(command(name, &format!("verify --stage {}", self.stage)))
            .into()),
        }
    }

    fn report(
        &self,
        conclusion: Conclusion,
        run: Option<Run>,
        checklist_failures: Vec<Failure>,
        next: Vec<String>,
    ) -> Result<Verification> {
        let (world, release) = (self.world, self.release);
        let mut ledger = world.ledgers.open(&release.name);
        let now = world.clock.now();
        let history = ledger.refresh()?;
        let state = history.state();
        let waiting = (conclusion == Conclusion::AwaitingPass)
            .then(|| waiting(&release.policy, history, self.stage, now.wall));
        let accepted = run
            .as_ref()
            .map(|run| run.accepted.clone())
            .unwrap_or_default();
        let owner = release
            .policy
            .deployment_checklist
            .as_ref()
            .and_then(|rule| rule.owner.clone());
        let owner = match owner {
            Some(role) => release
                .policy
                .holders(&role)
                .into_iter()
                .map(|it| release.policy.reach(it))
                .collect(),
            None => vec!["the deployment team".to_owned()],
        };
        let passes = state.complete_passes(self.stage).len();
        Ok(Verification {
            release: release.name.clone(),
            stage: self.stage.clone(),
            conclusion,
            checklist_passes: u32::try_from(passes).unwrap_or(u32::MAX),
            checklist_passes_needed: release.policy.checklist_passes(),
            checklist_failures,
            owner,
            failures: run
                .as_ref()
                .map(|run| run.failures.clone())
                .unwrap_or_default(),
            skipped: run
                .as_ref()
                .map(|run| run.skipped.clone())
                .unwrap_or_default(),
            samples: run.map(|run| run.samples).unwrap_or_default(),
            accepted,
            tolerated: view::tolerated(state),
            waiting,
            windows: view::windows(release, state, &now, &BTreeMap::new()),
            next: next.into_iter().filter(|it| !it.is_empty()).collect(),
        })
    }
}
