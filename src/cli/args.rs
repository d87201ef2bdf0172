//! The command line.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::exit;
use crate::domain::ids::Digest;
use crate::render::Format;

/// Decides whether a release may go out, proves that it arrived, and takes it back by itself when it is broken.
#[derive(Debug, Parser)]
#[command(name = "relgate", version, max_term_width = 100, after_help = exit::help(), arg_required_else_help = true)]
#[command(disable_help_subcommand = true, infer_long_args = false)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The release that is meant [default: the only open one]
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), env = "RELGATE_RELEASE_NAME", hide_env = true)]
    pub release: Option<String>,
    /// The policy file [default: relgate.yaml, here or in a folder above]
    #[arg(long, global = true, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The digest that the policy must have, from relgate policy digest: a pipeline pins it
    #[arg(long, global = true, value_name = "sha256:HEX", value_parser = policy_digest, env = "RELGATE_POLICY_DIGEST", hide_env = true)]
    pub policy_digest: Option<Digest>,
    /// Who you are: a person of the policy [default: RELGATE_BY, git's user.email, or the login name]
    #[arg(long, global = true, value_name = "PERSON", value_parser = NonEmptyStringValueParser::new(), env = "RELGATE_BY", hide_env = true)]
    pub by: Option<String>,
    /// The SSH key that signs what you record [default: RELGATE_SIGNING_KEY, or a key of yours that git, the agent or
    /// ~/.ssh has]
    #[arg(long, global = true, value_name = "FILE", value_parser = NonEmptyStringValueParser::new(), env = "RELGATE_SIGNING_KEY", hide_env = true)]
    pub key: Option<String>,
    /// The key of this machine, which signs what relgate records by itself [default: RELGATE_MACHINE_KEY]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "RELGATE_MACHINE_KEY",
        hide_env = true
    )]
    pub machine_key: Option<PathBuf>,
    /// How results are written
    #[arg(long, global = true, default_value = Format::default().word(), value_parser = formats())]
    pub format: Format,
    /// Say nothing; the exit code tells
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Whether to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// A digest as it is shown: with `sha256:` before it, and without it in JSON.
fn policy_digest(text: &str) -> Result<Digest, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.parse().map_err(|_| {
        "expected sha256: and 64 lower-case hexadecimal digits, as relgate policy digest shows them".to_owned()
    })
}

/// Every format that there is, by its word.
fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.iter().map(|format| format.word())).map(|word| {
        Format::ALL
            .iter()
            .copied()
            .find(|format| format.word() == word)
            .unwrap_or_default()
    })
}

/// Whether to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// In a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a working policy and checklist
    Init {
        /// The rules to begin with
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        preset: Option<String>,
    },
    /// Begin a release from a template
    New {
        /// Its name, such as 2.4.0
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        version: String,
        /// How far its change reaches
        #[arg(long = "type", value_enum)]
        kind: ReleaseType,
    },
    /// Check every file, and say everything that is wrong
    Lint,
    /// Sign gates: walks through the items that you can confirm
    Sign(Sign),
    /// Go without something, by authority, for a reason and a time: it owes a review
    Waive(Waive),
    /// Go or no-go: what is met, what is not, whose it is, and the command that meets it
    Check {
        /// One gate alone
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        gate: Option<String>,
        /// The gates of one phase [default: everything before the deployment]
        #[arg(long, value_enum, conflicts_with = "gate")]
        phase: Option<Phase>,
        /// The whole reasoning behind one requirement, as it is named by a check; nothing is recorded
        #[arg(long, value_name = "ITEM", conflicts_with_all = ["gate", "phase"], value_parser = NonEmptyStringValueParser::new())]
        explain: Option<String>,
    },
    /// Record a deployment
    #[command(subcommand)]
    Deploy(Deploy),
    /// Verify a deployment: its checklist in complete passes, then the verification plan; failures open windows
    Verify(Verify),
    /// What metrics are before a deployment, to compare with afterwards
    #[command(subcommand)]
    Baseline(Baseline),
    /// Try probes, with or without a release
    #[command(subcommand)]
    Probe(Probe),
    /// A person's way in and out of a window
    #[command(subcommand)]
    Incident(Incident),
    /// Keep the windows: count down, verify again, roll back
    Watch(Watch),
    /// Roll back by hand, now, with authority
    Rollback(Rollback),
    /// How releases stand
    Status(Status),
    /// What happened, in order
    Log,
    /// What is owed, by whom, until when
    Due {
        /// What is settled too
        #[arg(long)]
        all: bool,
        /// Settle something owed
        #[command(subcommand)]
        settle: Option<Due>,
    },
    /// The release is complete
    Close,
    /// The release will not go out
    Abandon {
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// The role that gives you the authority
        #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
        role: Option<String>,
    },
    /// The records themselves
    #[command(subcommand)]
    Ledger(Ledger),
    /// The policy, and the files that say who may decide
    #[command(subcommand)]
    Policy(Policy),
    /// Print the JSON Schema of a file, for editors
    Schema {
        /// Which file
        #[arg(value_enum)]
        file: SchemaFile,
    },
    /// Explain a key of a file, the code of a finding, an exit code or a kind of record
    Explain {
        /// Such as probe.retry_if, unknown-key, 4
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        key: String,
    },
    /// Print a page of the documentation, or list them
    Help {
        /// A topic such as exit-codes, windows or ci; or a command
        #[arg(value_name = "TOPIC")]
        topic: Vec<String>,
    },
    /// Print a shell's completions
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for every command (section 1) and every file (section 5)
    Man {
        /// The folder to write them to
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Drive a claimed rollback to its end; started by relgate itself
    #[command(hide = true)]
    DriveRollback,
}

/// `relgate sign`
#[derive(Debug, Args)]
pub struct Sign {
    /// The gate [default: every one that waits for you, in hand-off order]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub gate: Option<String>,
    /// The role as which you sign
    #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    pub role: Option<String>,
    /// Confirm every item without walking through them
    #[arg(long, requires = "yes", conflicts_with = "reject")]
    pub all: bool,
    /// Together with --all: yes, every item holds
    #[arg(long, requires = "all")]
    pub yes: bool,
    /// A remark on every item that is confirmed with --all
    #[arg(long, requires = "all", value_parser = NonEmptyStringValueParser::new())]
    pub comment: Option<String>,
    /// Say no to the gate
    #[arg(long, requires_all = ["gate", "reason"])]
    pub reject: bool,
    /// Why not
    #[arg(long, requires = "reject", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
}

/// `relgate waive`
#[derive(Debug, Args)]
pub struct Waive {
    /// The requirements, as `check` names them: a gate and a role, a gate and an item, an artifact, a field
    #[arg(required = true, value_name = "ITEM", value_parser = NonEmptyStringValueParser::new())]
    pub items: Vec<String>,
    /// Why it is right to go without
    #[arg(long, required_unless_present = "withdraw", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
    /// Until when: a length of time such as 48h, a day such as 2026-11-25, or a time with its offset
    #[arg(long, required_unless_present = "withdraw", value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub until: Option<String>,
    /// The role that gives you the authority
    #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    pub role: Option<String>,
    /// Take every waiver of them back
    #[arg(long, conflicts_with_all = ["reason", "until"])]
    pub withdraw: bool,
}

/// `relgate deploy`
#[derive(Debug, Subcommand)]
pub enum Deploy {
    /// The deployment begins: only after a go
    Start(StageArgs),
    /// The deployment is done: verification refers to this
    Done(StageArgs),
    /// What was edited since the go is used from now on: only after a new go
    Repin(StageArgs),
    /// A disputed deployment stands: it was recorded without authority, or with a key that was revoked since
    Confirm {
        /// Which stage, and who.
        #[command(flatten)]
        stage: StageArgs,
        /// Why it stands
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// The deployment did not finish: it can begin again, and be rolled back
    Fail {
        /// Which stage, and who.
        #[command(flatten)]
        stage: StageArgs,
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
}

/// A stage, and who acts as what.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// The stage [default: the next one that is not verified]
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub stage: Option<String>,
    /// The role that gives you the authority
    #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    pub role: Option<String>,
}

/// `relgate verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// Which stage, and who.
    #[command(flatten)]
    pub stage: StageArgs,
    /// Confirm every manual item of the deployment checklist without walking through them
    #[arg(long, requires = "yes")]
    pub all: bool,
    /// Together with --all: yes, every item holds
    #[arg(long, requires = "all")]
    pub yes: bool,
    /// Open the windows of failures and return at once; somebody else must watch
    #[arg(long)]
    pub no_watch: bool,
    /// Ask only the probes with this id or tag, and what they need; without a required one it is never a pass
    #[arg(long, value_name = "TAG|ID", value_parser = NonEmptyStringValueParser::new())]
    pub only: Vec<String>,
    /// Leave out the probes with this id or tag, and what needs them; without a required one it is never a pass
    #[arg(long, value_name = "TAG|ID", value_parser = NonEmptyStringValueParser::new())]
    pub skip: Vec<String>,
}

/// `relgate baseline`
#[derive(Debug, Subcommand)]
pub enum Baseline {
    /// Measure every metric of the release now, before its deployment, and record it
    Capture {
        /// The role that gives you the authority
        #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
        role: Option<String>,
    },
    /// The baseline of every metric, and what has none
    Show,
}

/// `relgate probe`
#[derive(Debug, Subcommand)]
pub enum Probe {
    /// Ask the probes of a file, or one of them; nothing is recorded
    Run {
        /// A file of probes, release notes or a checklist
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The probe alone, and what it needs [default: all, of release notes the verification plan]
        #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
        probe: Option<String>,
    },
    /// The probes of the release, or of a file
    List {
        /// A file of probes, release notes or a checklist [default: the release]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// `relgate status`
#[derive(Debug, Args)]
pub struct Status {
    /// Exit 1 where a window is armed that no living process watches: for cron and CI [default: 0 whoever watches]
    #[arg(long)]
    pub require_watch: bool,
}

/// `relgate watch`
#[derive(Debug, Args)]
pub struct Watch {
    /// Those of every release, for as long as it runs: for a service
    #[arg(long)]
    pub all: bool,
    /// In a process of its own that outlives this terminal
    #[arg(long)]
    pub detach: bool,
    /// Begin a session of its own; given by relgate itself
    #[arg(long, hide = true)]
    pub session: bool,
}

/// `relgate rollback`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Rollback {
    /// What else to do with a rollback
    #[command(subcommand)]
    pub action: Option<RollbackAction>,
    /// The role that gives you the authority
    #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    pub role: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "drill", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
    /// One stage alone; every stage that runs the release otherwise
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub stage: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Try the plan on staging, and record how it went and how long it took
    #[arg(long, conflicts_with_all = ["reason", "yes"])]
    pub drill: bool,
}

/// `relgate rollback stop`
#[derive(Debug, Subcommand)]
pub enum RollbackAction {
    /// Stop a rollback that does harm: what it runs is ended, and only a person starts it again
    Stop {
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// The role that gives you the authority
        #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
        role: Option<String>,
    },
}

/// `relgate incident`
#[derive(Debug, Subcommand)]
pub enum Incident {
    /// Open an incident, and with it a window; watches it unless somebody does already
    Open {
        /// What is wrong
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        title: String,
        /// How urgent
        #[arg(long, required_unless_present = "trigger", conflicts_with = "trigger", value_parser = NonEmptyStringValueParser::new())]
        priority: Option<String>,
        /// The named kind of trouble
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        trigger: Option<String>,
        /// Which stage, and who.
        #[command(flatten)]
        stage: StageArgs,
        /// Return at once; somebody else must watch
        #[arg(long)]
        no_watch: bool,
    },
    /// Make an incident more urgent; a window never gets longer
    Escalate {
        /// Which incident
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        incident: String,
        /// How urgent now
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        priority: String,
        /// Why
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: Option<String>,
        /// The role that gives you the authority
        #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
        role: Option<String>,
    },
    /// Resolve an incident: the probes that opened it are asked again, and must pass
    Resolve {
        /// Which incident
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        incident: String,
        /// How it was mended
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        how: Option<String>,
        /// Resolve it although its probes do not pass, for this reason; it is recorded
        #[arg(long = "override", value_name = "REASON", value_parser = NonEmptyStringValueParser::new())]
        overridden: Option<String>,
        /// The role that gives you the authority
        #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
        role: Option<String>,
    },
    /// Answer an incident whose window waits for a person
    Decide(Decide),
    /// Every incident of the release
    List,
}

/// `relgate incident decide`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("answer").required(true))]
pub struct Decide {
    /// Which incident
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub incident: String,
    /// The release stays as it is: the same failure stands in nobody's way any more
    #[arg(long, group = "answer")]
    pub keep: bool,
    /// Fix it within this time, from now on; then it is asked again
    #[arg(long, value_name = "TIME", group = "answer", value_parser = NonEmptyStringValueParser::new())]
    pub fix_within: Option<String>,
    /// Roll back now
    #[arg(long, group = "answer")]
    pub rollback: bool,
    /// Why
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
    /// The role that gives you the authority
    #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    pub role: Option<String>,
}

/// `relgate due`
#[derive(Debug, Subcommand)]
pub enum Due {
    /// Something owed was done
    Settle {
        /// Which
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        obligation: String,
        /// How
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        how: String,
    },
}

/// `relgate ledger`
#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Whether the records are whole and their writers': digests, links, order, foreign files, signatures
    Verify {
        /// An evidence bundle instead of the ledger here, by what it carries alone
        #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
        bundle: Option<String>,
    },
    /// A clock that went back, which "ledger verify" found, was looked into
    Accept {
        /// The record: its id, its first digits, or its file
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        record: String,
        /// Why the clock was wrong
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// The role that gives you the authority
        #[arg(long = "as", value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
        role: Option<String>,
    },
    /// Everything that an auditor needs of the release, as one JSON document [default: to standard output]
    Export {
        /// The new file
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        file: Option<String>,
    },
    /// Add the records of an evidence bundle that the ledger here does not have, once every one of them was verified
    Import {
        /// The bundle
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        file: String,
    },
}

/// `relgate policy`
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// The one digest of the policy, the signers, the revoked keys and the checklists that others extend
    Digest,
}

/// A file that has a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaFile {
    /// relgate.yaml
    Policy,
    /// release-notes.md, release-notes.yaml
    ReleaseNotes,
    /// checklist.yaml
    Checklist,
    /// A file of probes, for `relgate probe run`
    Probes,
}

/// How far a release's change reaches.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ReleaseType {
    /// Fixes only
    Patch,
    /// New, and compatible
    Minor,
    /// Breaks something
    Major,
    /// Cannot wait for the usual approvals
    Emergency,
}

/// When a gate is due.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Phase {
    /// Before anything is deployed
    PreRelease,
    /// On the staging system
    Staging,
    /// While it is deployed
    Deployment,
    /// While it is watched in production
    PostRelease,
    /// Before the release counts as done
    Closure,
}
