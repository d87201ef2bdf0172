//! The command line: its types, the wiring of the effects, exit codes.

mod args;
mod commands;
mod context;
pub mod exit;
mod live;
mod output;
mod prompt;
mod screen;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::Cli;

/// Runs the program on its arguments and returns its exit code. No panic reaches the user as one.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(report_bug));
    let code = std::panic::catch_unwind(run).unwrap_or(exit::BUG);
    exit::code(code)
}

fn run() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is the end, whatever was to be said.
            let _ = error.print();
            return if error.use_stderr() {
                exit::USAGE
            } else {
                exit::GO
            };
        }
    };
    commands::run(cli)
}

/// The command line as clap sees it: for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// From now on a panic of any thread ends the process, after it was reported.
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        report_bug(panic);
        std::process::exit(i32::from(exit::BUG));
    }));
}

fn report_bug(panic: &std::panic::PanicHookInfo<'_>) {
    use std::io::Write;
    let place = panic
        .location()
        .map(|it| format!("{}:{}", it.file(), it.line()))
        .unwrap_or_default();
    let what = panic
        .payload()
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.payload().downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let _ = writeln!(
        std::io::stderr(),
        "relgate {}: this is a bug in relgate, at {place}: {what}\n\
         Nothing that was recorded is lost. Please report these lines and the command that you typed.",
        env!("CARGO_PKG_VERSION")
    );
}
