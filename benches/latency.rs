//! From the deadline of a window to the first instruction of the rollback's command, beside `sleep 1 && command`, and
//! what an idle watcher costs: `cargo bench --bench latency`. Linux only.
//!
//! `RELGATE_BENCH_WINDOWS` is the number of windows (100), and a fifth of it with 10,000 open incidents; `RELGATE` is the
//! program, where it is not the one built with this. One window at a time: load would be measured as latency. This
//! program is the rollback's command too, and writes what the boot-time clock says when it begins. Between a deadline and
//! the command lies one durable write, the claim, which is timed by itself as well: `TMPDIR` chooses the disk.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use relgate::domain::clock::Reading;
use relgate::domain::decide::incident::{Trouble, open};
use relgate::domain::history::History;
use relgate::domain::ids::{Digest, ReleaseName};
use relgate::domain::policy::Policy;
use relgate::domain::record::body::{Checked, DeployDone, DeployStarted};
use relgate::domain::record::{Body, Draft, Record};
use relgate::domain::release::ReleaseNotes;
use relgate::effects::clock::SystemClock;
use relgate::ports::Clock;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// The open incidents of the crowded ledger.
const MANY: usize = 10_000;
/// How long an idle watcher is looked at, in seconds.
const IDLE: u64 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, file] = arguments.as_slice()
        && word == "instant"
    {
        let now = microseconds();
        fs::write(file, now.to_string()).expect("written");
        return;
    }
    let windows = std::env::var("RELGATE_BENCH_WINDOWS");
    let windows: usize = windows.map_or(100, |it| it.parse().expect("a number"));
    let one = Shop::new(1);
    let (mut relgate, mut sleep, mut disk) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..windows {
        relgate.push(one.window(1));
        sleep.push(one.sleep());
        disk.push(one.durable_write());
    }
    tell("deadline to command, 1 window", relgate);
    tell("sleep 1 && command", sleep);
    tell("one durable write on this disk", disk);
    one.idle();
    let many = Shop::new(MANY);
    let crowded = (0..windows.div_ceil(5)).map(|_| many.window(5)).collect();
    tell(&format!("deadline to command, {MANY} windows"), crowded);
    many.idle();
}

fn tell(what: &str, mut times: Vec<i64>) {
    times.sort_unstable();
    let at = |hundredths: usize| {
        let place = (times.len() * hundredths).div_ceil(100).max(1) - 1;
        f64::from(i32::try_from(times[place]).expect("less than half an hour")) / 1_000.0
    };
    println!(
        "{what:<36} p50 {:7.2} ms  p99 {:7.2} ms  most {:7.2} ms  ({} times)",
        at(50),
        at(99),
        at(100),
        times.len()
    );
}

/// Microseconds on the boot-time clock.
fn microseconds() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

/// A deployed release with so many open incidents, one of which is short.
struct Shop {
    folder: tempfile::TempDir,
    policy: Policy,
    notes: ReleaseNotes,
    /// The history without the short incident.
    history: History,
    /// The files of its records.
    names: HashSet<String>,
}

impl Shop {
    fn new(incidents: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let this = std::env::current_exe().expect("this program");
        let instant = folder.path().join("instant");
        let (policy, notes) = (
            policy(),
            notes(&[this.as_path(), "instant".as_ref(), &instant]),
        );
        fs::create_dir_all(folder.path().join("releases/1.0.0/ledger")).expect("folders");
        fs::write(folder.path().join("relgate.yaml"), policy.to_string()).expect("written");
        let file = folder.path().join("releases/1.0.0/release-notes.yaml");
        fs::write(file, notes.to_string()).expect("written");
        fs::write(
            folder.path().join("releases/1.0.0/checklist.yaml"),
            CHECKLIST,
        )
        .expect("written");
        let name = ReleaseName::new("1.0.0").expect("a name");
        let mut shop = Self {
            folder,
            policy: serde_json::from_value(policy).expect("a policy"),
            notes: serde_json::from_value(notes).expect("notes"),
            history: History::new(name),
            names: HashSet::new(),
        };
        let mut now = SystemClock.now();
        // Long before, so that no two records have one time.
        now.wall -= TimeDelta::hours(1);
        let stage: relgate::domain::ids::StageName = "production".parse().expect("a name");
        let digest = Digest::of(b"go");
        let checked = Checked {
            waived: Vec::new(),
            gate: None,
            phase: None,
            go: true,
            decided: true,
            unmet: Vec::new(),
            notes: digest,
            policy: digest,
            evidence: Vec::new(),
            repin: false,
        };
        shop.record(Body::Checked(checked), &now);
        let go = shop.history.records()[0].id;
        let started = DeployStarted {
            target: None,
            obligations: Vec::new(),
            stage: stage.clone(),
            go,
            anchor: None,
        };
        shop.record(Body::DeployStarted(started), &now);
        shop.record(Body::DeployDone(DeployDone { stage }), &now);
        for _ in 1..incidents {
            now.wall += TimeDelta::milliseconds(1);
            let opened = shop.opened("long", &now);
            shop.record(opened, &now);
        }
        assert_eq!(shop.history.anomalies(), []);
        shop
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("releases/1.0.0/ledger")
    }

    fn opened(&self, priority: &str, now: &Reading) -> Body {
        let trouble = Trouble {
            title: "Slow".to_owned(),
            stage: "production".parse().expect("a name"),
            priority: priority.parse().expect("a name"),
            trigger: None,
            probes: Vec::new(),
            failures: Vec::new(),
        };
        let opened = open(
            &self.policy,
            &self.notes,
            &self.history,
            &trouble,
            ("ana", now),
        );
        opened.expect("it is deployed").body
    }

    fn record(&mut self, body: Body, now: &Reading) {
        let record = self.next(body, now);
        fs::write(self.ledger().join(record.file_name()), record.bytes()).expect("written");
        self.names.insert(record.file_name());
        self.history.extend(vec![record]);
    }

    fn next(&self, body: Body, now: &Reading) -> Record {
        let by = "ana".to_owned();
        let heads = self.history.heads();
        Record::new(
            Draft { by, body },
            self.history.release(),
            heads,
            now.wall,
            "bench",
        )
    }

    fn watch(&self) -> Child {
        let relgate = std::env::var_os("RELGATE");
        let relgate = relgate.unwrap_or_else(|| env!("CARGO_BIN_EXE_relgate").into());
        let mut watch = Command::new(relgate);
        watch
            .args(["watch", "--quiet", "--release", "1.0.0"])
            .current_dir(self.folder.path());
        quiet(&mut watch).spawn().expect("it starts")
    }

    /// Opens a window of so many seconds and lets it expire. Returns the microseconds from its deadline to the first
    /// instruction of the rollback's command, and leaves the ledger as it was.
    fn window(&self, seconds: i64) -> i64 {
        let now = SystemClock.now();
        let record = self.next(self.opened(&format!("in-{seconds}"), &now), &now);
        fs::write(self.ledger().join(record.file_name()), record.bytes()).expect("written");
        let status = self.watch().wait().expect("it ends");
        assert_eq!(status.code(), Some(5), "not rolled back");
        let deadline = i64::try_from(now.boot_ms).expect("a time") * 1_000 + seconds * 1_000_000;
        let latency = self.instant() - deadline;
        for entry in fs::read_dir(self.ledger()).expect("a folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".json") && !self.names.contains(&name) {
                fs::remove_file(entry.path()).expect("removed");
            }
        }
        latency
    }

    /// The same for `sleep 1 && command`.
    fn sleep(&self) -> i64 {
        let this = std::env::current_exe().expect("this program");
        let deadline = microseconds() + 1_000_000;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "sleep 1 && exec \"$0\" instant \"$1\""])
            .arg(this)
            .arg(self.folder.path().join("instant"));
        assert!(quiet(&mut shell).status().expect("it runs").success());
        self.instant() - deadline
    }

    /// Microseconds for what a claim costs at least: a file of its size, synced, linked, and its folder synced.
    fn durable_write(&self) -> i64 {
        let (begun, written) = (self.folder.path().join("new"), self.ledger().join("new"));
        let before = microseconds();
        let mut file = fs::File::create(&begun).expect("made");
        file.write_all(&[b'x'; 2_000]).expect("written");
        file.sync_all().expect("synced");
        fs::hard_link(&begun, &written).expect("linked");
        let folder = fs::File::open(self.ledger()).expect("a folder");
        folder.sync_all().expect("synced");
        let took = microseconds() - before;
        fs::remove_file(begun).expect("removed");
        fs::remove_file(written).expect("removed");
        took
    }

    fn instant(&self) -> i64 {
        let file = self.folder.path().join("instant");
        let text = fs::read_to_string(&file).expect("the command ran");
        fs::remove_file(file).expect("removed");
        text.parse().expect("a time")
    }

    /// What a watcher costs while its windows are far from their end.
    fn idle(&self) {
        let now = SystemClock.now();
        let record = self.next(self.opened("long", &now), &now);
        let file = self.ledger().join(record.file_name());
        fs::write(&file, record.bytes()).expect("written");
        let mut watch = self.watch();
        std::thread::sleep(Duration::from_secs(3));
        let before = switches(watch.id());
        std::thread::sleep(Duration::from_secs(IDLE));
        let wakes = (switches(watch.id()) - before) * 60 / IDLE;
        let status = fs::read_to_string(format!("/proc/{}/status", watch.id())).expect("it lives");
        let line = |name: &str| {
            let line = status.lines().find(|it| it.starts_with(name));
            line.unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let times = fs::read_to_string(format!("/proc/{}/stat", watch.id())).expect("it lives");
        let ticks: Vec<&str> = times.split_whitespace().skip(13).take(2).collect();
        watch.kill().expect("it lives");
        watch.wait().expect("it ends");
        fs::remove_file(file).expect("removed");
        println!(
            "idle watcher, {} open: {}, {}, {wakes} wake-ups a minute, CPU ticks {}",
            self.history.records().len() - 1,
            line("VmRSS"),
            line("VmHWM"),
            ticks.join("+")
        );
        std::io::stdout().flush().expect("flushed");
    }
}

/// How often the threads of a process went to sleep by themselves.
fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let of = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let line = status.lines().find(|it| it.starts_with("voluntary"))?;
        line.split_whitespace().last()?.parse::<u64>().ok()
    };
    tasks.flatten().filter_map(of).sum()
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

const CHECKLIST: &str = "gates:\n  - id: dev\n    title: Development\n    phase: pre-release\n    role: dev\n    items: [{ id: merged, title: It is merged, optional: false }]\n";

fn policy() -> Value {
    json!({
        "version": 1,
        "people": { "ana": { "roles": ["dev"] } },
        "roles": { "dev": {} },
        "priorities": {
            "in-1": { "window": "1s" }, "in-5": { "window": "5s" }, "long": { "window": "1d" },
        },
        "default_priority": "long",
    })
}

fn notes(argv: &[&Path]) -> Value {
    let argv: Vec<String> = argv.iter().map(|it| it.display().to_string()).collect();
    let green =
        |id: &str| json!({ "id": id, "command": { "argv": ["true"], "expect": { "exit": 0 } } });
    json!({
        "release": "1.0.0", "type": "minor", "reason": "To be timed", "team": "Team", "summary": "Timed",
        "changes": ["One"], "deploy_at": "2026-01-01T00:00:00Z", "known_issues": [], "expected": ["Nothing else"],
        "previous": "0.9.0",
        "deployment": { "strategy": "rolling", "checklist": [{ "id": "there", "title": "It is there" }] },
        "verification": { "probes": [green("up")] },
        "rollback": {
            "plan": [{ "id": "back", "kind": "code", "argv": argv }],
            "target_probe": green("old"), "verify": [green("old-up")],
        },
    })
}
