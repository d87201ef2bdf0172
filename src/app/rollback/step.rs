//! The command of a step of a rollback plan, in earnest or in a drill.

use std::collections::BTreeMap;

use crate::app::project::Release;
use crate::app::{World, ask};
use crate::domain::probe::Probe;
use crate::domain::release::Step;
use crate::domain::secret_name::names_a_secret;
use crate::domain::variables::Secrets;
use crate::ports::{Command, OutputFile};

/// How much of a step's output is kept.
const OUTPUT_CAP: u64 = 8 * 1024 * 1024;

/// The secrets that this process knows: those that the probes of the release refer to, and the inherited ones.
pub fn known_secrets<'a>(world: &World<'_>, probes: impl Iterator<Item = &'a Probe>) -> Secrets {
    let mut secrets = ask::secrets_of(world, probes);
    secrets.extend(&ask::inherited_secrets(world));
    secrets
}

/// The command that a step runs, with `env` beside what is inherited and its output in the file of this name; no mark and no
/// lock yet. `known` must not stand in its output, nor what `env` has that is named like a secret.
pub fn command(
    world: &World<'_>,
    release: &Release,
    (step, output): (&Step, &str),
    env: BTreeMap<String, String>,
    known: &Secrets,
) -> Command {
    let mut secrets = known.clone();
    for (name, value) in &env {
        if names_a_secret(name) {
            secrets.add(value);
        }
    }
    Command {
        argv: step.argv.clone(),
        env,
        folder: world.files.root().to_owned(),
        timeout: step.timeout(),
        output: OutputFile::of(&release.name, output),
        output_cap: OUTPUT_CAP,
        secrets,
        marks: Vec::new(),
        lock: None,
    }
}

/// Where the output of a step is, relative to the ledger.
pub fn output_path(name: &str) -> String {
    format!("output/{name}")
}

/// Why a step was not run whose file is not what was signed.
pub fn not_signed(path: &str) -> String {
    format!(
        "{path} is not what was signed for the deployment, and the policy is strict: put it back, or run the step by hand"
    )
}
