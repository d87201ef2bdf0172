//! Whether a record counts as its writer's: its signature held against the policy, the signers and the revocations.
//!
//! The time that a signer claims never widens anything: a key must have been valid at the time that the record gives,
//! and must be valid now. What a key that has ended since, or was revoked, signed in its time is no forgery, and is told
//! apart from one ([`Standing::Lapsed`]).

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::allowed_signers::{AllowedSigners, Question};
use super::key::{Maker, PublicKey};
use super::revoked::Revoked;
use super::sshsig::{FILE_NAMESPACE, SshSig};
use super::{Flaw, NAMESPACE, SKEW_MINUTES, Signer, Standing};
use crate::domain::ids::{PersonName, RoleName};
use crate::domain::policy::{Action, OnExpiry, Policy, Signatures};
use crate::domain::record::body::Cause;
use crate::domain::record::{Body, Record, TOOL};
use crate::domain::timespan::Timespan;

/// What OpenSSH alone can tell.
pub trait Oracle {
    /// Whether the revocation list in OpenSSH's binary form has the key.
    ///
    /// # Errors
    /// Why it could not be asked.
    fn is_revoked(&self, key: &PublicKey) -> Result<bool, String>;

    /// Whether the certificate of a signature lets `principal` sign at a time.
    ///
    /// # Errors
    /// What OpenSSH says against it.
    fn certifies(
        &self,
        principal: &str,
        signed: (Payload<'_>, &str),
        at: DateTime<Utc>,
        zone: Tz,
    ) -> Result<(), String>;
}

/// What a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The canonical form of a record, without its signature.
    Record(&'a [u8]),
    /// A file, by its path relative to the repository's root.
    File(&'a str),
}

impl Payload<'_> {
    /// The namespace in which such a thing is signed.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Record(_) => NAMESPACE,
            Self::File(_) => FILE_NAMESPACE,
        }
    }
}

/// All that signatures are held against.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The policy; `None` where it cannot be read.
    pub policy: Option<Policy>,
    /// Who signs with which key; why that is not known.
    pub signers: Result<AllowedSigners, String>,
    /// The revoked keys; why they are not known.
    pub revoked: Result<Revoked, String>,
}

impl Trust {
    /// Whether what people record must be signed.
    pub fn requires_signatures(&self) -> bool {
        self.policy
            .as_ref()
            .is_some_and(|policy| policy.signatures == Some(Signatures::Required))
    }

    /// Whom `allowed_signers` knows a person as: by the address, or by the name where there is none.
    pub fn principal(&self, by: &str) -> Option<&str> {
        principal(self.policy.as_ref()?, by)
    }

    /// The zone of times that have none.
    pub fn zone(&self) -> Tz {
        let calendar = self
            .policy
            .as_ref()
            .and_then(|policy| policy.calendar.as_ref());
        calendar
            .and_then(|calendar| calendar.time_zone.as_deref())
            .and_then(|zone| zone.parse().ok())
            .unwrap_or(Tz::UTC)
    }

    /// What the signature of `record`, or its lack, makes of it at `now`.
    pub fn judge(&self, record: &Record, now: DateTime<Utc>, oracle: &dyn Oracle) -> Standing {
        let required = self.requires_signatures();
        if record.by == TOOL {
            return match required && only_people(&record.body) {
                true => Standing::Void(Flaw::NotByItself {
                    kind: record.kind().to_owned(),
                }),
                false if required && is_believed_in_part(&record.body) => Standing::Unattested,
                false => Standing::Plain,
            };
        }
        let Some(signature) = &record.signature else {
            return match required && !grants_nothing(&record.body) {
                true => Standing::Void(Flaw::Unsigned),
                false => Standing::Plain,
            };
        };
        match self.signer(record, signature, now, oracle) {
            Err(flaw) => Standing::Void(flaw),
            Ok((signer, Some(flaw))) => Standing::Lapsed(signer, flaw),
            Ok((signer, None)) => match self
                .no_authority(record)
                .filter(|_| required || is_baseline(&record.body))
            {
                Some(flaw) => Standing::Lapsed(signer, flaw),
                None => Standing::Signed(signer),
            },
        }
    }

    /// Who signed `record`, and what speaks against it now though it did not then.
    fn signer(
        &self,
        record: &Record,
        signature: &str,
        now: DateTime<Utc>,
        oracle: &dyn Oracle,
    ) -> Result<(Signer, Option<Flaw>), Flaw> {
        let read = SshSig::read(signature)?;
        let payload = record.payload();
        read.verify(&payload)?;
        let key = read.maker.key();
        let fingerprint = key.fingerprint();
        if record.at > now + TimeDelta::minutes(SKEW_MINUTES) {
            return Err(Flaw::FutureDated { at: record.at });
        }
        let signer = |principal: &str| Signer {
            principal: principal.to_owned(),
            fingerprint: fingerprint.clone(),
        };
        let unverifiable = |principal: &str, why: &str| {
            let why = why.to_owned();
            Ok((signer(principal), Some(Flaw::Unverifiable { why })))
        };
        let Some(policy) = &self.policy else {
            return unverifiable(&record.by, "the policy cannot be read");
        };
        let Some(principal) = principal(policy, &record.by) else {
            let by = record.by.clone();
            return Err(Flaw::UnknownPerson { by });
        };
        let signers = match &self.signers {
            Ok(signers) => signers,
            Err(why) => return unverifiable(principal, why),
        };
        let zone = self.zone();
        let mut flaw = match &read.maker {
            Maker::Key(key) => {
                let asked = |at| Question {
                    key,
                    principal,
                    namespace: NAMESPACE,
                    at,
                    zone,
                };
                signers.allows(asked(record.at))?;
                signers.allows(asked(now)).err()
            }
            Maker::Certified(..) => {
                let asked = |at| {
                    let signed = (Payload::Record(&payload), signature);
                    let answer = oracle.certifies(principal, signed, at, zone);
                    answer.map_err(|why| Flaw::NotCertified {
                        principal: principal.to_owned(),
                        fingerprint: fingerprint.clone(),
                        why,
                    })
                };
                asked(record.at)?;
                asked(now).err()
            }
        };
        if flaw.is_none() {
            flaw = match self.is_revoked(key, oracle) {
                Ok(false) => None,
                Ok(true) => Some(Flaw::Revoked {
                    fingerprint: fingerprint.clone(),
                }),
                Err(why) => return unverifiable(principal, &why),
            };
        }
        Ok((signer(principal), flaw))
    }

    /// Whether the key was taken back.
    ///
    /// # Errors
    /// Why that is not known.
    pub(super) fn is_revoked(&self, key: &PublicKey, oracle: &dyn Oracle) -> Result<bool, String> {
        match &self.revoked {
            Ok(Revoked::Keys(keys)) => Ok(keys.contains(key)),
            Ok(Revoked::Krl) => oracle.is_revoked(key),
            Err(why) => Err(why.clone()),
        }
    }

    /// What speaks against the writer of `record` doing what it records.
    fn no_authority(&self, record: &Record) -> Option<Flaw> {
        let policy = self.policy.as_ref()?;
        let person = PersonName::new(record.by.clone()).ok()?;
        let may = |roles: &[RoleName]| roles.iter().any(|role| policy.holds(&person, role));
        let mut needed = needed_for(policy, &record.body).into_iter();
        let (_, action) = needed.find(|(roles, _)| !may(roles))?;
        Some(Flaw::NoAuthority {
            by: record.by.clone(),
            action: action.word(),
        })
    }
}

/// The authority that `body` needs: the roles that have it, for each action that the policy gives to some roles alone.
fn needed_for<'a>(policy: &'a Policy, body: &Body) -> Vec<(&'a [RoleName], Action)> {
    let listed = |action: Action| Some((policy.authority(action)?, action));
    let Some(action) = action_of(body) else {
        return Vec::new();
    };
    // A window without any time is a rollback, whoever opens it by hand or makes another one so.
    let at_once = |window: Timespan, on_expiry| {
        (window.is_zero() && on_expiry == OnExpiry::Rollback)
            .then(|| listed(Action::Rollback))
            .flatten()
    };
    let also = match body {
        Body::IncidentOpened(fact) if fact.probes.is_empty() => {
            let trigger = fact.trigger.as_ref();
            let own =
                trigger.filter(|it| policy.trigger_priority(it).as_ref() == Some(&fact.priority));
            if let Some(roles) = policy.may_open(own) {
                return vec![(roles, Action::Open)];
            }
            at_once(fact.window, fact.on_expiry)
        }
        Body::IncidentEscalated(fact) => at_once(fact.window, fact.on_expiry),
        _ => None,
    };
    listed(action).into_iter().chain(also).collect()
}

/// Whom `allowed_signers` knows a person of the policy as.
pub fn principal<'a>(policy: &'a Policy, by: &str) -> Option<&'a str> {
    let (name, person) = policy.people.get_key_value(by)?;
    Some(person.email.as_deref().unwrap_or(name.as_str()))
}

/// Whether only people do what `body` records.
fn only_people(body: &Body) -> bool {
    match body {
        Body::SignedOff(_)
        | Body::Rejected(_)
        | Body::Waived(_)
        | Body::WaiverWithdrawn(_)
        | Body::BaselineCaptured(_)
        | Body::DeployStarted(_)
        | Body::DeployDone(_)
        | Body::DeployRepinned(_)
        | Body::DeployFailed(_)
        | Body::Replacement(_)
        | Body::ChecklistPass(_)
        | Body::Verified(_)
        | Body::IncidentEscalated(_)
        | Body::IncidentDecided(_)
        | Body::RollbackStopped(_)
        | Body::Drilled(_)
        | Body::ObligationSettled(_)
        | Body::Closed(_)
        | Body::Abandoned(_) => true,
        Body::RollbackClaimed(fact) => matches!(fact.cause, Cause::Person { .. }),
        // Evidence may resolve an incident; whether this one, its opening says.
        Body::IncidentResolved(_)
        | Body::Checked(_)
        | Body::IncidentOpened(_)
        | Body::WindowExpired(_)
        | Body::Checkpoint(_)
        | Body::AttemptStarted(_)
        | Body::StepStarted(_)
        | Body::StepEnded(_)
        | Body::AttemptEnded(_)
        | Body::StageRolledBack(_)
        | Body::RolledBack(_)
        | Body::RollbackStuck(_)
        | Body::Noted(_)
        | Body::Unknown { .. } => false,
    }
}

/// Whether `record` is plain, whatever the policy says: most of relgate's own.
pub fn needs_no_signature(record: &Record) -> bool {
    record.by == TOOL && !only_people(&record.body) && !is_believed_in_part(&record.body)
}

/// Whether relgate's own record of it is believed in part where signatures are required and it has none.
const fn is_believed_in_part(body: &Body) -> bool {
    matches!(body, Body::IncidentOpened(_))
}

/// Whether nothing follows from `body`, so that a machine without a key may record it too.
pub fn grants_nothing(body: &Body) -> bool {
    matches!(
        body,
        Body::Checked(_) | Body::Noted(_) | Body::Unknown { .. }
    )
}

/// Whether `body` says what metrics were before a deployment: what a verification is held against.
const fn is_baseline(body: &Body) -> bool {
    matches!(body, Body::BaselineCaptured(_))
}

/// The action whose authority `body` needs.
fn action_of(body: &Body) -> Option<Action> {
    match body {
        Body::DeployStarted(_)
        | Body::DeployDone(_)
        | Body::DeployRepinned(_)
        | Body::DeployFailed(_)
        | Body::Replacement(_) => Some(Action::Deploy),
        Body::BaselineCaptured(_) | Body::ChecklistPass(_) | Body::Verified(_) => {
            Some(Action::Verify)
        }
        Body::IncidentOpened(_) => Some(Action::Open),
        Body::IncidentEscalated(_) => Some(Action::Escalate),
        Body::IncidentResolved(_) | Body::IncidentDecided(_) => Some(Action::Resolve),
        Body::RollbackClaimed(_) | Body::RollbackStopped(_) | Body::Drilled(_) => {
            Some(Action::Rollback)
        }
        Body::Closed(_) | Body::Abandoned(_) => Some(Action::Close),
        _ => None,
    }
}
