//! A simulated world: processes that take turns on one simulated clock, over a store in memory, with a team's files, probes
//! that answer by script, and steps that take their time. Everything in it is the same every time.
//!
//! Each process is a thread; one runs at a time, until it waits, and the one that wakes first goes on. So a day passes in
//! milliseconds, and a process can be killed or stopped at any of its steps.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use relgate::app::ledger::Ledgers;
use relgate::app::policy_text::PolicyText;
use relgate::app::project::{self, Release};
use relgate::app::{World, rollback};
use relgate::domain::clock::{BootId, Reading};
use relgate::domain::decide::Actor;
use relgate::domain::history::History;
use relgate::domain::ids::{Digest, ReleaseName};
use relgate::domain::probe::files::FileUse;
use relgate::domain::probe::judge::{Attempt, Sample, Verdict};
use relgate::domain::record::Record;
use relgate::domain::record::body::StepOutcome;
use relgate::domain::signature::sshsig::Hash;
use relgate::domain::variables::{NotText, Ready};
use relgate::domain::writer::Writer;
use relgate::effects::store::memory::{Memory, MemoryStore};
use relgate::ports::{
    Acquired, AppendError, Appended, Asked, Batch, Clock, Command, CommandEnd, Environment,
    FileError, Files, Hashes, Holder, InheritedLock, Lease, LeaseName, Leases, Limits, Onlooker,
    OutputFile, Prober, ProcessGroup, Proposal, Reader, Records, Runner, StoreError, Tenure,
    Unsealed, nobody,
};

/// The policy's file.
pub const POLICY: &str = "relgate.yaml";

/// The simulation's first moment.
const BEGIN: &str = "2026-11-20T18:00:00Z";
/// Nothing takes longer than this, in milliseconds.
const LONGEST: u64 = 3 * 86_400_000;
/// How long a process takes to start, in milliseconds.
const START: u64 = 40;

pub fn release() -> ReleaseName {
    ReleaseName::new("2.0.0").expect("a name")
}

pub fn boot(id: &str) -> BootId {
    BootId {
        id: id.to_owned(),
        time_namespace: String::new(),
        time_offset: None,
    }
}

pub fn writer(host: &str, pid: u32) -> Writer {
    Writer {
        host: host.to_owned(),
        boot: boot(host),
        pid,
    }
}

/// A payload that ends a simulated process.
struct Killed;

/// The simulated world; a clone is the same one.
#[derive(Clone)]
pub struct Sim(Arc<Inner>);

struct Inner {
    turns: Mutex<Turns>,
    turned: Condvar,
    memory: Memory,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    script: Mutex<Script>,
    onlooker: Arc<dyn Onlooker>,
}

/// How probes answer: by their id, the time, and the version that is live.
pub type Answers = dyn Fn(&str, u64, &str) -> Verdict + Send + Sync;

/// What the world outside does.
struct Script {
    live: String,
    answers: Arc<Answers>,
    /// How long a step takes, in milliseconds, and its exit codes, the last one for ever.
    step_ms: u64,
    exits: Vec<i32>,
    ran: Vec<Ran>,
    said: Vec<(u64, String)>,
}

/// A step that ran.
#[derive(Clone, Debug)]
pub struct Ran {
    pub group: u32,
    /// The process that ran it.
    pub owner: u32,
    pub from: u64,
    pub until: Option<u64>,
    /// Whether it was ended before its time.
    pub was_ended: bool,
    /// Whether its driver died before its end.
    pub is_orphan: bool,
    marks: Vec<String>,
    exit: i32,
}

#[derive(Default)]
struct Turns {
    now: u64,
    processes: BTreeMap<u32, Turn>,
    turn: Option<u32>,
    next_pid: u32,
    overran: bool,
    failures: Vec<String>,
    /// How many points were passed where a process may be killed.
    points: u32,
    /// The point at which the process that passes it is killed.
    kill_at: Option<u32>,
    killed: Vec<String>,
    begun: bool,
}

struct Turn {
    name: String,
    wake: u64,
    killed: bool,
    stopped: bool,
    wants_end: bool,
}

impl Sim {
    /// A team's repository in which version 1.0.0 is live; probes pass.
    pub fn new() -> Self {
        let script = Script {
            live: "1.0.0".to_owned(),
            answers: Arc::new(|id, _, live| match id {
                "version-live" if live != "2.0.0" => Verdict::Fail,
                "previous-live" if live != "1.0.0" => Verdict::Fail,
                _ => Verdict::Pass,
            }),
            step_ms: 1_500,
            exits: vec![0],
            ran: Vec::new(),
            said: Vec::new(),
        };
        let notes = include_str!("../cli/team/release-notes.md");
        let notes = notes.replace("DEPLOY_AT", "2026-11-20T18:30:00Z");
        let policy = include_str!("../cli/team/relgate.yaml");
        let policy = policy.replace("window: 2s", "window: 5m");
        let checklist = include_str!("../cli/team/standard.yaml");
        let files = [
            (POLICY, policy.as_str()),
            (".relgate/checklists/standard.yaml", checklist),
            ("releases/2.0.0/release-notes.md", &notes),
            ("releases/2.0.0/checklist.yaml", "extends: standard\n"),
            ("back.sh", "#!/bin/sh\n"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        Self(Arc::new(Inner {
            turns: Mutex::new(Turns {
                next_pid: 100,
                ..Turns::default()
            }),
            turned: Condvar::new(),
            memory: Memory::new(),
            files: Mutex::new(files.into()),
            script: Mutex::new(script),
            onlooker: nobody(),
        }))
    }

    pub fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// Probes answer like this from now on.
    pub fn answer(&self, answers: impl Fn(&str, u64, &str) -> Verdict + Send + Sync + 'static) {
        self.script().answers = Arc::new(answers);
    }

    /// Every step takes so long, and ends with these codes in turn, the last one for ever.
    pub fn steps(&self, step_ms: u64, exits: &[i32]) {
        let mut script = self.script();
        (script.step_ms, script.exits) = (step_ms, exits.to_vec());
    }

    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let mut files = lock(&self.0.files);
        let text = String::from_utf8(files[path].clone()).expect("text");
        assert!(text.contains(from), "{path} has no {from:?}");
        files.insert(path.to_owned(), text.replacen(from, to, 1).into_bytes());
    }

    pub fn set_live(&self, version: &str) {
        self.script().live = version.to_owned();
    }

    pub fn live(&self) -> String {
        self.script().live.clone()
    }

    /// The process that passes this point is killed there.
    pub fn kill_at(&self, point: u32) {
        lock(&self.0.turns).kill_at = Some(point);
    }

    /// The names of those that were killed.
    pub fn killed(&self) -> Vec<String> {
        lock(&self.0.turns).killed.clone()
    }

    pub fn ran(&self) -> Vec<Ran> {
        self.script().ran.clone()
    }

    /// What processes said, with the time.
    pub fn said(&self) -> Vec<(u64, String)> {
        self.script().said.clone()
    }

    /// The records, folded.
    pub fn history(&self) -> History {
        let mut history = History::new(release());
        history.extend(self.0.memory.records(&release()));
        assert_eq!(history.anomalies(), []);
        history
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.0.script)
    }

    /// Adds a process that begins in so many milliseconds. Returns its id.
    pub fn spawn(
        &self,
        name: &str,
        delay: u64,
        work: impl FnOnce(&Process) + Send + 'static,
    ) -> u32 {
        let pid = {
            let mut turns = lock(&self.0.turns);
            turns.next_pid += 1;
            let pid = turns.next_pid;
            let turn = Turn {
                name: name.to_owned(),
                wake: turns.now + delay,
                killed: false,
                stopped: false,
                wants_end: false,
            };
            turns.processes.insert(pid, turn);
            pid
        };
        let process = Process {
            sim: self.clone(),
            writer: writer("host", pid),
            policy: PolicyText::default(),
        };
        std::thread::spawn(move || process.live(work));
        pid
    }

    /// Runs everything to its end.
    #[track_caller]
    pub fn run(&self) {
        let mut turns = lock(&self.0.turns);
        turns.begun = true;
        self.next(&mut turns);
        while !turns.processes.is_empty() {
            let waited = self.0.turned.wait_timeout(turns, Duration::from_secs(20));
            let (held, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            turns = held;
            if timeout.timed_out() {
                let stuck: Vec<_> = turns.processes.values().map(|it| &it.name).collect();
                panic!("nobody goes on: {stuck:?}");
            }
            if turns.turn.is_none() {
                // Those that are left were stopped for good.
                turns.processes.retain(|_, it| !it.stopped);
            }
        }
        turns.begun = false;
        assert!(turns.failures.is_empty(), "{:?}", turns.failures);
        assert!(!turns.overran, "it does not end");
    }

    /// Kills a process.
    pub fn kill(&self, pid: u32) {
        self.0.memory.end(&writer("host", pid));
        let mut turns = lock(&self.0.turns);
        let now = turns.now;
        if let Some(turn) = turns.processes.get_mut(&pid) {
            (turn.killed, turn.stopped, turn.wake) = (true, false, now);
        }
    }

    /// Stops a process (`SIGSTOP`).
    pub fn stop(&self, pid: u32) {
        if let Some(turn) = lock(&self.0.turns).processes.get_mut(&pid) {
            turn.stopped = true;
        }
    }

    /// Asks a process to end (`SIGTERM`).
    pub fn end(&self, pid: u32) {
        if let Some(turn) = lock(&self.0.turns).processes.get_mut(&pid) {
            turn.wants_end = true;
        }
    }

    /// Gives the turn to the process that wakes first.
    fn next(&self, turns: &mut Turns) {
        let ready = turns.processes.iter().filter(|(_, it)| !it.stopped);
        let first = ready.map(|(pid, it)| (it.wake, *pid)).min();
        turns.turn = first.map(|(_, pid)| pid);
        if let Some((wake, _)) = first {
            turns.now = turns.now.max(wake);
            if turns.now > LONGEST {
                turns.overran = true;
                for turn in turns.processes.values_mut() {
                    turn.killed = true;
                }
            }
            self.end_orphans(turns.now);
        }
        self.0.turned.notify_all();
    }

    /// Steps whose driver died end in their time.
    fn end_orphans(&self, now: u64) {
        let mut script = self.script();
        let takes = script.step_ms;
        let mut did_end = false;
        for ran in script
            .ran
            .iter_mut()
            .filter(|it| it.is_orphan && it.until.is_none())
        {
            if now >= ran.from + takes {
                ran.until = Some(ran.from + takes);
                did_end |= ran.exit == 0;
            }
        }
        if did_end {
            script.live = "1.0.0".to_owned();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A simulated process.
pub struct Process {
    pub sim: Sim,
    writer: Writer,
    policy: PolicyText,
}

impl Process {
    fn live(self, work: impl FnOnce(&Self)) {
        self.await_turn();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            self.unless_killed();
            work(&self);
        }));
        self.sim.0.memory.end(&self.writer);
        for ran in self.sim.script().ran.iter_mut() {
            // A step that this process ran goes on without it.
            ran.is_orphan |= ran.until.is_none() && ran.owner == self.writer.pid;
        }
        let mut turns = lock(&self.sim.0.turns);
        let name = turns.processes.remove(&self.writer.pid).map(|it| it.name);
        if let Err(payload) = ended
            && !payload.is::<Killed>()
        {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            turns.failures.push(format!("{name:?}: {text:?}"));
        }
        self.sim.next(&mut turns);
    }

    fn await_turn(&self) {
        let mut turns = lock(&self.sim.0.turns);
        while !(turns.begun && turns.turn == Some(self.writer.pid)) {
            let waited = self.sim.0.turned.wait(turns);
            turns = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn unless_killed(&self) {
        let killed = {
            let turns = lock(&self.sim.0.turns);
            turns
                .processes
                .get(&self.writer.pid)
                .is_some_and(|it| it.killed)
        };
        if killed && !std::thread::panicking() {
            resume_unwind(Box::new(Killed));
        }
    }

    /// A place where a process may be killed: before or after something that others see.
    fn point(&self) {
        self.unless_killed();
        let dies = {
            let mut turns = lock(&self.sim.0.turns);
            let point = turns.points;
            turns.points += 1;
            let name = turns
                .processes
                .get(&self.writer.pid)
                .map(|it| it.name.clone());
            let is_mortal = name.as_deref().is_some_and(|it| it != "team");
            let dies = turns.kill_at == Some(point) && is_mortal;
            if dies {
                turns.killed.extend(name);
            }
            dies
        };
        if dies {
            self.sim.kill(self.writer.pid);
            self.unless_killed();
        }
    }

    /// Milliseconds since the beginning.
    pub fn time(&self) -> u64 {
        lock(&self.sim.0.turns).now
    }

    pub fn sleep(&self, ms: u64) {
        self.wait(Duration::from_millis(ms));
    }

    pub fn say(&self, text: impl Into<String>) {
        let now = self.time();
        self.sim.script().said.push((now, text.into()));
    }

    /// Calls `work` with the world that use cases act in.
    pub fn with_world<T>(&self, work: impl FnOnce(&World<'_>) -> T) -> T {
        let store = MemoryStore::new(&self.sim.0.memory, self, self.writer.clone());
        let mortal = Mortal {
            process: self,
            store: &store,
        };
        let ledgers = Ledgers::new((&mortal, &store), &Unsealed, self.writer.clone());
        let stop = || {
            let turns = lock(&self.sim.0.turns);
            turns
                .processes
                .get(&self.writer.pid)
                .is_some_and(|it| it.wants_end)
        };
        work(&World {
            clock: self,
            prober: self,
            onlooker: &self.sim.0.onlooker,
            runner: self,
            environment: self,
            files: self,
            ledgers: &ledgers,
            leases: &mortal,
            presence: &store,
            policy: &self.policy,
            seal: &Unsealed,
            is_concurrent: false,
            stop: &stop,
            relgate: &[],
        })
    }

    pub fn release(&self, world: &World<'_>) -> Release {
        project::load(world, POLICY, &release())
            .unwrap_or_else(|error| panic!("{}", project::first(&error)))
    }
}

/// A person of the team, in their only or first role.
pub fn actor(person: &str) -> Actor {
    Actor {
        person: person.parse().expect("a name"),
        role: None,
    }
}

/// The store, with points where this process may be killed.
struct Mortal<'a> {
    process: &'a Process,
    store: &'a MemoryStore<'a>,
}

struct MortalReader<'a> {
    process: &'a Process,
    reader: Box<dyn Reader + Send + 'a>,
}

impl Records for Mortal<'_> {
    fn reader(&self, release: &ReleaseName) -> Box<dyn Reader + Send + '_> {
        Box::new(MortalReader {
            process: self.process,
            reader: self.store.reader(release),
        })
    }

    fn now(&self) -> Result<Reading, StoreError> {
        self.store.now()
    }

    fn stored(
        &self,
        release: &ReleaseName,
    ) -> Result<Vec<relgate::domain::audit::File>, StoreError> {
        self.store.stored(release)
    }

    fn identity(&self, release: &ReleaseName) -> String {
        self.store.identity(release)
    }

    fn place(&self, release: &ReleaseName) -> String {
        self.store.place(release)
    }
}

impl Reader for MortalReader<'_> {
    fn read_since(&mut self) -> Result<Batch, StoreError> {
        self.reader.read_since()
    }

    fn append_if_heads(
        &mut self,
        proposal: &Proposal<'_>,
        still: &mut dyn FnMut() -> Result<(), relgate::domain::refusal::Refusal>,
    ) -> Result<Appended, AppendError> {
        self.process.point();
        let appended = self.reader.append_if_heads(proposal, still)?;
        self.process.point();
        Ok(appended)
    }
}

impl Leases for Mortal<'_> {
    fn acquire(&self, name: &LeaseName) -> Result<Acquired, StoreError> {
        let acquired = self.store.acquire(name)?;
        self.process.point();
        Ok(acquired)
    }

    fn still_held(&self, lease: &Lease) -> Result<Tenure, StoreError> {
        self.store.still_held(lease)
    }

    fn holder(&self, name: &LeaseName) -> Result<Option<Holder>, StoreError> {
        Leases::holder(self.store, name)
    }

    fn release(&self, lease: &Lease) {
        self.store.release(lease);
    }
}

impl Clock for Process {
    fn now(&self) -> Reading {
        let now = self.time();
        let begin: DateTime<Utc> = BEGIN.parse().expect("a time");
        Reading {
            wall: begin + TimeDelta::milliseconds(i64::try_from(now).expect("a short time")),
            boot_ms: 1_000_000 + now,
            boot: self.writer.boot.clone(),
        }
    }

    fn wait(&self, time: Duration) {
        self.unless_killed();
        {
            let mut turns = lock(&self.sim.0.turns);
            let wake = turns.now
                + u64::try_from(time.as_millis())
                    .expect("a short time")
                    .max(1);
            if let Some(turn) = turns.processes.get_mut(&self.writer.pid) {
                turn.wake = wake;
            }
            self.sim.next(&mut turns);
        }
        self.await_turn();
        self.unless_killed();
    }
}

impl Prober for Process {
    fn sample_until(
        &self,
        probes: &[Ready],
        _: Limits,
        _: &(dyn Fn() -> bool + Sync),
        _: &Arc<dyn Onlooker>,
    ) -> Asked {
        let (answers, live) = {
            let script = self.sim.script();
            (Arc::clone(&script.answers), script.live.clone())
        };
        let now = self.time();
        let samples = probes.iter().map(|ready| {
            let probe = ready.probe().id.clone();
            let verdict = answers(probe.as_str(), now, &live);
            Sample {
                attempts: vec![Attempt::troubled(verdict, "by script", 1)],
                probe,
                verdict,
                repeat: None,
            }
        });
        Asked {
            samples: samples.collect(),
            ..Asked::default()
        }
    }

    fn can_use(&self, _: &str, _: FileUse) -> Result<(), String> {
        Ok(())
    }
}

/// A lock that has an open file and nothing else.
#[derive(Debug)]
struct Open(File);

impl InheritedLock for Open {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Process {
    /// Ends the steps that are meant. Returns whether one ran.
    fn end_steps(&self, is_meant: impl Fn(&Ran) -> bool) -> bool {
        let now = self.time();
        let mut ended = false;
        for ran in self.sim.script().ran.iter_mut() {
            if ran.until.is_none() && is_meant(ran) {
                (ran.until, ran.was_ended, ended) = (Some(now), true, true);
            }
        }
        ended
    }
}

impl Runner for Process {
    fn run(
        &self,
        command: &Command,
        started: &mut dyn FnMut(&ProcessGroup),
        _: &mut dyn FnMut(&[u8]),
    ) -> CommandEnd {
        self.point();
        let (group, takes) = {
            let group = {
                let mut turns = lock(&self.sim.0.turns);
                turns.next_pid += 1;
                turns.next_pid
            };
            let mut script = self.sim.script();
            let place = script.ran.len().min(script.exits.len() - 1);
            let ran = Ran {
                group,
                owner: self.writer.pid,
                from: lock(&self.sim.0.turns).now,
                until: None,
                was_ended: false,
                is_orphan: false,
                marks: command.marks.clone(),
                exit: script.exits[place],
            };
            script.ran.push(ran);
            (group, script.step_ms)
        };
        started(&ProcessGroup {
            pid: group,
            started: group.to_string(),
        });
        let from = self.time();
        let own = |script: &Script| {
            let ran = script.ran.iter().find(|it| it.group == group);
            ran.cloned().expect("it ran")
        };
        while self.time() < from + takes && own(&self.sim.script()).until.is_none() {
            let left = from + takes - self.time();
            self.sleep(left.min(100));
        }
        let outcome = {
            let now = self.time();
            let mut script = self.sim.script();
            let ran = own(&script);
            match ran.was_ended {
                true => StepOutcome::Signalled { signal: 15 },
                false => {
                    if ran.exit == 0 {
                        script.live = "1.0.0".to_owned();
                    }
                    let mut all = script.ran.iter_mut();
                    if let Some(ran) = all.find(|it| it.group == group) {
                        ran.until = Some(now);
                    }
                    StepOutcome::Exited { code: ran.exit }
                }
            }
        };
        self.point();
        CommandEnd {
            outcome,
            took_ms: self.time() - from,
            tail: String::new(),
            output_bytes: 0,
            output_digest: Digest::of(b""),
        }
    }

    fn detach(&self, _: &[OsString], _: &Path, _: &OutputFile) -> Result<ProcessGroup, String> {
        self.point();
        let pid = self.sim.spawn("driver", START, drive);
        self.point();
        Ok(ProcessGroup {
            pid,
            started: pid.to_string(),
        })
    }

    fn is_running(&self, process: &ProcessGroup) -> bool {
        let lives = lock(&self.sim.0.turns).processes.contains_key(&process.pid);
        let mut script = self.sim.script();
        let mut ran = script.ran.iter_mut();
        lives || ran.any(|it| it.group == process.pid && it.until.is_none())
    }

    fn end(&self, group: &ProcessGroup) -> bool {
        self.end_steps(|ran| ran.group == group.pid)
    }

    fn end_marked(&self, is_meant: &dyn Fn(&str) -> bool) -> bool {
        self.end_steps(|ran| ran.marks.iter().any(|it| is_meant(it)))
    }

    fn is_stopped(&self, process: i32) -> bool {
        let turns = lock(&self.sim.0.turns);
        let pid = u32::try_from(process).expect("a process");
        turns.processes.get(&pid).is_some_and(|it| it.stopped)
    }

    fn resume(&self, process: i32) -> bool {
        let mut turns = lock(&self.sim.0.turns);
        let pid = u32::try_from(process).expect("a process");
        let turn = turns.processes.get_mut(&pid);
        turn.is_some_and(|it| std::mem::take(&mut it.stopped))
    }

    fn can_log(&self, _: &OutputFile) -> Result<(), String> {
        Ok(())
    }

    fn output(&self, _: &OutputFile, _: u64) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn output_place(&self, file: &OutputFile) -> String {
        file.name.clone()
    }

    fn step_lock(&self, _: &ReleaseName, _: &Record) -> io::Result<Option<Arc<dyn InheritedLock>>> {
        let is_running = self.sim.script().ran.iter().any(|it| it.until.is_none());
        match is_running {
            true => Ok(None),
            false => Ok(Some(Arc::new(Open(File::open("/dev/null")?)))),
        }
    }

    fn can_run(&self, _: &str, _: &Path) -> Result<(), String> {
        Ok(())
    }
}

/// What the process does that drives a rollback.
pub fn drive(process: &Process) {
    process.with_world(|world| {
        let loaded = project::load_armed(world, POLICY, &release());
        if let Ok(release) = loaded {
            // The next driver goes on where this one could not.
            let _ = rollback::drive(world, &release);
        }
    });
}

impl Environment for Process {
    fn variable(&self, _: &str) -> Result<Option<String>, NotText> {
        Ok(None)
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("there is no {path}"))
    }
}

impl Files for Process {
    fn root(&self) -> &Path {
        Path::new("/simulated")
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        Ok(lock(&self.sim.0.files).get(path).cloned())
    }

    fn hashes(&self, path: &str, _: Hash) -> Result<Option<Hashes>, FileError> {
        let hashes = |bytes: Vec<u8>| Hashes {
            sha256: Digest::of(&bytes),
            signed: Vec::new(),
        };
        Ok(self.read(path)?.map(hashes))
    }

    fn folders(&self, path: &str) -> Result<Vec<String>, FileError> {
        Ok(self.names(path, true))
    }

    fn files(&self, path: &str) -> Result<Vec<String>, FileError> {
        Ok(self.names(path, false))
    }

    fn create(&self, files: &[(String, String)]) -> Result<(), FileError> {
        let mut all = lock(&self.sim.0.files);
        for (path, text) in files {
            all.insert(path.clone(), text.clone().into_bytes());
        }
        Ok(())
    }
}

impl Process {
    fn names(&self, folder: &str, folders: bool) -> Vec<String> {
        let files = lock(&self.sim.0.files);
        let inside = files
            .keys()
            .filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
        let named = inside.filter_map(|rest| match (rest.split_once('/'), folders) {
            (Some((folder, _)), true) => Some(folder.to_owned()),
            (None, false) => Some(rest.to_owned()),
            _ => None,
        });
        std::collections::BTreeSet::from_iter(named)
            .into_iter()
            .collect()
    }
}
