//! Results to show in tests, with hostile text where others write it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::anomaly::{Anomaly, Damage};
use crate::domain::event::{ProbeView, WindowView};
use crate::domain::gate::Phase;
use crate::domain::ids::{Digest, RecordId};
use crate::domain::outcome::*;
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::{Assertion, Attempt, Sample, Verdict};
use crate::domain::probe::phases::Phases;
use crate::domain::probe::sampling::Failure;
use crate::domain::readiness::{
    Change, Considered, Decision, HandOff, Moment, Readiness, Reasoning, Requirement, ReviewView,
    Status, Subject, Terms, Turn, WaiverView,
};
use crate::domain::record::body::{AttemptOutcome, Cause, StepOutcome};

/// Clears the screen, returns to the line's begin, turns the reading order around, ends a cell and a heading.
pub const HOSTILE: &str = "x\x1b[2J\r\u{9b}31m\u{202e}|`<b>\u{7}";

/// A name of any kind.
pub fn name<T: std::str::FromStr>(text: &str) -> T {
    match text.parse() {
        Ok(name) => name,
        Err(_) => panic!("{text:?} is no name"),
    }
}

pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_795_168_800 + seconds)
}

pub fn record() -> RecordId {
    Digest::of(b"a record")
}

pub fn window(id: &str, left_ms: u64) -> WindowView {
    WindowView {
        incident: name(id),
        title: "the home page does not answer".to_owned(),
        stage: name("production"),
        priority: name("critical"),
        left_ms,
        window_ms: 300_000,
        on_expiry: OnExpiry::Rollback,
        past_no_return: false,
        waits_for: None,
        probes: vec![
            ProbeView {
                name: "home-page".to_owned(),
                verdict: Some(Verdict::Fail),
                reason: "status: expected 200, found 500".to_owned(),
            },
            ProbeView {
                name: "cart".to_owned(),
                verdict: None,
                reason: String::new(),
            },
        ],
        who: vec!["Grace (@grace)".to_owned(), "Linus".to_owned()],
        known: vec!["the first request may be slow".to_owned()],
    }
}

pub fn sample(probe: &str, verdict: Verdict, attempts: usize) -> Sample {
    let holds = verdict == Verdict::Pass;
    let attempt = Attempt {
        verdict,
        assertions: vec![
            Assertion {
                about: "status".to_owned(),
                expected: "200".to_owned(),
                actual: if holds { "200" } else { "500" }.to_owned(),
                holds,
            },
            Assertion {
                about: "header content-type".to_owned(),
                expected: "text/html".to_owned(),
                actual: "text/html".to_owned(),
                holds: true,
            },
        ],
        trouble: (verdict == Verdict::Error).then(|| "no such host: shop.test".to_owned()),
        took_ms: 85,
        phases: (!holds).then_some(Phases {
            dns_us: Some(412),
            connect_us: Some(1_090),
            tls_us: None,
            first_byte_us: Some(80_500),
            total_us: 85_002,
        }),
        measured: None,
    };
    Sample {
        probe: name(probe),
        verdict,
        attempts: vec![attempt; attempts],
        repeat: (!holds).then(|| format!("curl -sS 'https://shop.test/{probe}'")),
    }
}

pub fn requirement(gate: Option<&str>, id: &str, status: Status) -> Requirement {
    let subject = match (gate, id.ends_with("developer")) {
        (None, _) => Subject::Notes,
        (Some(_), true) => Subject::Approval,
        (Some(_), false) => Subject::Evidence,
    };
    Requirement {
        subject,
        id: id.to_owned(),
        gate: gate.map(name),
        title: format!("the title of {id}"),
        status,
        why: match status {
            Status::Met => "signed by Ada".to_owned(),
            _ => "nobody has signed".to_owned(),
        },
        who: vec!["Ada (ada@shop.test)".to_owned()],
        command: Some(format!("relgate sign {id} --release 2.4.0")),
        role: None,
        changes: Vec::new(),
        rejected_by: Vec::new(),
        waiver: None,
        terms: Terms::Never("it is a sample"),
        needed_at: None,
        signers: Vec::new(),
    }
}

pub fn waived_requirement() -> Requirement {
    Requirement {
        waiver: Some(WaiverView {
            by: "grace".to_owned(),
            role: name("release-manager"),
            reason: "The tester is ill".to_owned(),
            until: at(3_600),
            instead_of: Status::Missing,
            because: "nobody has signed".to_owned(),
            review: Some(ReviewView {
                obligation: name("O1"),
                role: name("developer"),
                due: at(86_400),
                settled: false,
            }),
            record: record(),
        }),
        ..requirement(Some("qa"), "qa/load", Status::Waived)
    }
}

pub fn explanation() -> Explanation {
    let considered = |by: &str, counts: bool| Considered {
        record: record(),
        at: at(0),
        by: by.to_owned(),
        what: "signed".to_owned(),
        counts,
        why: "she signed before the release notes (summary) changed".to_owned(),
        changes: vec![Change {
            field: "summary".to_owned(),
            from: Some("one".to_owned()),
            to: None,
        }],
    };
    Explanation {
        release: name("2.4.0"),
        requirement: waived_requirement(),
        written: Some("checklist.yaml:12:5".to_owned()),
        reasoning: Reasoning {
            rule: vec!["somebody who holds the role developer signs the gate qa".to_owned()],
            considered: vec![considered("ada", true), considered("grace", false)],
            times: vec![Moment {
                what: "now".to_owned(),
                at: at(60),
            }],
            found: vec!["the gate development is passed".to_owned()],
        },
    }
}

pub fn waived() -> Waived {
    Waived {
        release: name("2.4.0"),
        requirements: vec![waived_requirement()],
        next: vec!["relgate check --release 2.4.0".to_owned()],
    }
}

fn hand_off() -> Vec<HandOff> {
    [
        ("development", Turn::Past),
        ("qa", Turn::Now),
        ("security", Turn::Later),
    ]
    .map(|(gate, turn)| HandOff {
        gate: name(gate),
        turn,
        who: match turn {
            Turn::Now => vec!["Ada (ada@shop.test)".to_owned()],
            Turn::Past | Turn::Later => Vec::new(),
        },
    })
    .to_vec()
}

pub fn check() -> Check {
    Check {
        asked_at: Some(at(0)),
        release: name("2.4.0"),
        gate: None,
        phase: None,
        readiness: Readiness {
            decision: Decision::NoGo,
            hand_off: hand_off(),
            requirements: vec![
                requirement(None, "migration_steps", Status::Missing),
                requirement(Some("development"), "development/ci", Status::Met),
                requirement(Some("development"), "development/scans", Status::Met),
                requirement(Some("development"), "development/developer", Status::Met),
                requirement(Some("qa"), "qa/smoke", Status::Failed),
                requirement(Some("qa"), "qa/developer", Status::Stale),
                requirement(Some("security"), "security/developer", Status::Pending),
                waived_requirement(),
            ],
        },
        record: record(),
        unknown_records: 0,
    }
}

pub fn verification() -> Verification {
    Verification {
        release: name("2.4.0"),
        stage: name("production"),
        conclusion: Conclusion::Failed,
        checklist_passes: 2,
        checklist_passes_needed: 2,
        checklist_failures: Vec::new(),
        owner: vec!["Ada".to_owned()],
        samples: vec![
            sample("cart", Verdict::Pass, 2),
            sample("home-page", Verdict::Fail, 3),
            sample("search", Verdict::Error, 1),
            sample("banner", Verdict::Fail, 1),
        ],
        failures: vec![Failure {
            probe: name("home-page"),
            reason: "status: expected 200, found 500".to_owned(),
        }],
        skipped: vec![name("checkout")],
        accepted: Vec::new(),
        tolerated: Vec::new(),
        waiting: None,
        windows: vec![window("I1", 277_000)],
        next: vec!["relgate watch --release 2.4.0".to_owned()],
    }
}

pub fn rollback(standing: &str) -> RollbackView {
    let ended = standing != "running";
    RollbackView {
        cause: Cause::Expired {
            incident: name("I1"),
        },
        previous: "2.3.1".to_owned(),
        standing: standing.to_owned(),
        stages: vec![StageRollbackView {
            stage: name("production"),
            standing: standing.to_owned(),
            why: None,
        }],
        still_running: Vec::new(),
        attempts: vec![AttemptView {
            attempt: 1,
            stage: name("production"),
            claimed_at: at(300),
            outcome: ended.then(|| match standing {
                "stuck" => AttemptOutcome::Failed {
                    step: name("configuration"),
                },
                _ => AttemptOutcome::Completed,
            }),
            steps: vec![
                StepView {
                    step: name("switch-back"),
                    outcome: Some(StepOutcome::Exited { code: 0 }),
                    took_ms: Some(1_240),
                    tail: "switched\n".to_owned(),
                    output: Some("output/1-switch-back.log".to_owned()),
                },
                StepView {
                    step: name("configuration"),
                    outcome: ended.then_some(match standing {
                        "stuck" => StepOutcome::Exited { code: 3 },
                        _ => StepOutcome::Exited { code: 0 },
                    }),
                    took_ms: ended.then_some(300),
                    tail: format!("restoring\n{HOSTILE}\n"),
                    output: Some("output/1-configuration.log".to_owned()),
                },
            ],
        }],
    }
}

pub fn obligation(id: &str, overdue: bool, settled: Option<&str>) -> ObligationView {
    ObligationView {
        release: name("2.4.0"),
        id: name(id),
        title: "root-cause analysis".to_owned(),
        role: name("developer"),
        who: vec!["Ada".to_owned()],
        due: at(86_400),
        overdue,
        settled: settled.map(str::to_owned),
        document: Some("releases/2.4.0/documents/rca.md".to_owned()),
    }
}

pub fn release_status() -> ReleaseStatus {
    ReleaseStatus {
        release: name("2.4.0"),
        standing: "incident".to_owned(),
        summary: Some("A faster checkout".to_owned()),
        deploy_at: Some(at(0)),
        wrong_files: None,
        edited: Vec::new(),
        doubts: Vec::new(),
        gates: vec![
            GateStatus {
                gate: name("development"),
                title: "Development is complete".to_owned(),
                phase: Phase::PreRelease,
                status: Status::Met,
                why: "signed by Ada".to_owned(),
            },
            GateStatus {
                gate: name("closing"),
                title: "The release is complete".to_owned(),
                phase: Phase::Closure,
                status: Status::Pending,
                why: "waits for qa".to_owned(),
            },
        ],
        stages: vec![StageStatus {
            stage: name("production"),
            started: Some(at(0)),
            done: Some(at(60)),
            checklist_passes: 2,
            verification: Some(Verdict::Fail),
        }],
        windows: vec![window("I1", 277_000)],
        watched: false,
        unwatched: true,
        rollback: None,
        obligations: vec![obligation("rca", true, None)],
        set_aside: Vec::new(),
        unread: Vec::new(),
        tolerated: Vec::new(),
        anomalies: vec![Anomaly {
            damage: Damage::Removed,
            file: None,
            record: Some(record()),
            what: "a record names a parent that is not there".to_owned(),
            help: "git checkout -- releases/2.4.0/ledger".to_owned(),
        }],
        next: vec!["relgate watch --release 2.4.0".to_owned()],
    }
}

pub fn log() -> Log {
    let entry = |seconds, text: &str| LogEntry {
        at: at(seconds),
        by: "ada".to_owned(),
        host: "build-1".to_owned(),
        kind: "sign-off".to_owned(),
        text: text.to_owned(),
        signed: None,
        flaw: None,
        record: record(),
        body: serde_json::json!({"text": text}),
    };
    Log {
        release: name("2.4.0"),
        entries: vec![
            entry(0, "signed development as developer"),
            entry(61, "declared the deployment of production done"),
        ],
    }
}

pub fn watched(end: WatchEnd, standing: Option<&str>) -> Watched {
    Watched {
        release: name("2.4.0"),
        end,
        windows: match end {
            WatchEnd::Detached | WatchEnd::WaitsForPerson => vec![window("I1", 61_500)],
            _ => Vec::new(),
        },
        unread: Vec::new(),
        rollback: standing.map(rollback),
        say: "the windows are in the ledger".to_owned(),
        next: vec!["relgate status --release 2.4.0".to_owned()],
    }
}

pub fn incidents() -> IncidentReport {
    IncidentReport {
        release: name("2.4.0"),
        unread: Vec::new(),
        incidents: vec![
            IncidentView {
                window: window("I1", 0),
                standing: "resolved".to_owned(),
                opened_at: at(120),
                opened_by: "ada".to_owned(),
                ending: Some("resolved by grace: the probes pass again".to_owned()),
            },
            IncidentView {
                window: window("I2", 277_000),
                standing: "open".to_owned(),
                opened_at: at(500),
                opened_by: "relgate".to_owned(),
                ending: None,
            },
        ],
    }
}

pub fn due() -> DueReport {
    DueReport {
        obligations: vec![
            obligation("rca", true, None),
            obligation("post-mortem", false, None),
            obligation("alert", false, Some("sent by ada")),
        ],
    }
}

pub fn pin() -> PolicyPin {
    PolicyPin {
        digest: Digest::of(b"all"),
        files: vec![PinnedFile {
            path: "relgate.yaml".to_owned(),
            sha256: Digest::of(b"policy"),
        }],
    }
}

pub fn exported() -> Exported {
    Exported {
        release: name("2.4.0"),
        file: "evidence.json".to_owned(),
        sha256: Digest::of(b"bundle"),
        policy: Digest::of(b"all"),
        records: 14,
        files: 6,
        attestations: 0,
        remarks: vec!["no statement is attested".to_owned()],
    }
}

pub fn imported() -> Imported {
    Imported {
        release: name("2.4.0"),
        added: vec!["20261120T100000Z-sign-off-1a2b.json".to_owned()],
        known: 13,
        next: vec!["relgate ledger verify --release 2.4.0".to_owned()],
    }
}

pub fn integrity() -> Integrity {
    Integrity {
        release: name("2.4.0"),
        folder: "releases/2.4.0/ledger".into(),
        records: 14,
        heads: 2,
        findings: vec![IntegrityFinding {
            file: Some("20261120T100000Z-sign-off-1a2b.json".to_owned()),
            what: "its digest is not the one in its name".to_owned(),
            help: Some("restore it from git".to_owned()),
        }],
        remarks: vec![
            "1 record is of the kind \"chatter\", which this relgate does not know".to_owned(),
        ],
    }
}

pub fn scaffold() -> Scaffold {
    Scaffold {
        written: vec![
            "relgate.yaml".to_owned(),
            ".relgate/allowed_signers".to_owned(),
        ],
        next: vec!["relgate new 0.1.0 --type minor".to_owned()],
    }
}

pub fn signed() -> Signed {
    let gate = |id, approved| SignedGate {
        gate: name(id),
        role: name("developer"),
        by: "ada".to_owned(),
        approved,
        items: 3,
        waived: Vec::new(),
        record: record(),
    };
    Signed {
        release: name("2.4.0"),
        signatures: vec![gate("development", true), gate("security", false)],
        next: vec!["relgate sign qa --as qa-lead --release 2.4.0".to_owned()],
    }
}

pub fn done() -> Done {
    Done {
        waived: vec![waived_requirement()],
        release: name("2.4.0"),
        what: "the deployment of production has begun".to_owned(),
        record: record(),
        next: vec!["relgate deploy done --release 2.4.0".to_owned()],
    }
}
