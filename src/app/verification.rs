//! The whole of a verification: the passes over the deployment checklist, runs of the plan, and the watch between two runs,
//! up to a conclusion.

use std::collections::BTreeMap;

use crate::domain::decide::Actor;
use crate::domain::decide::deployment::waiting;
use crate::domain::event::Event;
use crate::domain::ids::StageName;
use crate::domain::outcome::{Conclusion, Verification, WatchEnd, Watched};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::Verdict;
use crate::domain::probe::sampling::Failure;
use crate::domain::probe::selection::Selected;
use crate::domain::readiness::command;
use crate::domain::record::body::Answered;
use crate::domain::refusal::Kind;
use crate::domain::state::incident::Incident;

use super::project::Release;
use super::verify::{self, NextPass, Run};
use super::{Error, Result, World, view, watch};

/// A part of a verification, with a display of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A pass over the deployment checklist.
    Pass,
    /// A run of the verification plan.
    Run,
    /// The windows of what failed.
    Watch,
}

/// Who answers, and looks on, while a release is verified.
pub trait Company {
    /// The answers to the items of a pass.
    ///
    /// # Errors
    /// Why there are none.
    fn answers(&mut self, next: &NextPass) -> Result<Vec<Answered>>;

    /// A part begins.
    fn begins(&mut self, part: Part);

    /// Something happens in it.
    fn hears(&mut self, event: &Event);

    /// It has ended.
    fn ends(&mut self);
}

/// A release whose stage is verified by somebody.
pub struct Session<'a, 'w> {
    /// The world.
    pub world: &'a World<'w>,
    /// The release, as it was signed.
    pub release: &'a Release,
    /// By whom.
    pub actor: &'a Actor,
    /// The stage.
    pub stage: &'a StageName,
    /// The probes that are run.
    pub selected: &'a Selected,
    /// Whether windows that open are watched until they end.
    pub watches: bool,
}

/// What a verification came to.
pub struct Concluded {
    /// The result.
    pub verification: Verification,
    /// The watch that was asked to stop.
    pub left: Option<Watched>,
}

/// How it stands, and what comes next.
struct Conclusive {
    conclusion: Conclusion,
    run: Option<Run>,
    checklist_failures: Vec<Failure>,
    next: Vec<String>,
}

impl Conclusive {
    fn of(conclusion: Conclusion, run: Run, next: Vec<String>) -> Self {
        Self {
            conclusion,
            run: Some(run),
            checklist_failures: Vec::new(),
            next,
        }
    }
}

impl Session<'_, '_> {
    /// Verifies to a conclusion. After a window that was resolved, only a whole new run says that the release is verified.
    ///
    /// # Errors
    /// As [`verify::next_pass`], [`verify::make_pass`], [`verify::run`] and [`watch::watch`].
    pub fn verify(&self, company: &mut dyn Company) -> Result<Concluded> {
        let mut left = None;
        let conclusive = self.conclude(company, &mut left)?;
        Ok(Concluded {
            verification: self.report(conclusive)?,
            left,
        })
    }

    fn conclude(
        &self,
        company: &mut dyn Company,
        left: &mut Option<Watched>,
    ) -> Result<Conclusive> {
        let name = &self.release.name;
        let again = || vec![command(name, &format!("verify --stage {}", self.stage))];
        let failures = match self.passes(company) {
            Ok(failures) => failures,
            Err(Error::Refused(refusal)) if refusal.kind == Kind::NoGo => {
                return Ok(Conclusive {
                    conclusion: Conclusion::AwaitingPass,
                    run: None,
                    checklist_failures: Vec::new(),
                    next: vec![refusal.message, refusal.help.unwrap_or_default()],
                });
            }
            Err(other) => return Err(other),
        };
        if !failures.is_empty() {
            // req: A8
            return Ok(Conclusive {
                conclusion: Conclusion::DeploymentIncomplete,
                run: None,
                checklist_failures: failures,
                next: again(),
            });
        }
        let mut again_without_window = true;
        loop {
            let run = self.run(company)?;
            let in_the_way = self.stands_in_the_way()?;
            let next = match (run.verdict, in_the_way) {
                (Verdict::Pass, None) => {
                    let next = vec![command(name, "status")];
                    return Ok(Conclusive::of(Conclusion::Verified, run, next));
                }
                (Verdict::Error | Verdict::Inconclusive, _) => {
                    return Ok(Conclusive::of(Conclusion::Inconclusive, run, again()));
                }
                // What was opened has no countdown: the rest is still to be decided.
                (Verdict::Fail, None) if again_without_window => {
                    again_without_window = false;
                    continue;
                }
                (Verdict::Pass, Some(next)) => vec![next],
                (Verdict::Fail, _) => vec![command(name, "watch"), command(name, "incident list")],
            };
            if !self.watches {
                return Ok(Conclusive::of(Conclusion::Failed, run, next));
            }
            let watched = self.watch(company, left)?;
            if let Some(conclusion) = after(watched.end) {
                let next = match run.verdict {
                    Verdict::Pass => {
                        let next = self.stands_in_the_way()?;
                        vec![next.unwrap_or_else(|| command(name, "status"))]
                    }
                    _ => watched.next,
                };
                return Ok(Conclusive::of(conclusion, run, next));
            }
        }
    }

    fn run(&self, company: &mut dyn Company) -> Result<Run> {
        company.begins(Part::Run);
        let run = verify::run(
            self.world,
            self.release,
            (self.actor, self.stage),
            self.selected,
            &mut |event| company.hears(event),
        );
        company.ends();
        run
    }

    /// Watches what was opened.
    fn watch(&self, company: &mut dyn Company, left: &mut Option<Watched>) -> Result<Watched> {
        company.begins(Part::Watch);
        let watched = watch::watch(self.world, self.release, &mut |event| company.hears(event));
        company.ends();
        let watched = watched?;
        if watched.end == WatchEnd::Detached {
            // The first is the last: nothing is watched after it.
            *left = Some(watched.clone());
        }
        Ok(watched)
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
    fn passes(&self, company: &mut dyn Company) -> Result<Vec<Failure>> {
        while let Some(next) = verify::next_pass(self.world, self.release, self.actor, self.stage)?
        {
            let answers = company.answers(&next)?;
            company.begins(Part::Pass);
            let who = (self.actor, self.stage);
            let failures = verify::make_pass(
                self.world,
                self.release,
                who,
                &next,
                &answers,
                &mut |event| {
                    company.hears(event);
                },
            );
            company.ends();
            let failures = failures?;
            if !failures.is_empty() {
                return Ok(failures);
            }
        }
        Ok(Vec::new())
    }

    fn report(&self, conclusive: Conclusive) -> Result<Verification> {
        let Conclusive {
            conclusion,
            run,
            checklist_failures,
            next,
        } = conclusive;
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

/// What a watch came to; `None` where only a whole new run says that it is verified.
const fn after(end: WatchEnd) -> Option<Conclusion> {
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
