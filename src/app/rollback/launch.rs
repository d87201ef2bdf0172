//! Starting the process that drives a rollback, and the file of what it says.

use crate::app::World;
use crate::app::project::Release;
use crate::ports::{OutputFile, ProcessGroup};

/// The file of what the processes that drive rollbacks say, in the ledger's output folder.
pub const DRIVER_LOG: &str = "driver.log";

/// Starts the process that drives the rollback of `release`: it outlives this one. That it was started says nothing; it
/// drives once it has its duty.
///
/// # Errors
/// A text that names the program and the cause.
pub fn launch(world: &World<'_>, release: &Release) -> std::result::Result<ProcessGroup, String> {
    let mut argv = world.relgate.to_vec();
    let name = release.name.to_string();
    argv.extend(["drive-rollback".into(), "--release".into(), name.into()]);
    let log = driver_log(release);
    world.runner.detach(&argv, world.files.root(), &log)
}

/// Why what the driver writes would be lost, where it would.
pub fn log_problem(world: &World<'_>, release: &Release) -> Option<String> {
    let why = world.runner.can_log(&driver_log(release)).err()?;
    Some(format!("the rollback runs without a log: {why}"))
}

fn driver_log(release: &Release) -> OutputFile {
    OutputFile::of(&release.name, DRIVER_LOG)
}
