//! The watcher of one release: what it does, one step at a time. Who calls it, and waits between the steps, is left to
//! others: one watcher may have a thread of its own, and a thousand share a few.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Scope;

use super::background::Background;
use super::drivers::{APART, Drivers};
use super::probing::{Probing, groups};
use super::tell::{first_to_tell, tell};
use crate::app::lease::{self, Present};
use crate::app::ledger::Ledger;
use crate::app::project::Release;
use crate::app::seal::UNSIGNED;
use crate::app::verify::passed;
use crate::app::{Hear, World, again, rollback, view};
use crate::domain::clock::Reading;
use crate::domain::decide::{incident, rollback as decisions};
use crate::domain::event::Event;
use crate::domain::history::History;
use crate::domain::ids::{IncidentId, ProbeId, StageName, StepId};
use crate::domain::outcome::WatchEnd;
use crate::domain::policy::ResolvedBy;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::{Sampling, Standing};
use crate::domain::record::{Body, Draft, TOOL};
use crate::domain::state::incident::Incident;
use crate::domain::state::rollback::Rollback;
use crate::domain::watch::{self, Next, Outcome};
use crate::ports::{AppendError, OutputFile, StoreError};

/// The longest a watcher sleeps, in milliseconds: what another process recorded is seen at the latest then.
const LONGEST_SLEEP: u64 = 1_000;
/// While a rollback runs, its records and output are looked for this often, in milliseconds.
const FOLLOW: u64 = 200;
/// What happens any moment is looked for this often, in milliseconds.
const SOON: u64 = 20;
/// The probes of a resolution that nobody attests have answered after this long, in milliseconds, or the window ends.
const ANSWER_WITHIN: u64 = 20_000;

/// What comes after a step.
pub(super) enum Step {
    /// The next step, in so many milliseconds at the latest.
    Again(u64),
    /// Nothing is left to watch, or somebody wants it to stop.
    End(WatchEnd),
}

/// Watches one release.
pub(super) struct Watcher<'scope, 'env> {
    world: World<'scope>,
    release: Arc<Release>,
    ledger: Box<dyn Ledger + Send + 'scope>,
    drivers: Drivers<'scope, 'env>,
    background: Arc<Background<'scope, 'env>>,
    probing: Arc<Probing>,
    asked_at: Option<Reading>,
    latest: BTreeMap<(StageName, ProbeId), Sample>,
    sampling: BTreeMap<IncidentId, Sampling>,
    /// How many records were told; none before the first look.
    seen: Option<usize>,
    /// Whether it was told that a dead driver's work is taken over.
    adopted: bool,
    /// Whether the claim could not be written.
    unwritable: bool,
    output: Option<Output>,
    /// The last warning, so that it is not repeated every second.
    said: String,
    /// Tells others that somebody watches.
    presence: Present<'scope>,
    /// Whether others see this process, and not another watcher instead.
    is_shown: bool,
    /// How the rollback ended, and since when its process is awaited.
    ending: Option<(WatchEnd, Reading)>,
    asked_again: AskedAgain,
    /// What was said to need a look.
    doubted: BTreeSet<String>,
}

/// The incidents that are resolved by evidence that nobody attests.
#[derive(Default)]
struct AskedAgain {
    /// Since when their probes are run again.
    since: BTreeMap<IncidentId, Reading>,
    /// Those whose probes were.
    decided: BTreeSet<IncidentId>,
}

/// The output of the running step that was told so far.
struct Output {
    attempt: u32,
    step: StepId,
    name: String,
    from: u64,
}

impl<'scope, 'env> Watcher<'scope, 'env> {
    /// Watches `release`, of which `ledger` was read. What may take long is done by `background`.
    pub fn new(
        scope: &'scope Scope<'scope, 'env>,
        background: Arc<Background<'scope, 'env>>,
        world: World<'scope>,
        (release, ledger): (Arc<Release>, Box<dyn Ledger + Send + 'scope>),
    ) -> Self {
        Self {
            world,
            presence: Present::new(world.presence, release.name.clone()),
            is_shown: true,
            drivers: Drivers::new(scope, world, Arc::clone(&release)),
            release,
            ledger,
            background,
            probing: Arc::default(),
            asked_at: None,
            latest: BTreeMap::new(),
            sampling: BTreeMap::new(),
            seen: None,
            adopted: false,
            unwritable: false,
            output: None,
            said: String::new(),
            ending: None,
            asked_again: AskedAgain::default(),
            doubted: BTreeSet::new(),
        }
    }

    /// Does what is due now: never anything slow, and never more than once.
    pub fn step(&mut self, hear: &mut Hear<'_>) -> Step {
        if let Some((end, since)) = &self.ending {
            return self.ended(*end, since);
        }
        let read = self.ledger.refresh().map(|_| ());
        let fault = match self.seen {
            None => self.world.seal.machine_fault(),
            Some(_) => None,
        };
        self.tell_new(hear);
        if let Some(why) = fault.or_else(|| self.world.seal.unattested()) {
            self.warn(hear, format!("{UNSIGNED}: {why}"));
        }
        self.be_present(hear);
        let now = self.world.clock.now();
        let next = watch::next_of(self.history(), &now);
        let next = self.unless_unread(next, read, hear);
        // A claim that is due is made first, unless it cannot be written: its driver makes it then.
        let due = matches!(next, Next::Claim(_)) && !self.unwritable;
        if !due && (self.world.stop)() {
            return Step::End(match next {
                Next::Unread => WatchEnd::Unread,
                _ => WatchEnd::Detached,
            });
        }
        match next {
            Next::Done(Outcome::Quiet) => Step::End(WatchEnd::Quiet),
            Next::Done(Outcome::Resolved) => Step::End(WatchEnd::Resolved),
            Next::Done(Outcome::Replaced) => Step::End(WatchEnd::Replaced),
            Next::Done(Outcome::RolledBack) => self.ending(WatchEnd::RolledBack, now),
            Next::Done(Outcome::Stuck) => self.ending(WatchEnd::Stuck, now),
            Next::WaitForPerson => Step::End(WatchEnd::WaitsForPerson),
            Next::Unread => Step::Again(LONGEST_SLEEP),
            Next::Claim(id) => self.claim(&id, hear),
            Next::Expire(id) => {
                let expired = self.append(hear, &mut |history, now| {
                    Ok(vec![decisions::expire(history, &id, now)?])
                });
                // Somebody else was first, or the ledger failed: neither is tried again at once.
                Step::Again(if expired { 0 } else { FOLLOW })
            }
            Next::Drive => self.drive(hear),
            Next::Wait(left) => self.wait(left, &now, hear),
        }
    }

    /// Says what could not be read. Where that is all that is known, it is read again, and nothing is at its end.
    fn unless_unread(
        &mut self,
        next: Next,
        read: Result<(), StoreError>,
        hear: &mut Hear<'_>,
    ) -> Next {
        let unread = self.history().unread();
        let failed = read.err().map(|error| error.to_string()).into_iter();
        let unread = unread
            .into_iter()
            .map(|it| format!("{}; {}", it.what, it.help));
        let texts: Vec<String> = failed.chain(unread).collect();
        let Some(first) = texts.first() else {
            return next;
        };
        let more = match texts.len() {
            1 => String::new(),
            some => format!(" (and {} more)", some - 1),
        };
        let but = "an incident may be open that nobody knows of; it is read again";
        self.warn(
            hear,
            format!("the ledger cannot be read whole: {first}{more}: {but}"),
        );
        match next {
            Next::Done(Outcome::Quiet | Outcome::Resolved | Outcome::Replaced)
            | Next::WaitForPerson => Next::Unread,
            next => next,
        }
    }

    /// Whether others see this process, and not another watcher instead.
    pub const fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// What is left of it at its end.
    pub fn into_ledger(self) -> Box<dyn Ledger + Send + 'scope> {
        self.probing.over.store(true, Ordering::SeqCst);
        self.ledger
    }

    /// Once the rollback is at its end, its process is given a moment to write its documents.
    fn ending(&mut self, end: WatchEnd, since: Reading) -> Step {
        let step = self.ended(end, &since);
        self.ending = Some((end, since));
        step
    }

    fn ended(&self, end: WatchEnd, since: &Reading) -> Step {
        match self.drivers.is_driven() && passed(since, &self.world.clock.now()) < 2_000 {
            true => Step::Again(SOON),
            false => Step::End(end),
        }
    }

    /// Claims the rollback, unless a driver lives that does so this moment, or did so in memory and writes it down when
    /// it can.
    fn claim(&mut self, id: &IncidentId, hear: &mut Hear<'_>) -> Step {
        let now = self.world.clock.now();
        if self.is_asked_again(id, &now, hear) {
            return Step::Again(SOON);
        }
        let incidents = &self.history().state().incidents;
        let late = incidents
            .get(id)
            .map_or(0, |incident| incident.window.late_ms(&now));
        // A driver that takes another stage back may be in the middle of a step.
        let rollback = self.history().state().rollback.as_ref();
        let is_busy = rollback.is_some_and(Rollback::is_running);
        let is_ready = late < APART && !is_busy;
        if (is_ready || self.unwritable) && self.drivers.is_driven() {
            self.see_to_driver(hear);
            return Step::Again(SOON);
        }
        let claimed = self.ledger.append(&mut |history, now| {
            Ok(vec![decisions::claim_expired(history, id, None, now)?])
        });
        // The rollback does not wait for the disk: its driver claims it in memory, and writes it down when it can.
        if let Err(AppendError::Store(error)) = claimed {
            let but = "the rollback goes on, and is recorded as soon as it can be";
            self.warn(hear, format!("{error}; {but}"));
            self.unwritable = true;
            self.see_to_driver(hear);
            return Step::Again(FOLLOW);
        }
        Step::Again(0)
    }

    /// Whether a resolution that nobody attests keeps the window of `id` from its end for now: its probes are run again,
    /// once. Where they pass, this watcher resolves the incident itself.
    fn is_asked_again(&mut self, id: &IncidentId, now: &Reading, hear: &mut Hear<'_>) -> bool {
        let incident = self.history().state().incidents.get(id).cloned();
        let Some(incident) = incident.filter(Incident::must_be_asked_again) else {
            return false;
        };
        if self.asked_again.decided.contains(id) {
            return false;
        }
        if let Some(since) = self.asked_again.since.get(id).cloned() {
            let answered = self.take_answers_of(&incident, hear);
            if answered || passed(&since, now) > ANSWER_WITHIN {
                self.asked_again.decided.insert(id.clone());
            }
            return true;
        }
        // What was asked before is not the answer.
        let _ = self.probing.take();
        self.asked_at = None;
        if !self.probing.busy.load(Ordering::SeqCst) {
            self.asked_again.since.insert(id.clone(), now.clone());
            self.ask_again(now);
        }
        true
    }

    /// Takes in what the probes of `incident` answered. Returns whether they did.
    fn take_answers_of(&mut self, incident: &Incident, hear: &mut Hear<'_>) -> bool {
        let answers = self.probing.take().unwrap_or_default();
        let id = incident.id();
        let Some(own) = answers.iter().find(|it| it.incidents.contains(id)) else {
            return false;
        };
        if let Some(evidence) = again::passing(incident, &own.samples) {
            let release = Arc::clone(&self.release);
            self.append(hear, &mut |history, now| {
                let evidence = evidence.clone();
                Ok(vec![again::resolve(&release, history, id, evidence, now)?])
            });
        }
        true
    }

    /// Sees that a driver lives; it waits for a near deadline by itself.
    fn see_to_driver(&mut self, hear: &mut Hear<'_>) {
        let now = self.world.clock.now();
        if let Some(text) = self.drivers.see_to_it(&now) {
            self.warn(hear, text);
        }
    }

    /// Sees that the claimed rollback is driven, and tells how it goes.
    fn drive(&mut self, hear: &mut Hear<'_>) -> Step {
        let rollback = self.history().state().rollback.as_ref();
        let open = rollback.and_then(|rollback| rollback.open_attempt());
        let begun = open.filter(|open| open.started.is_some());
        if let Some(attempt) = begun.map(|last| last.number)
            && !self.adopted
            && !self.drivers.is_driven()
        {
            hear(&Event::Adopted { attempt });
            self.adopted = true;
        }
        self.see_to_driver(hear);
        self.tell_output(hear);
        // The windows of stages that are not taken back go on.
        if self.history().state().open_incidents().next().is_some() {
            let now = self.world.clock.now();
            self.wait(FOLLOW, &now, hear);
        }
        Step::Again(FOLLOW)
    }

    /// Tells others that somebody watches. Several may: one of them has the duty, and the next takes it up when that one
    /// ends. One that was stopped is made to go on; one whose lock file was removed takes it anew.
    fn be_present(&mut self, hear: &mut Hear<'_>) {
        let shown = self.presence.announce().unwrap_or_default();
        self.is_shown = shown.is_none();
        if shown.is_some_and(|shown| lease::resume(self.world.runner, &shown)) {
            let text = "another watcher was stopped, and was told to go on; this one watches too";
            self.warn(hear, text.to_owned());
        }
    }

    fn history(&mut self) -> &History {
        self.ledger.history()
    }

    fn wait(&mut self, left: u64, now: &Reading, hear: &mut Hear<'_>) -> Step {
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
            self.see_to_driver(hear);
        }
        let state = self.ledger.history().state();
        let windows = view::windows(&self.release, state, now, &self.latest);
        hear(&Event::Countdown {
            release: self.release.name.clone(),
            windows,
        });
        // Up to the next whole second of the countdown, so that it is shown as it turns.
        let turn = match left % 1_000 {
            0 => LONGEST_SLEEP,
            part => part,
        };
        // A millisecond more, since the clocks are read in whole ones: nothing is claimed before its time.
        Step::Again((left + 1).min(turn))
    }

    /// Asks the probes of the open incidents again, as often as they say.
    fn ask_again(&mut self, now: &Reading) {
        let state = self.ledger.history().state();
        let groups = groups(state);
        let every = groups
            .iter()
            .flat_map(|group| &group.probes)
            .map(|probe| probe.every().milliseconds())
            .min()
            .unwrap_or(u64::MAX)
            .max(1_000);
        let due = self
            .asked_at
            .as_ref()
            .is_none_or(|at| passed(at, now) >= every);
        if !due || groups.is_empty() || self.probing.busy.swap(true, Ordering::SeqCst) {
            return;
        }
        self.asked_at = Some(now.clone());
        let (world, release) = (self.world, Arc::clone(&self.release));
        let probing = Arc::clone(&self.probing);
        let job = Box::new(move || probing.sample(&world, &release, &groups));
        // Where there is no thread now, there may be one the next time.
        if !self.background.submit(job) {
            self.probing.busy.store(false, Ordering::SeqCst);
        }
    }

    /// Takes in what the probes answered; a window that evidence closes is closed when all of its probes pass.
    fn take_answers(&mut self, hear: &mut Hear<'_>) {
        for answers in self.probing.take().unwrap_or_default() {
            for sample in &answers.samples {
                let key = (answers.stage.clone(), sample.probe.clone());
                self.latest.insert(key, sample.clone());
            }
            let mended: Vec<(IncidentId, Vec<Sample>)> = self
                .ledger
                .history()
                .state()
                .open_incidents()
                .filter(|incident| answers.incidents.contains(incident.id()))
                .filter(|incident| incident.window.resolved_by == ResolvedBy::Evidence)
                .filter_map(|incident| {
                    let probes = &incident.facts.probes;
                    let samples = answers.samples.iter();
                    let its: Vec<Sample> = samples
                        .filter(|it| probes.iter().any(|probe| probe.id == it.probe))
                        .cloned()
                        .collect();
                    let sampling = self.sampling.entry(incident.id().clone()).or_default();
                    let green = sampling.take(probes, &its) == Standing::Decided(Verdict::Pass);
                    green.then(|| (incident.id().clone(), its))
                })
                .collect();
            for (id, evidence) in mended {
                let release = Arc::clone(&self.release);
                let (policy, notes) = (&release.policy, &release.notes);
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
    fn append(&mut self, hear: &mut Hear<'_>, decide: &mut crate::app::ledger::Decide<'_>) -> bool {
        match self.ledger.append(decide) {
            Ok(records) => !records.is_empty(),
            Err(AppendError::Refused(_)) => false,
            Err(AppendError::Store(error)) => {
                self.warn(hear, format!("{error}; it is tried again"));
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
        let is_first = self.seen.is_none();
        let is_new = history.records().len() > from;
        let doubts = match is_first || is_new {
            true => history.doubts(),
            false => Vec::new(),
        };
        self.seen = Some(history.records().len());
        for doubt in doubts {
            let text = format!("{}; {}", doubt.what, doubt.help);
            if self.doubted.insert(text.clone()) {
                hear(&Event::Warning { text });
            }
        }
        for event in new {
            hear(&event);
        }
    }

    fn tell_output(&mut self, hear: &mut Hear<'_>) {
        let rollback = self.ledger.history().state().rollback.as_ref();
        let running = rollback.and_then(|rollback| {
            let open = rollback.open_attempt()?;
            let step = open.running.as_ref()?.fact.step.clone();
            let plan = &rollback.stage(&open.stage)?.plan;
            let place = plan.steps().iter().position(|it| it.id == step)?;
            Some((open.number, place, step))
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
            let file = OutputFile::of(&self.release.name, output.name.as_str());
            let bytes = self.world.runner.output(&file, output.from);
            if let Ok(bytes) = bytes
                && !bytes.is_empty()
            {
                output.from += bytes.len() as u64;
                hear(&Event::Output {
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                });
            }
        }
    }
}
