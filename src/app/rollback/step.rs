//! Running one step of a rollback plan, in earnest or in a drill.

use std::collections::BTreeMap;

use crate::app::World;
use crate::app::project::Release;
use crate::domain::record::body::{ProcessGroup, StepEnded, StepOutcome};
use crate::domain::release::Step;
use crate::ports::{Command, Outcome};

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
    /// What its processes are recognised by after their driver died.
    pub marks: Vec<String>,
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
        output: world.ledgers.output_folder(&release.name).join(&run.output),
        output_cap: OUTPUT_CAP,
        marks: run.marks.clone(),
    };
    let ended = world.runner.run(&command, started, &mut |_| {});
    StepEnded {
        attempt: run.attempt,
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
