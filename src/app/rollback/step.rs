//! Running one step of a rollback plan, in earnest or in a drill.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::project::Release;
use crate::app::{World, ask};
use crate::domain::ids::Digest;
use crate::domain::probe::Probe;
use crate::domain::record::body::{ProcessGroup, StepEnded, StepOutcome};
use crate::domain::release::Step;
use crate::domain::secret_name::names_a_secret;
use crate::domain::variables::Secrets;
use crate::ports::{Command, InheritedLock, Outcome, OutputFile};

/// How much of a step's output is kept.
const OUTPUT_CAP: u64 = 8 * 1024 * 1024;

/// A step that is to be run.
pub struct Run<'a> {
    /// Which.
    pub step: &'a Step,
    /// As part of which attempt; 0 in a drill.
    pub attempt: u32,
    /// Its whole environment beside what is inherited.
    pub env: BTreeMap<String, String>,
    /// The file of its output, in the ledger's output folder.
    pub output: String,
    /// What must not stand in its output.
    pub secrets: Secrets,
    /// What its processes are recognised by after their driver died.
    pub marks: Vec<String>,
    /// What the next attempt waits for where its driver dies.
    pub lock: Option<Arc<dyn InheritedLock>>,
}

/// The secrets that this process knows: those that the probes of the release refer to, and the inherited ones.
pub fn known_secrets<'a>(world: &World<'_>, probes: impl Iterator<Item = &'a Probe>) -> Secrets {
    let mut secrets = ask::secrets_of(world, probes);
    secrets.extend(&ask::inherited_secrets(world));
    secrets
}

fn secrets_with(known: &Secrets, env: &BTreeMap<String, String>) -> Secrets {
    let mut secrets = known.clone();
    for (name, value) in env {
        if names_a_secret(name) {
            secrets.add(value);
        }
    }
    secrets
}

/// Runs a step to its end; `started` hears of its process group as soon as there is one.
pub fn run(
    world: &World<'_>,
    release: &Release,
    run: &Run<'_>,
    started: &mut dyn FnMut(&ProcessGroup),
) -> StepEnded {
    let command = Command {
        argv: run.step.argv.clone(),
        env: run.env.clone(),
        folder: world.files.root().to_owned(),
        timeout: run.step.timeout(),
        output: OutputFile::of(&release.name, run.output.as_str()),
        output_cap: OUTPUT_CAP,
        secrets: secrets_with(&run.secrets, &run.env),
        marks: run.marks.clone(),
        lock: run.lock.clone(),
    };
    let ended = world.runner.run(&command, started, &mut |_| {});
    StepEnded {
        attempt: run.attempt,
        stage: None,
        step: run.step.id.clone(),
        outcome: match ended.outcome {
            Outcome::Exited(code) => StepOutcome::Exited { code },
            Outcome::Signalled(signal) => StepOutcome::Signalled { signal },
            Outcome::TimedOut => StepOutcome::TimedOut,
            Outcome::NotStarted(why) => StepOutcome::NotStarted { why },
        },
        took_ms: ended.took_ms,
        output: format!("output/{}", run.output),
        output_bytes: ended.output_bytes,
        output_digest: ended.output_digest,
        tail: ended.tail,
    }
}

/// A step that was not run, because the file that it runs is not what was signed.
pub fn not_signed(step: &Step, attempt: u32, output: String, path: &str) -> StepEnded {
    let why = format!(
        "{path} is not what was signed for the deployment, and the policy is strict: put it back, or run the step by hand"
    );
    StepEnded {
        attempt,
        stage: None,
        step: step.id.clone(),
        outcome: StepOutcome::NotStarted { why: why.clone() },
        took_ms: 0,
        output: format!("output/{output}"),
        output_bytes: 0,
        output_digest: Digest::of(b""),
        tail: why,
    }
}
