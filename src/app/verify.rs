//! `relgate verify`: the deployment checklist in complete passes, then the verification plan; failures open incidents.

use std::time::Duration;

use crate::domain::clock::Reading;
use crate::domain::decide::deployment::{self as decisions, Passes};
use crate::domain::decide::{Actor, incident};
use crate::domain::event::Event;
use crate::domain::gate::Item;
use crate::domain::ids::{ProbeId, StageName};
use crate::domain::policy::Action;
use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::{Failure, Sampling, Standing};
use crate::domain::probe::selection::{Selected, Selection, SelectionError};
use crate::domain::record::body::{Answered, Body, VerificationRun};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::running::Sight;
use crate::domain::state::ReleaseState;
use crate::domain::timespan::Timespan;

use super::ask::{self, About};
use super::project::Release;
use super::{Error, Hear, Result, World, append, facts};

/// The deadline of a run whose notes state none.
const WITHIN: Timespan = Timespan::from_minutes(10);

/// The next pass over the deployment checklist.
#[derive(Clone, Debug)]
pub struct NextPass {
    /// Its number, from 1.
    pub pass: u32,
    /// How many there must be.
    pub of: u32,
    /// The items that a person answers.
    pub items: Vec<Item>,
}

/// What a run of the verification plan came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// The verdict.
    pub verdict: Verdict,
    /// The last sample of every probe.
    pub samples: Vec<Sample>,
    /// The probes that count as failed.
    pub failures: Vec<Failure>,
    /// The probes that fail as an incident says that stands in nobody's way.
    pub accepted: Vec<Failure>,
    /// The probes that were left out on purpose.
    pub skipped: Vec<ProbeId>,
}

/// The probes of the verification plan that are to be asked.
///
/// # Errors
/// Invalid where there is no plan, a word names no probe, or nothing would be left to ask.
pub fn select(release: &Release, selection: &Selection) -> Result<Selected> {
    let probes = release.notes.probes();
    if probes.is_empty() {
        return Err(
            Refusal::invalid("the release notes have no verification plan")
                .help("fill in verification.probes")
                .into(),
        );
    }
    selection.apply(probes).map_err(|error| {
        let help = match &error {
            SelectionError::Unknown { help, .. } => help.clone(),
            SelectionError::Nothing => "leave out one of --only and --skip".to_owned(),
        };
        Refusal::invalid(error.to_string()).help(help).into()
    })
}

/// The pass that `actor` has to make before the verification plan may run; `None` when there are enough (req: A7, req: A9).
///
/// # Errors
/// Refused where the stage is not deployed; no-go where another person or a later time is needed.
pub fn next_pass(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    stage: &StageName,
) -> Result<Option<NextPass>> {
    actor.authority(&release.policy, Action::Verify)?;
    let mut ledger = world.ledgers.open(&release.name);
    let now = world.clock.now().wall;
    let history = ledger.refresh()?;
    decisions::may_verify(&release.notes, history, stage)?;
    if release.notes.deployment_checklist().is_empty() {
        return Err(Refusal::invalid(
            "the release notes have no deployment checklist, so nothing shows that it arrived",
        )
        .help("fill in deployment.checklist")
        .into());
    }
    match decisions::passes(&release.policy, &release.notes, history, stage) {
        Passes::Complete => Ok(None),
        Passes::Next(pass) => {
            decisions::may_pass(
                &release.policy,
                &release.notes,
                history,
                (actor, stage),
                now,
            )?;
            let manual = release
                .notes
                .deployment_checklist()
                .iter()
                .filter(|item| !item.is_evidence());
            Ok(Some(NextPass {
                pass,
                of: release.policy.checklist_passes(),
                items: manual.cloned().collect(),
            }))
        }
    }
}

/// Makes a pass: asks the evidence items anew, and records it with the answers. Returns what does not hold (req: A6).
///
/// # Errors
/// Refused where the state changed meanwhile; a variable without a value; the ledger's errors.
pub fn make_pass(
    world: &World<'_>,
    release: &Release,
    (actor, stage): (&Actor, &StageName),
    next: &NextPass,
    answers: &[Answered],
    hear: &mut Hear<'_>,
) -> Result<Vec<Failure>> {
    let probes: Vec<Probe> = release
        .notes
        .deployment_checklist()
        .iter()
        .filter_map(|item| item.probe.clone())
        .collect();
    let about = facts::about(release, Some(stage), None);
    ask::require_values(world, &probes, &about)?;
    let evidence = if probes.is_empty() {
        Vec::new()
    } else {
        let _shown = ask::show(world, &probes, &[], None);
        ask::sample(world, &probes, &about, None)
    };
    let mut ledger = world.ledgers.open(&release.name);
    let mut failures = Vec::new();
    append(ledger.as_mut(), &mut |history, now| {
        decisions::may_verify(&release.notes, history, stage)?;
        decisions::may_pass(
            &release.policy,
            &release.notes,
            history,
            (actor, stage),
            now.wall,
        )?;
        let (draft, failed) = decisions::pass(
            &release.notes,
            actor,
            stage,
            answers.to_vec(),
            evidence.clone(),
        );
        failures = failed;
        Ok(vec![draft])
    })?;
    hear(&Event::ChecklistPass {
        pass: next.pass,
        of: next.of,
        complete: failures.is_empty(),
    });
    Ok(failures)
}

/// Runs the verification plan to its decision and records it. A failure opens incidents first, so that nothing can
/// come between a failure and its window (req: A9, req: A10). A run that left out a required probe is never a pass.
///
/// # Errors
/// Refused where the passes are not made or the release went back; a variable without a value; the ledger's errors.
pub fn run(
    world: &World<'_>,
    release: &Release,
    (actor, stage): (&Actor, &StageName),
    selected: &Selected,
    hear: &mut Hear<'_>,
) -> Result<Run> {
    let mut ledger = world.ledgers.open(&release.name);
    let history = ledger.refresh()?;
    decisions::may_verify(&release.notes, history, stage)?;
    if decisions::passes(&release.policy, &release.notes, history, stage) != Passes::Complete {
        return Err(Refusal::refused("the deployment checklist is not verified yet").into());
    }
    let about = facts::about(release, Some(stage), None);
    let known = history.state().clone();
    let probes = &with_known(&selected.asked, &known, stage);
    ask::require_values(world, probes, &about)?;
    let within = release
        .notes
        .verification
        .as_ref()
        .and_then(|verification| verification.within);
    let suite = Suite {
        probes,
        skipped: &selected.skipped,
        within,
    };
    let decided = sample_until_decided(world, &suite, &about, hear)?;
    let Decided {
        verdict,
        samples,
        failures,
        taken,
    } = decided;
    let (verdict, failures, accepted) =
        with_accepted(&known, stage, probes, (verdict, failures, &samples));
    let verdict = selected.verdict(verdict);
    if verdict == Verdict::Pass
        && let Some(unread) = ledger.refresh()?.unread().first()
    {
        let what = &unread.what;
        return Err(Refusal::invalid(format!(
            "every probe passes, and the ledger cannot be read whole, so that an incident may be open: {what}"
        ))
        .help(unread.help.clone())
        .into());
    }
    if verdict == Verdict::Fail {
        open_incidents(world, release, stage, &failures, hear)?;
    }
    let fact = VerificationRun {
        stage: stage.clone(),
        verdict,
        samples: taken,
        last: samples.clone(),
        failures: failures.clone(),
        accepted: accepted.clone(),
        skipped: selected.skipped.iter().map(ProbeId::to_string).collect(),
    };
    let recorded = append(ledger.as_mut(), &mut |history, _| {
        Ok(vec![decisions::verified(
            &release.notes,
            history,
            actor,
            fact.clone(),
        )?])
    });
    match recorded {
        // A window of no length may have rolled the release back before its failure was recorded: that stands.
        Err(Error::Refused(refusal))
            if verdict == Verdict::Fail && refusal.kind == Kind::Refused => {}
        other => {
            other?;
        }
    }
    hear(&Event::Verified { verdict });
    Ok(Run {
        verdict,
        samples,
        failures,
        accepted,
        skipped: selected.skipped.clone(),
    })
}

/// `probes` with those that are known to fail, which no longer decide by themselves.
fn with_known(probes: &[Probe], known: &ReleaseState, stage: &StageName) -> Vec<Probe> {
    let is_known = |probe: &Probe| {
        let mut tolerated = known
            .tolerated_incidents()
            .filter(|it| it.facts.stage == *stage);
        tolerated.any(|it| it.failures().iter().any(|it| it.probe == probe.id))
    };
    let each = probes
        .iter()
        .map(|probe| match is_known(probe) && !probe.is_advisory() {
            true => Probe {
                advisory: Some(true),
                ..probe.clone()
            },
            false => probe.clone(),
        });
    each.collect()
}

/// The verdict, the failures and what is accepted, once the probes that are known to fail are judged: in the same way it is
/// accepted, in another it is a failure, and what could not be run says nothing.
fn with_accepted(
    known: &ReleaseState,
    stage: &StageName,
    probes: &[Probe],
    (verdict, mut failures, samples): (Verdict, Vec<Failure>, &[Sample]),
) -> (Verdict, Vec<Failure>, Vec<Failure>) {
    let (mut verdict, mut accepted) = (verdict, Vec::new());
    let named = |id: &ProbeId| {
        let mut tolerated = known
            .tolerated_incidents()
            .filter(|it| it.facts.stage == *stage);
        tolerated.any(|it| it.failures().iter().any(|it| it.probe == *id))
    };
    let all_known = probes.iter().all(Probe::is_advisory);
    let mut undecided = false;
    for sample in samples.iter().filter(|sample| named(&sample.probe)) {
        let failure = Failure {
            probe: sample.probe.clone(),
            reason: sample.reason(),
        };
        match sample.verdict {
            Verdict::Pass => {}
            Verdict::Fail if known.is_accepted(stage, &failure) => accepted.push(failure),
            Verdict::Fail => failures.push(failure),
            Verdict::Error | Verdict::Inconclusive => undecided = true,
        }
    }
    let nothing_else = verdict == Verdict::Pass || all_known && verdict == Verdict::Inconclusive;
    if !failures.is_empty() {
        verdict = Verdict::Fail;
    } else if undecided && nothing_else {
        verdict = Verdict::Inconclusive;
    } else if nothing_else && (verdict == Verdict::Pass || !accepted.is_empty()) {
        verdict = Verdict::Pass;
    }
    (verdict, failures, accepted)
}

/// What sampling came to.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The verdict.
    pub verdict: Verdict,
    /// The last sample of every probe.
    pub samples: Vec<Sample>,
    /// The probes that count as failed.
    pub failures: Vec<Failure>,
    /// How many samples were taken.
    pub taken: u32,
}

/// Probes that are sampled until they are decided.
#[derive(Clone, Copy, Debug)]
pub struct Suite<'a> {
    /// Those that are asked.
    pub probes: &'a [Probe],
    /// Those that are left out on purpose.
    pub skipped: &'a [ProbeId],
    /// The deadline of the run, where one is stated.
    pub within: Option<Timespan>,
}

impl<'a> Suite<'a> {
    /// All of these probes.
    pub const fn of(probes: &'a [Probe], within: Option<Timespan>) -> Self {
        Self {
            probes,
            skipped: &[],
            within,
        }
    }
}

/// Samples probes until they pass or fail, or until the deadline, which is inconclusive.
///
/// Without a stated deadline, probes that cannot be asked end the run at once: their retries were for that.
///
/// # Errors
/// Inconclusive where this process was asked to stop.
pub fn sample_until_decided(
    world: &World<'_>,
    &Suite {
        probes,
        skipped,
        within,
    }: &Suite<'_>,
    about: &About,
    hear: &mut Hear<'_>,
) -> Result<Decided> {
    let began = world.clock.now();
    let limit = within.unwrap_or(WITHIN).milliseconds();
    let left = |now: &Reading| limit.saturating_sub(passed(&began, now));
    let _shown = ask::show(world, probes, skipped, Some(Duration::from_millis(limit)));
    let settle = probes
        .iter()
        .filter_map(|probe| probe.settle)
        .max()
        .unwrap_or(Timespan::ZERO);
    let settle = settle.milliseconds().min(limit);
    world.onlooker.sees(&Sight::Pauses(settle));
    pause(world, settle)?;
    let every = probes
        .iter()
        .map(|probe| probe.every().milliseconds())
        .min()
        .unwrap_or(5_000);
    let compared = ask::compared(world, probes, about);
    let mut sampling = Sampling::default();
    loop {
        let patience = Duration::from_millis(left(&world.clock.now()).max(1));
        let samples = ask::sample_compared(world, &compared, about, Some(patience));
        // What was cut off because somebody wants this process to stop says nothing.
        pause(world, 0)?;
        let standing = sampling.take(probes, &samples);
        world.onlooker.sees(&Sight::Counted(&sampling));
        hear(&Event::Sampled {
            sample: sampling.samples(),
            samples: samples.clone(),
        });
        let samples = sampling.with_p95(probes, samples);
        let failures = sampling.failures(probes, &samples);
        let taken = sampling.samples();
        let verdict = match standing {
            Standing::Decided(verdict) => verdict,
            Standing::Undecided if within.is_none() && sampling.only_errors_left(probes) => {
                Verdict::Error
            }
            Standing::Undecided if left(&world.clock.now()) <= every => Verdict::Inconclusive,
            Standing::Undecided => {
                world.onlooker.sees(&Sight::Pauses(every));
                pause(world, every)?;
                continue;
            }
        };
        return Ok(Decided {
            verdict,
            samples,
            failures,
            taken,
        });
    }
}

/// Opens an incident for each priority and trigger among the failures; probes whose incident is open already open no
/// second one.
///
/// # Errors
/// Refused where nothing could be rolled back; the ledger's errors.
pub fn open_incidents(
    world: &World<'_>,
    release: &Release,
    stage: &StageName,
    failures: &[Failure],
    hear: &mut Hear<'_>,
) -> Result<()> {
    let mut ledger = world.ledgers.open(&release.name);
    loop {
        // One at a time, so that each gets an id of its own and sees the ones before it.
        let mut left = 0;
        let records = ledger.append(&mut |history, now| {
            let probes = release.notes.probes();
            let troubles = incident::troubles(&release.policy, history, stage, probes, failures)?;
            left = troubles.len();
            let Some(first) = troubles.first() else {
                return Ok(Vec::new());
            };
            let by = crate::domain::record::TOOL;
            Ok(vec![incident::open(
                &release.policy,
                &release.notes,
                history,
                first,
                (by, now),
            )?])
        })?;
        for record in &records {
            if let Body::IncidentOpened(opened) = &record.body {
                hear(&Event::IncidentOpened {
                    incident: opened.incident.clone(),
                    title: opened.title.clone(),
                    priority: opened.priority.clone(),
                    window_ms: opened.window.milliseconds(),
                    on_expiry: opened.on_expiry,
                });
            }
        }
        if left <= 1 {
            return Ok(());
        }
    }
}

/// Milliseconds from `earlier` to `now`, on the best clock there is.
pub fn passed(earlier: &Reading, now: &Reading) -> u64 {
    now.boot_ms_since(earlier)
        .unwrap_or_else(|| now.wall_ms_since(earlier))
}

/// Waits for `ms`, in pieces, unless this process is asked to stop.
///
/// # Errors
/// Inconclusive where it was.
pub fn pause(world: &World<'_>, ms: u64) -> Result<()> {
    let began = world.clock.now();
    loop {
        if (world.stop)() {
            return Err(
                Refusal::new(Kind::Inconclusive, "interrupted before it was decided")
                    .help("run the command again")
                    .into(),
            );
        }
        let left = ms.saturating_sub(passed(&began, &world.clock.now()));
        if left == 0 {
            return Ok(());
        }
        world.clock.wait(Duration::from_millis(left.min(200)));
    }
}
