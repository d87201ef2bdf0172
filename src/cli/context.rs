//! Wiring: the real effects behind the ports, who is asking, and where results go.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::app::anchor;
use crate::app::ledger::Ledgers;
use crate::app::pin::{Kept, Pinned};
use crate::app::policy_text::PolicyText;
use crate::app::project::{self, RELEASES, Release};
use crate::app::seal::{Sealer, UNSIGNED};
use crate::app::{Error, Result, World};
use crate::domain::decide::{Actor, unknown_person};
use crate::domain::ids::{PersonName, ReleaseName, RoleName};
use crate::domain::policy::Policy;
use crate::domain::quote;
use crate::domain::refusal::Refusal;
use crate::effects::clock::{self, SystemClock};
use crate::effects::environment::SystemEnvironment;
use crate::effects::identity;
use crate::effects::plain;
use crate::effects::probe::SystemProber;
use crate::effects::process::{self, SystemRunner};
use crate::effects::repository::{self, Repository};
use crate::effects::signals::Signals;
use crate::effects::ssh::SystemSsh;
use crate::effects::store::file::FileStore;
use crate::effects::stream::Stream;
use crate::ports::{Environment, Files, Onlooker, OpenSsh, Seal};
use crate::render::findings::Findings;
use crate::render::{self, Format, Shown, Style, text};

use super::args::{Color, Global};
use super::exit;
use super::output::{Output, Weight};
use super::screen::Screen;

/// The policy's name where none is given.
const POLICY: &str = "relgate.yaml";

/// Everything that a command needs.
pub struct Context {
    /// What every command takes.
    pub global: Global,
    /// The word for the command, for machine output.
    pub command: &'static str,
    policy_path: String,
    policy_text: PolicyText,
    relgate: Vec<OsString>,
    clock: SystemClock,
    prober: SystemProber,
    runner: SystemRunner,
    environment: SystemEnvironment,
    files: Repository,
    openssh: SystemSsh,
    signals: Signals,
    kept: OnceLock<Kept>,
    style: Style,
    screen: Screen,
    output: Output,
    onlooker: Arc<dyn Onlooker>,
}

impl Context {
    /// Finds the repository and wires the effects to it.
    ///
    /// # Errors
    /// A policy that was named and is not there, or a current folder that is gone.
    pub fn new(global: Global, command: &'static str, weight: Weight) -> Result<Self> {
        let (root, policy_path) = repository(&global)?;
        let program = process::program::own().unwrap_or_else(|| Path::new("relgate"));
        let full = root.join(&policy_path);
        let mut relgate: Vec<OsString> = vec![program.into(), "--policy".into(), full.into()];
        if let Some(digest) = &global.policy_digest {
            relgate.extend(["--policy-digest".into(), format!("sha256:{digest}").into()]);
        }
        // Whoever drives a rollback elsewhere on this machine signs with the same key.
        let machine_key = machine_key(&global);
        if let Some(file) = &machine_key {
            relgate.extend(["--machine-key".into(), file.into()]);
        }
        let openssh =
            SystemSsh::new(root.clone(), global.key.clone()).with_machine_key(machine_key);
        let environment = SystemEnvironment { root: root.clone() };
        let style = style(&global, &environment);
        let terminal = is_live(&global, &environment).then_some(style);
        let output = output(&global, &environment, terminal, weight);
        // Events are beside a result that is written for programs.
        let screen = match global.format {
            Format::Human | Format::Json => output.out.clone(),
            _ => output.err.clone(),
        };
        Ok(Self {
            global,
            command,
            policy_path,
            policy_text: PolicyText::default(),
            relgate,
            clock: SystemClock,
            prober: match command {
                "drive-rollback" => SystemProber::new(root.clone()).on_callers_thread(),
                _ => SystemProber::new(root.clone()),
            },
            runner: SystemRunner::new(root.clone()),
            environment,
            openssh,
            files: Repository::new(root),
            signals: Signals::new(),
            kept: OnceLock::new(),
            style,
            onlooker: Arc::new(screen.clone()),
            screen,
            output,
        })
    }

    /// Calls `work` with the world that use cases act in.
    pub fn with_world<T>(&self, work: impl FnOnce(&World<'_>) -> T) -> T {
        let stop = || self.signals.stop_wanted();
        let pinned = self.kept.get().map(|kept| Pinned {
            files: &self.files,
            kept,
        });
        let files: &dyn Files = match &pinned {
            Some(pinned) => pinned,
            None => &self.files,
        };
        let seal = Sealer::new(
            (&self.policy_path, &self.policy_text),
            files,
            &self.clock,
            &self.openssh,
        );
        let writer = clock::writer();
        let releases = self.files_root().join(RELEASES);
        let store = FileStore::new(releases, &self.clock, writer.clone());
        let ledgers = Ledgers::new((&store, &store), &seal, writer);
        let done = work(&World {
            clock: &self.clock,
            prober: &self.prober,
            onlooker: &self.onlooker,
            runner: &self.runner,
            environment: &self.environment,
            files,
            ledgers: &ledgers,
            leases: &store,
            presence: &store,
            policy: &self.policy_text,
            seal: &seal,
            is_concurrent: true,
            stop: &stop,
            relgate: &self.relgate,
        });
        if let Some(why) = seal.unattested() {
            self.warn(&format!("{UNSIGNED}: {why}"));
        }
        done
    }

    /// From now on the files that decide are these, which were held against the digest that was named.
    pub fn keep(&self, kept: Kept) {
        // They are held against it once.
        let _ = self.kept.set(kept);
    }

    /// From now on INT, TERM and HUP ask to stop instead of ending the process.
    pub fn catch_signals(&self) {
        self.signals.catch();
    }

    /// From now on INT, TERM and HUP are ignored: a rollback is not stopped half-way.
    pub fn ignore_signals(&self) {
        self.signals.catch();
        self.signals.forget();
    }

    /// OpenSSH, where it is asked for something else than a record.
    pub fn openssh(&self) -> &dyn OpenSsh {
        &self.openssh
    }

    /// The policy's path, relative to the repository's root.
    pub fn policy_path(&self) -> &str {
        &self.policy_path
    }

    /// The release that is meant, with its files read.
    ///
    /// # Errors
    /// Every finding of its files; an unknown release.
    pub fn release(&self, world: &World<'_>) -> Result<Release> {
        project::load(world, &self.policy_path, &self.selected(world)?)
    }

    /// The same for a decision on whether it goes out: the files that its probes name are looked at too.
    ///
    /// # Errors
    /// As [`Self::release`].
    pub fn release_with_files(&self, world: &World<'_>) -> Result<Release> {
        project::load_with_files(world, &self.policy_path, &self.selected(world)?)
    }

    /// The release that is meant, for somebody who keeps its windows: files that are wrong are told, and stop nothing.
    ///
    /// # Errors
    /// An unknown release.
    pub fn armed_release(&self, world: &World<'_>) -> Result<Release> {
        let name = project::select(world, self.global.release.as_deref())?;
        let release = project::load_armed(world, &self.policy_path, &name)?;
        for warning in release.warnings.iter().filter(|it| it.span.is_none()) {
            self.warn(&warning.to_string());
        }
        Ok(release)
    }

    /// The release that is named, as [`Self::armed_release`]; it is looked for nowhere, so that a folder that cannot be
    /// listed is no obstacle.
    ///
    /// # Errors
    /// No name, or one that is none.
    pub fn named_release(&self, world: &World<'_>) -> Result<Release> {
        let named = self.global.release.clone().unwrap_or_default();
        let name = ReleaseName::new(named).map_err(|error| Refusal::invalid(error.to_string()))?;
        project::load_armed(world, &self.policy_path, &name)
    }

    /// The release that is meant, as it was signed for `stage`, or last: what was edited since is named, and not used.
    ///
    /// # Errors
    /// An unknown release; every finding of its files where nothing was signed.
    pub fn deployed_release(&self, world: &World<'_>, stage: Option<&str>) -> Result<Release> {
        let name = project::select(world, self.global.release.as_deref())?;
        let release = anchor::load(world, &self.policy_path, &name, stage)?;
        for warning in release.warnings.iter().filter(|it| it.span.is_none()) {
            self.warn(&warning.to_string());
        }
        Ok(release)
    }

    /// The name of the release that is meant.
    ///
    /// # Errors
    /// An unknown release, or none named where several are open.
    pub fn selected(&self, world: &World<'_>) -> Result<ReleaseName> {
        project::require_policy(world, &self.policy_path)?;
        project::select(world, self.global.release.as_deref())
    }

    /// Who is asking, as a person of the policy, with the role that was named.
    ///
    /// # Errors
    /// Invalid where the person cannot be found, with how to say who you are.
    pub fn actor(&self, policy: &Policy, role: Option<&str>) -> Result<Actor> {
        let role = role
            .map(|role| RoleName::new(role).map_err(|error| Refusal::invalid(error.to_string())))
            .transpose()?;
        Ok(Actor {
            person: self.person(policy)?,
            role,
        })
    }

    fn person(&self, policy: &Policy) -> Result<PersonName> {
        if let Some(named) = &self.global.by {
            let person = PersonName::new(named.clone())
                .map_err(|error| Refusal::invalid(error.to_string()))?;
            if policy.people.contains_key(&person) {
                return Ok(person);
            }
            return Err(unknown_person(policy, &person).into());
        }
        let email = identity::git_email(self.files_root());
        let by_email = email.as_ref().and_then(|email| {
            let same = |own: &String| own.eq_ignore_ascii_case(email);
            policy
                .people
                .iter()
                .find(|(_, person)| person.email.as_ref().is_some_and(same))
        });
        let login = self.login();
        let by_login = || {
            login
                .as_ref()
                .and_then(|login| policy.people.get_key_value(login.as_str()))
        };
        if let Some((name, _)) = by_email.or_else(by_login) {
            return Ok(name.clone());
        }
        // A policy of one person is of that person.
        if let (1, Some(only)) = (policy.people.len(), policy.people.keys().next()) {
            return Ok(only.clone());
        }
        let known: Vec<&str> = policy.people.keys().map(PersonName::as_str).collect();
        let tried = [
            email.map(|it| format!("git's user.email {it}")),
            login.map(|it| format!("the login {it}")),
        ];
        let tried: Vec<String> = tried.into_iter().flatten().collect();
        Err(Refusal::invalid(format!(
            "the policy does not know who you are (tried {})",
            tried.join(" and ")
        ))
        .help(format!(
            "add --by PERSON, or set RELGATE_BY; there are: {}",
            known.join(", ")
        ))
        .into())
    }

    /// Who is asking, for a command that anybody may run.
    ///
    /// # Errors
    /// Invalid where somebody is named whom the policy does not know.
    pub fn anybody(&self, policy: &Policy) -> Result<String> {
        match &self.global.by {
            Some(_) => Ok(self.person(policy)?.to_string()),
            None => Ok(self.login().unwrap_or_else(|| "unknown".to_owned())),
        }
    }

    fn login(&self) -> Option<String> {
        let login = ["USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| self.environment.text(name))?;
        PersonName::new(login).ok().map(|name| name.to_string())
    }

    fn files_root(&self) -> &Path {
        self.files.root()
    }

    /// What is shown while it happens.
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// What the terminal behind standard output takes.
    pub fn style(&self) -> Style {
        let columns = match self.style.columns {
            0 => 0,
            _ => identity::terminal_size().0,
        };
        Style {
            columns,
            ..self.style
        }
    }

    /// Writes a result to standard output, unless quiet.
    ///
    /// # Errors
    /// Standard output that cannot be written: a full disk. A closed pipe is the end, and no error.
    pub fn show(&self, result: &dyn Shown) -> Result<()> {
        if self.global.quiet && self.global.format == Format::Human {
            return Ok(());
        }
        self.show_always(result)
    }

    /// Writes a result to standard output, quiet or not: what is wrong is never kept back.
    fn show_always(&self, result: &dyn Shown) -> Result<()> {
        if self.global.format == Format::Github {
            self.summarize(result);
        }
        self.write(|out| render::show(result, self.command, self.global.format, &self.style(), out))
    }

    /// Adds the result to the summary of the step that GitHub Actions runs, where it does. That it cannot be added is told
    /// and changes no answer.
    fn summarize(&self, result: &dyn Shown) {
        let Some(path) = self.environment.text("GITHUB_STEP_SUMMARY") else {
            return;
        };
        let add = || {
            let path = Path::new(&path);
            let mut text = Vec::new();
            render::show(
                result,
                self.command,
                Format::Markdown,
                &self.style(),
                &mut text,
            )?;
            text.push(b'\n');
            let mut file = plain::append(path.parent().unwrap_or(path), path)?;
            file.write_all(&text)
        };
        if let Err(error) = add() {
            self.warn(&format!(
                "the step's summary {path} cannot be written: {error}"
            ));
        }
    }

    /// Says on standard error what is wrong and stops nothing.
    pub fn warn(&self, text: &str) {
        let line = format!("warning: {}\n", text::one_line(text));
        self.output.say(line.as_bytes());
    }

    /// Waits a moment for what is to stand before a prompt.
    pub fn settle(&self) {
        self.output.settle();
    }

    /// Waits for what is not written yet, and returns the exit code of a command that came to `code`.
    pub fn finish(&self, code: u8) -> u8 {
        self.output.finish(code, &|| self.signals.stop_wanted())
    }

    /// Lets `write` write to standard output. Nobody is waited for: whether it could be written, [`Self::finish`] says.
    ///
    /// # Errors
    /// What could not be put into words.
    pub fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let mut text = Vec::new();
        write(&mut text).map_err(|error| Refusal::invalid(error.to_string()))?;
        self.output.write(&text);
        Ok(())
    }

    /// Shows why a command came to no result, and returns its exit code.
    pub fn fail(&self, error: &Error) -> u8 {
        let shown = match error {
            // They are what lint is for, and what keeps every other command from its result.
            Error::Findings { findings, sources } if self.command == "lint" => {
                self.show_always(&Findings { findings, sources })
            }
            Error::Findings { findings, sources } => self.say_no(&Findings { findings, sources }),
            other => self.say_no(&refusal_of(other)),
        };
        if let Err(Error::Refused(refusal)) = shown {
            self.output.refuse(&refusal);
        }
        exit::of_refusal(error.kind())
    }

    fn say_no(&self, refusal: &dyn Shown) -> Result<()> {
        if self.global.format == Format::Human {
            let mut text = Vec::new();
            // Writing to memory does not fail.
            let _ = refusal.human(&self.style(), &mut text);
            self.output.say(&text);
            return Ok(());
        }
        self.show_always(refusal)
    }
}

/// Any failure as a refusal with its next step.
fn refusal_of(error: &Error) -> Refusal {
    match error {
        Error::Refused(refusal) => refusal.clone(),
        Error::Store(error) => Refusal::invalid(error.to_string())
            .help("nothing was recorded; make the folder writable, free some space, and run the command again"),
        Error::File(error) => Refusal::invalid(error.to_string()).help("see that it is there and can be read"),
        Error::Findings { .. } => Refusal::invalid(error.to_string()).help("relgate lint"),
    }
}

/// The two streams. What a runner of GitHub Actions reads is kept from being obeyed, but for the commands of a result.
fn output(
    global: &Global,
    environment: &dyn Environment,
    terminal: Option<Style>,
    weight: Weight,
) -> Output {
    let github = global.format == Format::Github;
    let actions = environment
        .text("GITHUB_ACTIONS")
        .is_some_and(|it| it == "true");
    let human = global.format == Format::Human;
    let terminal = terminal.filter(|it| it.columns > 0);
    Output {
        out: Screen::new(terminal, Box::new(Stream::stdout()), actions && human),
        err: Screen::new(None, Box::new(Stream::stderr()), actions || github),
        weight,
        for_people: human,
    }
}

/// What the terminal behind standard output takes.
/// The file of this machine's key, from wherever a process of its own looks for it.
fn machine_key(global: &Global) -> Option<PathBuf> {
    let named = global.machine_key.as_ref()?;
    let here = std::env::current_dir();
    Some(here.map_or_else(|_| named.clone(), |here| here.join(named)))
}

fn style(global: &Global, environment: &dyn Environment) -> Style {
    let variable = |name: &str| environment.text(name);
    let terminal = io::stdout().is_terminal();
    let color = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && variable("NO_COLOR").is_none() && !is_dumb(environment),
    };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable)
        .unwrap_or_default();
    let unicode = locale.to_ascii_uppercase().contains("UTF-8")
        || locale.to_ascii_uppercase().contains("UTF8");
    let columns = if terminal {
        identity::terminal_size().0
    } else {
        0
    };
    Style::new(color, columns, unicode)
}

/// Whether what happens is shown in place: to somebody at a terminal that can, and not in a build, whose log keeps every
/// line.
fn is_live(global: &Global, environment: &dyn Environment) -> bool {
    let builds = environment.text("CI").is_some_and(|it| it != "false");
    let shown = global.format == Format::Human && !global.quiet;
    shown && io::stdout().is_terminal() && !builds && !is_dumb(environment)
}

/// Whether the terminal cannot move its cursor.
fn is_dumb(environment: &dyn Environment) -> bool {
    environment.text("TERM").is_some_and(|it| it == "dumb")
}

/// The repository's root and the policy's path in it.
fn repository(global: &Global) -> Result<(PathBuf, String)> {
    let here = std::env::current_dir()
        .map_err(|error| Refusal::invalid(format!("the current folder cannot be used: {error}")))?;
    if let Some(named) = &global.policy {
        let full = here.join(named);
        // The file itself may be missing: reading it says so, and an armed window does without it.
        let root = full
            .parent()
            .filter(|folder| folder.is_dir())
            .map(Path::to_owned);
        let name = full
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        return match (root, name) {
            (Some(root), Some(name)) => {
                refuse_nested(&root, &name)?;
                Ok((root, name))
            }
            _ => Err(
                Refusal::invalid(format!("there is no policy {}", named.display()))
                    .help("relgate init")
                    .into(),
            ),
        };
    }
    let root_of = |folder: &Path| {
        let mut above = folder.ancestors();
        let root = above.find(|it| it.join(POLICY).is_file());
        root.unwrap_or(folder).to_owned()
    };
    let root = root_of(&here);
    refuse_nested(&root, POLICY)?;
    // The way that the shell took here, through links, may lead through the releases of another repository.
    let way = std::env::var_os("PWD").map(PathBuf::from);
    if let Some(way) =
        way.filter(|it| it.is_absolute() && it.canonicalize().ok() == here.canonicalize().ok())
    {
        refuse_nested(&root_of(&way), POLICY)?;
    }
    Ok((root, POLICY.to_owned()))
}

/// Nothing is decided by a policy that lies among the releases of another one: whoever edits a release would write it.
///
/// # Errors
/// Invalid, with the policy that decides.
fn refuse_nested(root: &Path, name: &str) -> Result<()> {
    let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    if root.join(name).symlink_metadata().is_err() {
        return Ok(());
    }
    let mut folders = [root, real.as_path()].into_iter();
    let Some(outer) = folders.find_map(|it| repository::around(it, POLICY, RELEASES)) else {
        return Ok(());
    };
    let message = format!(
        "the policy {} lies among the releases of {}, and decides nothing",
        root.join(name).display(),
        outer.join(POLICY).display()
    );
    let outer = quote::word(&outer.display().to_string());
    Err(Refusal::invalid(message)
        .help(format!(
            "cd {outer}, and remove the policy from the release"
        ))
        .into())
}
