//! `relgate probe`: every probe of a release, and any probe tried out, with or without one.

use crate::domain::finding::Source;
use crate::domain::gate::Item;
use crate::domain::outcome::{ProbeEntry, ProbeList, ProbeRun};
use crate::domain::probe::needs::with_needed;
use crate::domain::probe::suite::ProbeSuite;
use crate::domain::probe::{KINDS, Probe};
use crate::domain::readiness::command;
use crate::domain::refusal::{Refusal, nearest};
use crate::domain::release::ReleaseNotes;
use crate::parse;

use super::ask::About;
use super::project::Release;
use super::verify::{Suite, sample_until_decided};
use super::{Error, Hear, Result, World};

/// A probe, and what asks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Such as `gate qa, item smoke` or `verification`.
    pub place: String,
    /// The probe.
    pub probe: Probe,
}

/// Every probe of a release, in the order in which it is asked first: gates, deployment checklist, verification,
/// rollback.
pub fn of_release(release: &Release) -> Vec<Placed> {
    let mut all = Vec::new();
    for gate in &release.gates {
        add_items(&mut all, &format!("gate {}", gate.id), gate.items());
    }
    all.extend(of_notes(&release.notes));
    all
}

fn of_notes(notes: &ReleaseNotes) -> Vec<Placed> {
    let mut all = Vec::new();
    add_items(
        &mut all,
        "deployment checklist",
        notes.deployment_checklist(),
    );
    add(&mut all, "verification", notes.probes());
    if let Some(rollback) = &notes.rollback {
        let drill = rollback
            .drill
            .iter()
            .flat_map(|drill| &drill.verify)
            .flatten();
        let after = rollback.verify.iter().flatten();
        add(&mut all, "rollback target", rollback.target_probe.as_ref());
        add(&mut all, "after the rollback", after);
        add(&mut all, "drill of the rollback", drill);
    }
    all
}

fn add<'a>(all: &mut Vec<Placed>, place: &str, probes: impl IntoIterator<Item = &'a Probe>) {
    all.extend(probes.into_iter().map(|probe| placed(place, probe.clone())));
}

fn add_items(all: &mut Vec<Placed>, place: &str, items: &[Item]) {
    for item in items {
        add(all, &format!("{place}, item {}", item.id), &item.probe);
    }
}

/// The probes of a release, to show.
pub fn list(release: &Release) -> ProbeList {
    let probes: Vec<ProbeEntry> = of_release(release).iter().map(entry).collect();
    // What they look like, and what the release lacks without them.
    let next = match probes.is_empty() {
        true => vec![
            "relgate schema release-notes".to_owned(),
            command(&release.name, "check"),
        ],
        false => Vec::new(),
    };
    ProbeList {
        of: format!("the release {}", release.name),
        probes,
        next,
    }
}

/// The probes of a file, to show.
///
/// # Errors
/// Every finding of the file.
pub fn list_file(source: &Source) -> Result<ProbeList> {
    let probes: Vec<ProbeEntry> = read(source)?.placed().iter().map(entry).collect();
    let next = match probes.is_empty() {
        true => vec!["relgate schema probes".to_owned()],
        false => Vec::new(),
    };
    Ok(ProbeList {
        of: source.file.clone(),
        probes,
        next,
    })
}

fn entry(placed: &Placed) -> ProbeEntry {
    let Placed { place, probe } = placed;
    ProbeEntry {
        probe: probe.id.clone(),
        title: probe.title.clone(),
        place: place.clone(),
        kind: kind(probe).to_owned(),
        asks: asks(probe),
        needs: probe.needs.clone(),
        tags: probe.tags.clone(),
        advisory: probe.is_advisory(),
    }
}

/// The word for its kind; that it has one is lint's matter.
fn kind(probe: &Probe) -> &'static str {
    let written = serde_json::to_value(probe).unwrap_or_default();
    KINDS
        .into_iter()
        .find(|kind| written.get(kind).is_some())
        .unwrap_or("none")
}

/// What is asked, as it is written: the first text of its question.
fn asks(probe: &Probe) -> String {
    let mut probe = probe.clone();
    if let Some(command) = &probe.command {
        return command.argv.join(" ");
    }
    if let Some(dns) = &probe.dns {
        return format!("{} {}", dns.name, dns.record_type().word());
    }
    let texts = probe.texts_mut();
    texts
        .first()
        .map(|text| text.to_string())
        .unwrap_or_default()
}

/// The probes of a file, and how they are asked.
struct Read {
    /// Where each stands, of a file that is more than a suite.
    places: Option<Vec<Placed>>,
    suite: ProbeSuite,
    notes: Option<ReleaseNotes>,
}

impl Read {
    /// Every probe of the file.
    fn placed(self) -> Vec<Placed> {
        self.places.unwrap_or_else(|| {
            let probes = self.suite.probes.into_iter();
            probes.map(|probe| placed("suite", probe)).collect()
        })
    }
}

fn placed(place: &str, probe: Probe) -> Placed {
    Placed {
        place: place.to_owned(),
        probe,
    }
}

/// Reads a file of probes, release notes, or a checklist: which it is, its keys say.
fn read(source: &Source) -> Result<Read> {
    let wrong = |findings| Error::Findings {
        findings,
        sources: vec![source.clone()],
    };
    let is_markdown = [".md", ".markdown"]
        .iter()
        .any(|ending| source.file.to_ascii_lowercase().ends_with(ending));
    let has = |key: &str| {
        let key = format!("{key}:");
        source.text.lines().any(|line| line.starts_with(&key))
    };
    if is_markdown || has("release") {
        let notes = parse::notes(source).map_err(wrong)?.value;
        let plan = notes.verification.clone().unwrap_or_default();
        return Ok(Read {
            places: Some(of_notes(&notes)),
            suite: ProbeSuite {
                probes: notes.probes().to_vec(),
                within: plan.within,
                concurrency: plan.concurrency,
                per_host: plan.per_host,
            },
            notes: Some(notes),
        });
    }
    if has("gates") {
        let mut placed = Vec::new();
        for gate in parse::checklist(source).map_err(wrong)?.value.gates() {
            add_items(&mut placed, &format!("gate {}", gate.id), gate.items());
        }
        let probes = placed.iter().map(|it| it.probe.clone()).collect();
        return Ok(Read {
            places: Some(placed),
            suite: ProbeSuite {
                probes,
                ..ProbeSuite::default()
            },
            notes: None,
        });
    }
    let document = parse::probes(source).map_err(wrong)?;
    let findings = parse::lint::probes(&document);
    if findings
        .iter()
        .any(crate::domain::finding::Finding::is_error)
    {
        return Err(wrong(findings));
    }
    Ok(Read {
        places: None,
        suite: document.value,
        notes: None,
    })
}

/// Asks the probes of a file, or one of them and those that it needs, to a decision. Nothing is recorded, no incident
/// is opened, and whatever its place, a probe that is named is asked.
///
/// # Errors
/// Every finding of the file; invalid for an unknown id; a variable without a value.
pub fn run(
    world: &World<'_>,
    source: &Source,
    id: Option<&str>,
    hear: &mut Hear<'_>,
) -> Result<ProbeRun> {
    let mut read = read(source)?;
    let about = about(&read);
    let within = read.suite.within;
    let probes = match id {
        None => std::mem::take(&mut read.suite.probes),
        Some(id) => {
            let placed = read.placed();
            let known = placed.iter().map(|it| it.probe.id.as_str());
            let one = placed
                .iter()
                .find(|it| it.probe.id.as_str() == id)
                .ok_or_else(|| {
                    let message = format!("{} has no probe \"{id}\"", source.file);
                    Refusal::invalid(message).help(nearest("probe", id, known))
                })?;
            let all: Vec<Probe> = placed.iter().map(|it| it.probe.clone()).collect();
            let mut wanted = with_needed(&all, std::slice::from_ref(&one.probe));
            // Whoever asks for one wants to know.
            wanted.iter_mut().for_each(|probe| probe.advisory = None);
            wanted
        }
    };
    if probes.is_empty() {
        return Err(
            Refusal::invalid(format!("{} has no probe to ask", source.file))
                .help("name one that it has: relgate probe list FILE")
                .into(),
        );
    }
    super::ask::require_values(world, &probes, &about)?;
    let decided = sample_until_decided(world, &Suite::of(&probes, within), &about, hear)?;
    Ok(ProbeRun {
        file: source.file.clone(),
        verdict: decided.verdict,
        samples: decided.samples,
        failures: decided.failures,
        taken: decided.taken,
    })
}

fn about(Read { suite, notes, .. }: &Read) -> About {
    let notes = notes.as_ref();
    About {
        release: notes
            .map(|notes| notes.release.to_string())
            .unwrap_or_default(),
        previous: notes.and_then(|notes| notes.previous.clone()),
        stage: notes.and_then(|notes| notes.stages().first().map(ToString::to_string)),
        concurrency: suite.concurrency,
        per_host: suite.per_host,
    }
}
