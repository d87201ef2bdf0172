//! What the tests of the decisions share: a policy, release notes, and a site: a history with clocks that the test
//! moves.

use chrono::{DateTime, TimeDelta};

use super::clock::{BootId, Reading};
use super::decide::Actor;
use super::history::History;
use super::ids::{PersonName, ReleaseName, RoleName, StageName};
use super::policy::Policy;
use super::probe::judge::{Attempt, Sample, Verdict};
use super::record::{Draft, Record};
use super::refusal::Refusal;
use super::release::ReleaseNotes;

/// Reads what serde reads.
pub fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("a valid value")
}

/// Five people. Ana decides, bea and ben are QA, cy develops, dee does both.
pub fn policy() -> Policy {
    from_json(serde_json::json!({
        "version": 1,
        "roles": {"manager": {}, "qa": {}, "dev": {}},
        "people": {
            "ana": {"roles": ["manager"]}, "bea": {"roles": ["qa"]}, "ben": {"roles": ["qa"]},
            "cy": {"roles": ["dev"]}, "dee": {"roles": ["dev", "qa"]},
        },
        "priorities": {
            "critical": {"window": "5m"}, "lower": {"window": "30m"}, "at-once": {"window": "0s"},
            "ask": {"window": "10m", "on_expiry": "decide"}, "note": {"window": "1h", "on_expiry": "none"},
        },
        "default_priority": "lower",
        "triggers": {"data-loss": {"priority": "critical"}},
        "authority": {
            "deploy": ["manager", "dev"], "verify": ["qa", "dev"], "escalate": ["manager", "qa"],
            "resolve": ["manager", "qa"], "rollback": ["manager"], "close": ["manager"],
        },
        "follow_up": [
            {"after": "rollback", "title": "root cause", "role": "dev", "due": "48h"},
            {"after": "rollback", "title": "post-mortem", "role": "manager", "due": "48h"},
            {"after": "incident", "title": "review", "role": "qa", "due": "24h"},
        ],
    }))
}

/// Notes of a release in two stages, with three probes and two attempts at its rollback.
pub fn notes() -> ReleaseNotes {
    let probe = |id: &str| serde_json::json!({"id": id, "tcp": {"address": "x:1"}});
    from_json(serde_json::json!({
        "release": "2.4.0", "type": "minor", "reason": "schedule", "team": "shop", "summary": "s", "changes": ["c"],
        "deploy_at": "2026-11-20T18:00:00Z", "known_issues": [], "expected": ["e"], "previous": "2.3.9",
        "deployment": {
            "strategy": "rolling", "stages": [{"id": "north"}, {"id": "south"}],
            "checklist": [
                {"id": "config", "title": "configured", "optional": false},
                {"id": "docs", "title": "documented"},
                {"id": "up", "title": "up", "probe": probe("up")},
            ],
        },
        "verification": {"probes": [
            probe("home"), probe("cart"),
            {"id": "pay", "tcp": {"address": "x:1"}, "trigger": "data-loss"},
        ]},
        "rollback": {
            "attempts": 2, "plan": [{"id": "back", "kind": "code", "argv": ["x"]}],
            "verify": [probe("back-up")], "target_probe": probe("target"),
        },
    }))
}

/// A person, as the roles that the policy gives.
pub fn actor(person: &str) -> Actor {
    Actor {
        person: PersonName::new(person).expect("a name"),
        role: None,
    }
}

/// A person, as one role.
pub fn acting(person: &str, role: &str) -> Actor {
    Actor {
        role: Some(RoleName::new(role).expect("a name")),
        ..actor(person)
    }
}

/// The first stage.
pub fn north() -> StageName {
    StageName::new("north").expect("a name")
}

/// A sample of one attempt.
pub fn sample(probe: &str, verdict: Verdict) -> Sample {
    Sample {
        probe: probe.parse().expect("a name"),
        verdict,
        attempts: vec![Attempt {
            verdict,
            assertions: Vec::new(),
            trouble: Some(format!("it came to {}", verdict.word())),
            took_ms: 1,
            phases: None,
            measured: None,
        }],
        repeat: None,
    }
}

/// A moment on 20 November 2026, the day of the deployment at 18:00.
pub fn at(time: &str) -> DateTime<chrono::Utc> {
    format!("2026-11-20T{time}Z").parse().expect("a time")
}

/// What cy wants recorded, as it stands in a record.
pub fn drafted(kind: &str, body: &serde_json::Value) -> Draft {
    let record = serde_json::json!({
        "version": 1, "release": "2.4.0", "parents": [], "at": "2026-11-20T18:00:00.000Z",
        "by": "cy", "host": "site", "kind": kind, "body": body,
    });
    let record = Record::from_bytes(record.to_string().as_bytes()).expect("a record");
    Draft {
        by: record.by,
        body: record.body,
    }
}

/// A check that said go for the deployment, or in a phase.
pub fn go(phase: Option<&str>) -> Draft {
    let digest = super::ids::Digest::of(b"");
    let mut checked = serde_json::json!({
        "go": true, "decided": true, "unmet": [], "notes": digest, "policy": digest,
    });
    if let Some(phase) = phase {
        checked["phase"] = phase.into();
    }
    drafted("checked", &checked)
}

/// A clone of the repository on a host of its own: a history, and clocks.
#[derive(Clone, Debug)]
pub struct Site {
    pub history: History,
    pub host: String,
    pub wall: DateTime<chrono::Utc>,
    pub boot: u32,
    pub boot_ms: u64,
    /// The time that has really passed.
    pub passed_ms: u64,
}

impl Site {
    pub fn new(host: &str) -> Self {
        Self {
            history: History::new(ReleaseName::new("2.4.0").expect("a name")),
            host: host.to_owned(),
            wall: at("18:00:00"),
            boot: 0,
            boot_ms: 1_000_000,
            passed_ms: 0,
        }
    }

    /// One on which both stages are deployed.
    pub fn deployed() -> Self {
        Self::deployed_in(&["north", "south"])
    }

    /// One on which these stages are deployed, in this order.
    pub fn deployed_in(stages: &[&str]) -> Self {
        let mut site = Self::new("site");
        let go = site.record(go(None)).id;
        for stage in stages {
            let started = serde_json::json!({"stage": stage, "go": go});
            site.record(drafted("deploy-started", &started));
            site.record(drafted("deploy-done", &serde_json::json!({"stage": stage})));
        }
        site
    }

    pub fn now(&self) -> Reading {
        Reading {
            wall: self.wall,
            boot_ms: self.boot_ms,
            boot: BootId {
                id: format!("{}-{}", self.host, self.boot),
                time_namespace: String::new(),
                time_offset: None,
            },
        }
    }

    pub fn tick(&mut self, ms: u64) {
        self.passed_ms += ms;
        self.boot_ms += ms;
        self.wall += TimeDelta::milliseconds(i64::try_from(ms).expect("a short time"));
    }

    pub fn jump(&mut self, ms: i64) {
        self.wall += TimeDelta::milliseconds(ms);
    }

    /// Down for `ms`, and up on another boot.
    pub fn reboot(&mut self, ms: u64) {
        self.tick(ms);
        self.boot += 1;
        self.boot_ms = 1_000;
    }

    /// Appends what was decided, which must be legal after everything that is known.
    pub fn record(&mut self, draft: Draft) -> Record {
        let heads = self.history.heads();
        let record = Record::new(draft, self.history.release(), heads, self.wall, &self.host);
        self.history
            .admits(std::slice::from_ref(&record))
            .expect("a decision is legal in the state that it was made in");
        self.history.extend(vec![record.clone()]);
        record
    }

    /// Appends what was decided, if it was not refused.
    pub fn try_record(&mut self, decided: Result<Draft, Refusal>) -> Result<Record, Refusal> {
        decided.map(|draft| self.record(draft))
    }
}

/// How a property is tried: with so many cases, and what failed is kept below `tests/`.
pub fn properties(cases: u32) -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, FileFailurePersistence};
    let kept = FileFailurePersistence::SourceParallel("tests/proptest-regressions");
    Config {
        cases,
        failure_persistence: Some(Box::new(kept)),
        ..Config::default()
    }
}
