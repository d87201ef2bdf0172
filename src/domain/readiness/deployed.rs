//! The gates before a deployment, once it was made: what stood in its go stands, whatever was edited or has run out since.
//!
//! Only a rejection that came later, and a go that the records do not bear out, count against them.

use super::approvals::Standing;
use super::requirement::{Requirement, Status};
use super::{Facts, Inquiry, Scope, unsupported, waivers};
use crate::domain::gate::Gate;
use crate::domain::history::History;
use crate::domain::ids::{RecordId, StageName};
use crate::domain::record::Body;
use crate::domain::record::digest_of;

/// The go of the last deployment.
#[derive(Debug)]
pub(super) struct Go<'a> {
    stage: &'a StageName,
    check: RecordId,
    /// The approvals that were not there, by name.
    unsupported: Vec<String>,
}

impl<'a> Go<'a> {
    /// The go that the last deployment names, or its plans when they were replaced; none where nothing is deployed.
    pub(super) fn of_last(inquiry: &Inquiry<'a>) -> Option<Self> {
        let history = inquiry.history;
        let deployments = history.state().deployments.iter();
        let (stage, last) = deployments.max_by_key(|(_, it)| it.order)?;
        let pinned = last.anchor.as_ref().map(|it| it.origin.record);
        let repinned = pinned.and_then(|record| match &history.find(&record)?.body {
            Body::DeployRepinned(fact) => Some(fact.go),
            _ => None,
        });
        let check = repinned.unwrap_or(last.started.fact.go);
        Some(Self {
            stage,
            check,
            unsupported: missing(inquiry, &check),
        })
    }

    /// The approvals of a gate before the deployment, as they stand for whatever comes after it.
    pub(super) fn stood(&self, standing: &mut Standing<'_>, gate: &Gate) -> Vec<Requirement> {
        let inquiry = standing.inquiry();
        let all = standing.requirements(gate).into_iter();
        all.map(|it| match self.counts_against(inquiry, &it) {
            true => it,
            false => Requirement {
                status: Status::Met,
                why: format!("it stood in the go of the deployment of {}", self.stage),
                command: None,
                who: Vec::new(),
                changes: Vec::new(),
                rejected_by: Vec::new(),
                ..it
            },
        })
        .collect()
    }

    /// Whether a requirement is shown as it is: met now, excused now, not there at the go, or rejected since.
    fn counts_against(&self, inquiry: &Inquiry<'_>, it: &Requirement) -> bool {
        waivers::apply(inquiry, it.clone()).status.is_enough()
            || self.unsupported.contains(&it.id)
            || self.is_rejected_since(inquiry, it)
    }

    fn is_rejected_since(&self, inquiry: &Inquiry<'_>, it: &Requirement) -> bool {
        let history = inquiry.history;
        let go = history.position(&self.check);
        let mut rejections = history.state().rejections.iter();
        rejections.any(|no| {
            it.gate.as_ref() == Some(&no.fact.gate)
                && it.role.as_ref() == Some(&no.fact.role)
                && it.rejected_by.contains(&no.origin.by)
                && history.position(&no.origin.record) > go
        })
    }
}

/// The approvals that the records do not bear out for a check that said go, where the files are those that it was about.
fn missing(inquiry: &Inquiry<'_>, check: &RecordId) -> Vec<String> {
    let history = inquiry.history;
    let Some(record) = history.find(check) else {
        return Vec::new();
    };
    let Body::Checked(fact) = &record.body else {
        return Vec::new();
    };
    if fact.notes != digest_of(inquiry.notes) || fact.policy != digest_of(inquiry.policy) {
        return Vec::new();
    }
    let then = Inquiry {
        history: &history.view_of(record),
        facts: &as_signed(history),
        scope: &Scope::Start,
        now: record.at,
        ..*inquiry
    };
    // A key that ended since was one then.
    let unsupported = unsupported(&then).into_iter();
    unsupported
        .filter(|it| it.status != Status::Expired)
        .map(|it| it.id)
        .collect()
}

/// The artifacts as the last sign-off has them: what lies on disk now says nothing of then.
pub fn as_signed(history: &History) -> Facts {
    let last = history.state().sign_offs.last();
    Facts {
        artifacts: last.map(|signed| signed.fact.binding.artifacts),
        ..Facts::default()
    }
}
