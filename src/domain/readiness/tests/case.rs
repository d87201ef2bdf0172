//! A release with its policy, gates and records, to be spoiled in one way at a time.

use super::*;

/// A release with its gates: `code` (dev), then `quality` (two of QA, not who signed the code), then `go` (all).
pub struct Case {
    pub policy: Policy,
    pub notes: ReleaseNotes,
    pub gates: Vec<Gate>,
    pub history: History,
    pub facts: Facts,
    pub scope: Scope,
    pub now: DateTime<Utc>,
}

/// `code` (dev), `quality` (two of QA), `go` (all), `wrap-up`.
pub fn gates() -> Vec<Gate> {
    from_json(serde_json::json!([
        {"id": "code", "title": "Code", "phase": "pre-release", "role": "dev", "items": [
            {"id": "merged", "title": "merged", "optional": false}, {"id": "flags", "title": "flags are set"},
            {"id": "ci", "title": "CI passes", "probe": {"id": "ci", "tcp": {"address": "x:1"}}},
            {"id": "guide", "title": "a guide", "file": "guide.md"},
        ]},
        {"id": "quality", "title": "Quality", "phase": "staging", "after": ["code"], "distinct_from": ["code"],
            "approvals": [{"role": "qa", "count": 2}], "valid_for": "48h"},
        {"id": "go", "title": "Go", "phase": "pre-release", "after": ["quality"], "within": "24h",
            "approvals": [{"role": "dev"}, {"role": "qa"}, {"role": "manager"}]},
        {"id": "wrap-up", "title": "Wrap-up", "phase": "closure", "role": "manager"},
    ]))
}

const ARTIFACTS: &[u8] = b"the package";

impl Case {
    pub fn new() -> Self {
        let evidence = [(
            (
                "code".parse().expect("a name"),
                "ci".parse().expect("a name"),
            ),
            sample("ci", Verdict::Pass),
        )];
        Self {
            policy: policy(),
            notes: some_notes(),
            gates: gates(),
            history: History::new("2.4.0".parse().expect("a name")),
            facts: Facts {
                artifacts: Some(Digest::of(ARTIFACTS)),
                evidence: evidence.into(),
                ..Facts::default()
            },
            scope: Scope::Deployment,
            now: at("12:00:00"),
        }
    }

    /// One on which everybody has signed.
    pub fn signed() -> Self {
        let mut case = Self::new();
        case.sign_all();
        case
    }

    pub fn sign_all(&mut self) {
        for (gate, role, by) in [
            ("code", "dev", "cy"),
            ("quality", "qa", "bea"),
            ("quality", "qa", "ben"),
            ("go", "dev", "cy"),
            ("go", "qa", "bea"),
            ("go", "manager", "ana"),
        ] {
            self.sign(gate, role, by);
        }
    }

    pub fn inquiry(&self) -> Inquiry<'_> {
        Inquiry {
            policy: &self.policy,
            notes: &self.notes,
            gates: &self.gates,
            history: &self.history,
            facts: &self.facts,
            scope: &self.scope,
            now: self.now,
        }
    }

    pub fn gate(&self, id: &str) -> &Gate {
        let mut gates = self.gates.iter();
        gates.find(|gate| gate.id.as_str() == id).expect("a gate")
    }

    pub fn append(&mut self, by: &str, at: DateTime<Utc>, body: Body) -> RecordId {
        let heads = self.history.heads();
        let by = by.to_owned();
        let release = self.history.release().clone();
        let record = Record::new(Draft { by, body }, &release, heads, at, "host");
        self.history.extend(vec![record.clone()]);
        record.id
    }

    pub fn sign_off(&self, gate: &str, role: &str) -> SignOff {
        let gate = self.gate(gate);
        SignOff {
            gate: gate.id.clone(),
            role: role.parse().expect("a name"),
            answers: gate
                .manual_items()
                .map(|item| Answered {
                    item: item.id.clone(),
                    answer: Answer::Yes,
                    comment: None,
                })
                .collect(),
            evidence: Vec::new(),
            binding: binding(&self.inquiry(), gate, Digest::of(ARTIFACTS)),
            seen: None,
        }
    }

    pub fn sign(&mut self, gate: &str, role: &str, by: &str) {
        self.sign_at(gate, role, by, self.now);
    }

    pub fn sign_at(&mut self, gate: &str, role: &str, by: &str, at: DateTime<Utc>) {
        let body = Body::SignedOff(SignOff {
            seen: seen(&self.inquiry(), self.gate(gate)),
            ..self.sign_off(gate, role)
        });
        self.append(by, at, body);
    }

    pub fn reject(&mut self, gate: &str, role: &str, by: &str) {
        let body = Body::Rejected(Rejection {
            gate: gate.parse().expect("a name"),
            role: role.parse().expect("a name"),
            reason: "it is slow".to_owned(),
            answers: Vec::new(),
        });
        self.append(by, self.now, body);
    }

    pub fn readiness(&self) -> Readiness {
        readiness(&self.inquiry())
    }

    pub fn decision(&self) -> Decision {
        self.readiness().decision
    }

    /// How the requirement `id` stands, and why.
    pub fn how(&self, id: &str) -> (Status, String) {
        let all = self.readiness().requirements;
        let one = all.iter().find(|it| it.id == id);
        let one = one.unwrap_or_else(|| panic!("no requirement {id} in {all:?}"));
        (one.status, one.why.clone())
    }

    pub fn expect(&self, id: &str, status: Status, why: &str) {
        let found = self.how(id);
        assert!(
            found.0 == status && found.1.contains(why),
            "expected {id} to be {status:?} ({why}), found {found:?}"
        );
        assert_eq!(self.decision() == Decision::Go, status == Status::Met);
    }

    /// A go in which `id` is waived.
    pub fn expect_waived(&self, id: &str) {
        assert_eq!(self.how(id).0, Status::Waived, "{:?}", self.how(id));
        assert_eq!(self.decision(), Decision::Go);
    }

    pub fn deploy(&mut self, at: DateTime<Utc>) {
        let mut go = None;
        for record in Site::deployed().history.records() {
            let mut body = record.body.clone();
            if let (Body::DeployStarted(fact), Some(go)) = (&mut body, go) {
                fact.go = go;
            }
            go = Some(self.append("cy", at, body))
                .filter(|_| go.is_none())
                .or(go);
        }
    }
}

impl Case {
    /// A complete pass over the deployment checklist of a stage, and a run of the verification plan.
    pub fn verify(&mut self, stage: &str, verdict: &str) {
        let pass = serde_json::json!({
            "stage": stage, "complete": true, "answers": [{"item": "config", "answer": "yes"}],
            "checklist": digest_of(&self.notes.deployment_checklist()),
        });
        self.append("cy", self.now, Body::ChecklistPass(from_json(pass)));
        let home = serde_json::json!({"probe": "home", "verdict": verdict, "attempts": []});
        let run = serde_json::json!({
            "stage": stage, "verdict": verdict, "samples": 1, "last": [home],
        });
        self.append("cy", self.now, Body::Verified(from_json(run)));
    }

    pub fn deploy_and_break(&mut self) -> RecordId {
        if self.history.state().deployments.is_empty() {
            self.deploy(at("18:00:00"));
        }
        let site = Site {
            history: self.history.clone(),
            ..Site::new("host")
        };
        let trouble = crate::domain::decide::incident::Trouble {
            title: "it is slow".to_owned(),
            stage: crate::domain::testing::north(),
            priority: "critical".parse().expect("a name"),
            trigger: None,
            probes: Vec::new(),
            failures: Vec::new(),
        };
        let now = site.now();
        let opened = crate::domain::decide::incident::open(
            &self.policy,
            &self.notes,
            &self.history,
            &trouble,
            ("cy", &now),
        );
        self.append("cy", now.wall, opened.expect("it is deployed").body)
    }
}
