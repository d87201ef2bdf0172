//! `relgate watch`: keeps the windows of a release. It counts down, asks the failing probes again, claims the rollback
//! when a window expires, and follows it to its end.
//!
//! The loop that keeps deadlines does nothing slow: probes are asked on a thread of their own, and the rollback runs in
//! a process of its own that outlives this one.

pub mod all;
mod farewell;
mod tell;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::domain::clock::Reading;
use crate::domain::decide::{incident, rollback as decisions};
use crate::domain::event::Event;
use crate::domain::history::History;
use crate::domain::ids::{IncidentId, ProbeId, StepId};
use crate::domain::outcome::{WatchEnd, Watched};
use crate::domain::policy::ResolvedBy;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::{Sampling, Standing};
use crate::domain::probe::{Probe, needs};
use crate::domain::record::{Body, Draft, TOOL};
use crate::domain::watch::{self, Next, Outcome};
use crate::ports::{AppendError, Duty, Lease, Ledger};

use farewell::farewell;
use tell::{first_to_tell, tell};

use super::project::Release;
use super::verify::passed;
use super::{Hear, Result, World, ask, facts, rollback, view};

/// The longest a watcher sleeps, in milliseconds: what another process recorded is seen at the latest then.
const LONGEST_SLEEP: u64 = 1_000;
/// While a rollback runs, its records and output are looked for this often, in milliseconds.
const FOLLOW: u64 = 200;
/// A driver has this long to take up its duty before another one is started, in milliseconds. One too many does no harm:
/// the duty is taken by one alone.
const LAUNCH_PATIENCE: u64 = 1_000;

/// Watches until nothing is left that happens by itself, or until this process is asked to stop.
///
/// # Errors
/// Only what makes watching impossible from the start; once a window is watched, trouble with the ledger is told and
/// tried again.
pub fn watch(world: &World<'_>, release: &Release, hear: &mut Hear<'_>) -> Result<Watched> {
    let mut ledger = world.ledgers.open(&release.name);
    ledger.refresh()?;
    let over = AtomicBool::new(false);
    let end = std::thread::scope(|scope| {
        let (ask, asked) = channel::<Vec<Probe>>();
        let (answer, answers) = channel::<Vec<Sample>>();
        let over = &over;
        scope.spawn(move || {
            // A probe that hangs does not keep the watcher from its end.
            let stop = || over.load(Ordering::SeqCst) || (world.stop)();
            let world = World {
                stop: &stop,
                ..*world
            };
            resample(&world, release, &asked, &answer);
        });
        let end = Watcher {
            world,
            release,
            ledger: ledger.as_mut(),
            ask,
            answers,
            asking: false,
            asked_at: None,
            latest: BTreeMap::new(),
            sampling: BTreeMap::new(),
            seen: None,
            launched_at: None,
            adopted: false,
            unwritable: false,
            output: None,
            said: String::new(),
            presence: None,
        }
        .run(hear);
        over.store(true, Ordering::SeqCst);
        end
    });
    let state = ledger.refresh()?.state().clone();
    let now = world.clock.now();
    let windows = view::windows(release, &state, &now, &BTreeMap::new());
    let (say, next) = farewell(release, &state, end, &now);
    let event = match end {
        WatchEnd::Detached => Some(Event::Detached { say: say.clone() }),
        WatchEnd::Quiet | WatchEnd::WaitsForPerson => None,
        WatchEnd::Resolved => Some(Event::Ended {
            outcome: Outcome::Resolved,
            say: say.clone(),
        }),
        WatchEnd::RolledBack => Some(Event::Ended {
            outcome: Outcome::RolledBack,
            say: say.clone(),
        }),
        WatchEnd::Stuck => Some(Event::Ended {
            outcome: Outcome::Stuck,
            say: say.clone(),
        }),
    };
    if let Some(event) = event {
        hear(&event);
    }
    let rollback = state.rollback.as_ref().map(view::rollback);
    Ok(Watched {
        release: release.name.clone(),
        end,
        windows,
        rollback,
        say,
        next,
    })
}

/// Asks probes again until nobody wants it any more.
fn resample(
    world: &World<'_>,
    release: &Release,
    asked: &Receiver<Vec<Probe>>,
    answer: &Sender<Vec<Sample>>,
) {
    while let Ok(probes) = asked.recv() {
        let about = facts::about(release, None);
        let probes = needs::with_needed(release.notes.probes(), &probes);
        let samples = ask::sample(world, &probes, &about, Some(Duration::from_secs(15)));
        if answer.send(samples).is_err() {
            return;
        }
    }
}

struct Watcher<'a, 'w> {
    world: &'a World<'w>,
    release: &'a Release,
    ledger: &'a mut dyn Ledger,
    ask: Sender<Vec<Probe>>,
    answers: Receiver<Vec<Sample>>,
    /// Whether the probes are being asked.
    asking: bool,
    asked_at: Option<Reading>,
    latest: BTreeMap<ProbeId, Sample>,
    sampling: BTreeMap<IncidentId, Sampling>,
    /// How many records were told; none before the first look.
    seen: Option<usize>,
    launched_at: Option<Reading>,
    /// Whether it was told that a dead driver's work is taken over.
    adopted: bool,
    /// Whether the claim could not be written.
    unwritable: bool,
    output: Option<Output>,
    /// The last warning, so that it is not repeated every second.
    said: String,
    /// Tells others that somebody watches.
    presence: Option<Box<dyn Lease>>,
}

/// The output of the running step that was told so far.
struct Output {
    attempt: u32,
    step: StepId,
    name: String,
    from: u64,
}

impl Watcher<'_, '_> {
    fn run(mut self, hear: &mut Hear<'_>) -> WatchEnd {
        loop {
            if let Err(error) = self.ledger.refresh() {
                self.warn(hear, error.to_string());
            }
            self.tell_new(hear);
            self.be_present();
            let (next, now) = {
                let now = self.world.clock.now();
                (watch::next(self.history().state(), &now), now)
            };
            if !matches!(next, Next::Claim(_)) && (self.world.stop)() {
                return WatchEnd::Detached;
            }
            match next {
                Next::Done(Outcome::Quiet) => return WatchEnd::Quiet,
                Next::Done(Outcome::Resolved) => return WatchEnd::Resolved,
                Next::Done(Outcome::RolledBack) => return self.ended(WatchEnd::RolledBack),
                Next::Done(Outcome::Stuck) => return self.ended(WatchEnd::Stuck),
                Next::WaitForPerson => return WatchEnd::WaitsForPerson,
                Next::Claim(id) => self.claim(&id, hear),
                Next::Expire(id) => {
                    self.append(hear, &mut |history, now| {
                        Ok(vec![decisions::expire(history, &id, now)?])
                    });
                }
                Next::Drive => self.drive(hear),
                Next::Wait(left) => self.wait(left, &now, hear),
            }
        }
    }

    /// Tells others that somebody watches. Several may: one of them has the duty, and the next takes it up when that one
    /// ends. One that was stopped is made to go on; one whose lock file was removed takes it anew.
    fn be_present(&mut self) {
        if self.presence.as_ref().is_some_and(|it| it.is_current()) {
            return;
        }
        self.presence = None;
        let (ledgers, name) = (self.world.ledgers, &self.release.name);
        match ledgers.take(name, Duty::Watch) {
            Ok(Some(presence)) => self.presence = Some(presence),
            Ok(None) if !ledgers.is_taken(name, Duty::Watch) => {
                ledgers.wake(name, Duty::Watch);
            }
            Ok(None) | Err(_) => {}
        }
    }

    /// Once the rollback is at its end, its process is given a moment to write its documents.
    fn ended(&self, end: WatchEnd) -> WatchEnd {
        let began = self.world.clock.now();
        while self.is_driven() && passed(&began, &self.world.clock.now()) < 2_000 {
            self.world.clock.wait(Duration::from_millis(20));
        }
        end
    }

    fn history(&mut self) -> &History {
        self.ledger.history()
    }

    /// Claims the rollback, unless a driver lives that does so this moment, or did so in memory and writes it down when
    /// it can.
    fn claim(&mut self, id: &IncidentId, hear: &mut Hear<'_>) {
        let now = self.world.clock.now();
        let incidents = &self.history().state().incidents;
        let late = incidents
            .get(id)
            .map_or(0, |incident| incident.window.late_ms(&now));
        if (late < LAUNCH_PATIENCE || self.unwritable) && self.is_driven() {
            self.wake_driver(hear);
            return self.world.clock.wait(Duration::from_millis(20));
        }
        let claimed = self.ledger.append(self.world.clock, &mut |history, now| {
            Ok(vec![decisions::claim_expired(history, id, None, now)?])
        });
        // The rollback does not wait for the disk: its driver claims it in memory, and writes it down when it can.
        if let Err(AppendError::Ledger(error)) = claimed {
            let but = "the rollback goes on, and is recorded as soon as it can be";
            self.warn(hear, format!("{error}; {but}"));
            self.unwritable = true;
            self.ready_driver(hear);
            self.world.clock.wait(Duration::from_millis(FOLLOW));
        }
    }

    /// Sees that a driver lives; it waits for a near deadline by itself.
    fn ready_driver(&mut self, hear: &mut Hear<'_>) {
        let now = self.world.clock.now();
        let at = self.launched_at.as_ref();
        let launched = at.is_some_and(|at| passed(at, &now) < LAUNCH_PATIENCE);
        if self.is_driven() {
            self.wake_driver(hear);
        } else if !launched {
            self.launch(hear);
        }
    }

    /// A driver that somebody stopped keeps its duty and does nothing; nobody else may take its place, so it goes on.
    fn wake_driver(&mut self, hear: &mut Hear<'_>) {
        if self.world.ledgers.wake(&self.release.name, Duty::Rollback) {
            let text = "the process of the rollback was stopped, and was told to go on";
            self.warn(hear, text.to_owned());
        }
    }

    fn is_driven(&self) -> bool {
        let name = &self.release.name;
        self.world.ledgers.is_taken(name, Duty::Rollback)
    }

    /// Sees that the claimed rollback is driven, and tells how it goes.
    fn drive(&mut self, hear: &mut Hear<'_>) {
        let rollback = self.history().state().rollback.as_ref();
        let last = rollback.and_then(|rollback| rollback.last());
        let begun = last.filter(|last| last.started.is_some() && last.ended.is_none());
        if let Some(attempt) = begun.map(|last| last.number)
            && !self.adopted
            && !self.is_driven()
        {
            hear(&Event::Adopted { attempt });
            self.adopted = true;
        }
        self.ready_driver(hear);
        self.tell_output(hear);
        self.world.clock.wait(Duration::from_millis(FOLLOW));
    }

    /// Starts the process that drives the rollback; where none can be started, this one does it.
    fn launch(&mut self, hear: &mut Hear<'_>) {
        self.launched_at = Some(self.world.clock.now());
        if let Some(why) = rollback::log_problem(self.world, self.release) {
            self.warn(hear, why);
        }
        if let Err(why) = rollback::launch(self.world, self.release) {
            self.warn(hear, format!("{why}; the rollback runs in this process"));
            if let Err(error) = rollback::drive(self.world, self.release) {
                self.warn(hear, error.to_string());
            }
        }
    }

    fn wait(&mut self, left: u64, now: &Reading, hear: &mut Hear<'_>) {
        self.take_answers(hear);
        if let Some(checkpoint) = watch::checkpoint(self.history().state(), now) {
            if let Some(divergence) = checkpoint.divergence_ms {
                self.warn(
                    hear,
                    format!(
                        "the wall clock jumped by {divergence} ms; the window does not follow it"
                    ),
                );
            }
            let draft = Draft {
                by: TOOL.to_owned(),
                body: Body::Checkpoint(checkpoint),
            };
            self.append(hear, &mut |_, _| Ok(vec![draft.clone()]));
        }
        self.ask_again(now);
        let rolls_back = self
            .ledger
            .history()
            .state()
            .open_incidents()
            .any(|incident| incident.rolls_back());
        if rolls_back && left <= rollback::READY_BEFORE {
            self.ready_driver(hear);
        }
        let state = self.ledger.history().state();
        let windows = view::windows(self.release, state, now, &self.latest);
        hear(&Event::Countdown {
            release: self.release.name.clone(),
            windows,
        });
        // Up to the next whole second of the countdown, so that it is shown as it turns.
        let turn = match left % 1_000 {
            0 => LONGEST_SLEEP,
            part => part,
        };
        self.world.clock.wait(Duration::from_millis(left.min(turn)));
    }

    /// Asks the probes of the open incidents again, as often as they say.
    fn ask_again(&mut self, now: &Reading) {
        let state = self.ledger.history().state();
        let probes: Vec<Probe> = state
            .open_incidents()
            .flat_map(|incident| incident.facts.probes.clone())
            .collect();
        let every = probes
            .iter()
            .map(|probe| probe.every().milliseconds())
            .min()
            .unwrap_or(u64::MAX)
            .max(1_000);
        let due = self
            .asked_at
            .as_ref()
            .is_none_or(|at| passed(at, now) >= every);
        if !self.asking && due && !probes.is_empty() && self.ask.send(probes).is_ok() {
            self.asking = true;
            self.asked_at = Some(now.clone());
        }
    }

    /// Takes in what the probes answered; a window that evidence closes is closed when all of its probes pass.
    fn take_answers(&mut self, hear: &mut Hear<'_>) {
        while let Ok(samples) = self.answers.try_recv() {
            self.asking = false;
            for sample in &samples {
                self.latest.insert(sample.probe.clone(), sample.clone());
            }
            let mended: Vec<(IncidentId, Vec<Sample>)> = self
                .ledger
                .history()
                .state()
                .open_incidents()
                .filter(|incident| incident.window.resolved_by == ResolvedBy::Evidence)
                .filter_map(|incident| {
                    let probes = &incident.facts.probes;
                    let its: Vec<Sample> = samples
                        .iter()
                        .filter(|it| probes.iter().any(|probe| probe.id == it.probe))
                        .cloned()
                        .collect();
                    let sampling = self.sampling.entry(incident.id().clone()).or_default();
                    let green = sampling.take(probes, &its) == Standing::Decided(Verdict::Pass);
                    green.then(|| (incident.id().clone(), its))
                })
                .collect();
            for (id, evidence) in mended {
                let (policy, notes) = (&self.release.policy, &self.release.notes);
                let resolution = incident::Resolution {
                    how: None,
                    evidence,
                    overridden: None,
                };
                self.append(hear, &mut |history, now| {
                    let who = (None, id.as_str());
                    Ok(vec![incident::resolve(
                        policy,
                        notes,
                        history,
                        who,
                        resolution.clone(),
                        now,
                    )?])
                });
            }
        }
    }

    /// Appends; whoever was first is told by the records that follow, and trouble with the ledger is tried again.
    fn append(&mut self, hear: &mut Hear<'_>, decide: &mut crate::ports::Decide<'_>) -> bool {
        match self.ledger.append(self.world.clock, decide) {
            Ok(records) => !records.is_empty(),
            Err(AppendError::Refused(_)) => false,
            Err(AppendError::Ledger(error)) => {
                self.warn(hear, format!("{error}; it is tried again"));
                self.world.clock.wait(Duration::from_millis(FOLLOW));
                false
            }
        }
    }

    fn warn(&mut self, hear: &mut Hear<'_>, text: String) {
        if self.said != text {
            hear(&Event::Warning { text: text.clone() });
            self.said = text;
        }
    }

    /// Tells what was recorded since the last look, by whomever.
    fn tell_new(&mut self, hear: &mut Hear<'_>) {
        let history = self.ledger.history();
        let from = self.seen.unwrap_or_else(|| first_to_tell(history));
        let new: Vec<Event> = history
            .records()
            .iter()
            .skip(from)
            .filter_map(|record| tell(record, history))
            .collect();
        self.seen = Some(history.records().len());
        for event in new {
            hear(&event);
        }
    }

    fn tell_output(&mut self, hear: &mut Hear<'_>) {
        let rollback = self.ledger.history().state().rollback.as_ref();
        let running = rollback.and_then(|rollback| {
            let last = rollback.last()?;
            let step = last.running.as_ref()?.fact.step.clone();
            let place = rollback.plan.steps().iter().position(|it| it.id == step)?;
            Some((last.number, place, step))
        });
        let Some((attempt, place, step)) = running else {
            return;
        };
        if self
            .output
            .as_ref()
            .is_none_or(|output| output.attempt != attempt || output.step != step)
        {
            let name = rollback::output_name(attempt, place, &step);
            self.output = Some(Output {
                attempt,
                step,
                name,
                from: 0,
            });
        }
        if let Some(output) = &mut self.output {
            let bytes = self
                .world
                .ledgers
                .output(&self.release.name, &output.name, output.from);
            if !bytes.is_empty() {
                output.from += bytes.len() as u64;
                hear(&Event::Output {
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                });
            }
        }
    }
}
