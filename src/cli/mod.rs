//! The command line: its types, the wiring of the effects, exit codes.

mod args;
mod commands;
mod context;
pub mod exit;
mod live;
mod output;
mod prompt;
pub mod reference;
mod screen;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::render::{shield, text};
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
            say(&error);
            return if error.use_stderr() {
                exit::USAGE
            } else {
                exit::GO
            };
        }
    };
    commands::run(cli)
}

/// Says what clap has to say, which repeats what was typed: nothing of that may act on a terminal, or on the runner of
/// GitHub Actions.
fn say(error: &clap::Error) {
    use std::io::Write;
    let text = error.render().to_string();
    let lines: Vec<String> = text::lines(&text).collect();
    let safe = shield(&format!("{}\n", lines.join("\n")));
    // A closed pipe is the end, whatever was to be said.
    let _ = match error.use_stderr() && safe.trim_end() != text.trim_end() {
        true => std::io::stderr().write_all(safe.as_bytes()),
        false => error.print(),
    };
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
        "relgate {}: this is a bug in relgate, at {place}: {}\n\
         Nothing that was recorded is lost. Please report these lines and the command that you typed.",
        env!("CARGO_PKG_VERSION"),
        text::one_line(&what)
    );
}
