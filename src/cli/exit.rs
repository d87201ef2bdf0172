//! The exit codes: a caller never has to read text.

use std::process::ExitCode;

use crate::domain::outcome::{Conclusion, WatchEnd};
use crate::domain::probe::judge::Verdict;
use crate::domain::readiness::{Decision, Status};
use crate::domain::refusal::Kind;

/// Go: all required is met, all probes pass.
pub const GO: u8 = 0;
/// No-go: decided, and the answer is no (unmet gate, failed probe, incident open).
pub const NO_GO: u8 = 1;
/// Usage: the command line is wrong.
pub const USAGE: u8 = 2;
/// Invalid input: a file, record or value is wrong; nothing was decided.
pub const INVALID: u8 = 3;
/// Inconclusive: not decided yet (evidence unreachable, no data, deadline of the run reached, another pass needed).
pub const INCONCLUSIVE: u8 = 4;
/// Rolled back: a rollback ran and was verified.
pub const ROLLED_BACK: u8 = 5;
/// Stuck: a rollback was needed and did not succeed; a person is needed now.
pub const STUCK: u8 = 6;
/// Refused: no authority, wrong state, or somebody else got there first; nothing was changed.
pub const REFUSED: u8 = 7;
/// A bug in relgate.
pub const BUG: u8 = 70;

/// Every code with its meaning, as `--help` and the documentation show them.
pub const MEANINGS: [(u8, &str); 9] = [
    (GO, "go: all required is met, all probes pass"),
    (
        NO_GO,
        "no-go: decided, and the answer is no (unmet gate, failed probe, incident open)",
    ),
    (USAGE, "usage: the command line is wrong"),
    (
        INVALID,
        "invalid input: a file, record or value is wrong; nothing was decided",
    ),
    (
        INCONCLUSIVE,
        "inconclusive: not decided yet (evidence unreachable, no data, deadline of the run reached, another pass needed)",
    ),
    (ROLLED_BACK, "rolled back: a rollback ran and was verified"),
    (
        STUCK,
        "stuck: a rollback was needed and did not succeed; a person is needed now",
    ),
    (
        REFUSED,
        "refused: no authority, wrong state, or somebody else got there first; nothing was changed",
    ),
    (BUG, "a bug in relgate"),
];

/// What to do about a code, in Markdown.
pub fn what_next(code: u8) -> &'static str {
    match code {
        GO => "Go on with the next step. `relgate status` names it.",
        NO_GO => {
            "Run `relgate check` for what is missing and who acts, or `relgate status` for open incidents. A pipeline stops here."
        }
        USAGE => "Run `relgate --help`, or the command with `--help`.",
        INVALID => {
            "Run `relgate lint` for every error of the files with its line, and `relgate ledger verify` for the records. Nothing was decided: correct the file and run the command again."
        }
        INCONCLUSIVE => {
            "Run the same command again. Where it stays inconclusive, `relgate check` or `relgate verify` names the probe that had no data or could not be reached. It is never a pass."
        }
        ROLLED_BACK => {
            "The previous version is live and its checks passed. Run `relgate due` for what is due now, and `relgate close` when that is done."
        }
        STUCK => {
            "Somebody must act now. `relgate status` shows which version is live and the output of the failed step. Correct the cause, then run `relgate rollback --reason TEXT`; it starts again from the first step."
        }
        REFUSED => {
            "The message names the rule or the role. Ask somebody with the authority, or run `relgate status`: somebody may have acted first."
        }
        _ => {
            "Please report the lines on standard error and the command that you typed. Nothing that was recorded is lost."
        }
    }
}

/// The code of an answer to go or no-go.
pub const fn of_decision(decision: Decision) -> u8 {
    match decision {
        Decision::Go => GO,
        Decision::NoGo => NO_GO,
        Decision::Inconclusive => INCONCLUSIVE,
    }
}

/// The code of how a single requirement stands.
pub const fn of_status(status: Status) -> u8 {
    match status {
        Status::Unknown => INCONCLUSIVE,
        status if status.is_enough() => GO,
        _ => NO_GO,
    }
}

/// The code of something that was not done.
pub const fn of_refusal(kind: Kind) -> u8 {
    match kind {
        Kind::NoGo => NO_GO,
        Kind::Usage => USAGE,
        Kind::Invalid => INVALID,
        Kind::Inconclusive => INCONCLUSIVE,
        Kind::Refused => REFUSED,
    }
}

/// The code of a run over probes.
pub const fn of_verdict(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => GO,
        Verdict::Fail => NO_GO,
        Verdict::Error | Verdict::Inconclusive => INCONCLUSIVE,
    }
}

/// The code of a verification.
pub const fn of_conclusion(conclusion: Conclusion) -> u8 {
    match conclusion {
        Conclusion::Verified => GO,
        Conclusion::DeploymentIncomplete | Conclusion::Failed => NO_GO,
        Conclusion::Inconclusive | Conclusion::AwaitingPass => INCONCLUSIVE,
        Conclusion::RolledBack => ROLLED_BACK,
        Conclusion::Stuck => STUCK,
    }
}

/// The code of a watch.
pub const fn of_watch(end: WatchEnd) -> u8 {
    match end {
        WatchEnd::Quiet | WatchEnd::Resolved | WatchEnd::Replaced => GO,
        WatchEnd::WaitsForPerson | WatchEnd::Detached => NO_GO,
        WatchEnd::RolledBack => ROLLED_BACK,
        WatchEnd::Stuck => STUCK,
        WatchEnd::Unread => INVALID,
    }
}

/// The table that ends every `--help`.
pub fn help() -> String {
    let lines: Vec<String> = MEANINGS
        .iter()
        .map(|(code, meaning)| format!("  {code:<3} {meaning}"))
        .collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}

/// For `main`.
pub fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}
