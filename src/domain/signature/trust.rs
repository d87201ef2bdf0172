//! Whether a record counts as its writer's: its signature held against the policy, the signers and the revocations.
//!
//! The time that a signer claims never widens anything: a key must have been valid at the time that the record gives,
//! and must be valid now. What a key that has ended since, or was revoked, signed in its time is no forgery, and is told
//! apart from one ([`Standing::Lapsed`]).

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::allowed_signers::{AllowedSigners, Question};
use super::key::{Maker, PublicKey};
use super::machine::is_machines;
use super::revoked::Revoked;
use super::sshsig::{FILE_NAMESPACE, SshSig};
use super::{Flaw, MACHINE_NAMESPACE, NAMESPACE, SKEW_MINUTES, Signer, Standing};
use crate::domain::clock::Reading;
use crate::domain::ids::{PersonName, RoleName};
use crate::domain::policy::{Action, OnExpiry, Policy, Signatures};
use crate::domain::record::body::Cause;
use crate::domain::record::{Body, Record, TOOL};
use crate::domain::timespan::Timespan;

/// The difference between two clocks that is not held against what nobody attests, in milliseconds.
const EARLY_MS: i64 = 1_000;

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
            return self.judge_own(record, now, oracle);
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

    /// What a machine's signature, or its lack, makes of what relgate recorded by itself.
    ///
    /// What is signed by a key that is no machine's now counts as what is not signed: it may have been one's when it was
    /// made, and whoever can put such a record in can put one in without a signature.
    fn judge_own(&self, record: &Record, now: DateTime<Utc>, oracle: &dyn Oracle) -> Standing {
        let required = self.requires_signatures();
        if only_people(&record.body) && (required || record.signature.is_some()) {
            return Standing::Void(Flaw::NotByItself {
                kind: record.kind().to_owned(),
            });
        }
        let unsigned = |flaw: Option<Flaw>| match required && is_believed_in_part(&record.body) {
            true => Standing::Unattested(flaw),
            false => Standing::Plain,
        };
        let Some(signature) = &record.signature else {
            return unsigned(None);
        };
        if !is_machines(&record.body) {
            return unsigned(None);
        }
        match self.machine(record, signature, now, oracle) {
            Ok((signer, None)) => Standing::Signed(signer),
            Ok((signer, Some(flaw))) => Standing::Lapsed(signer, flaw),
            Err(flaw) if flaw.may_have_counted() => unsigned(Some(flaw)),
            Err(flaw) => Standing::Void(flaw),
        }
    }

    /// Whether what relgate records by itself is to be signed: a machine is named that does.
    pub fn needs_machines(&self) -> bool {
        let policy = self.policy.as_ref();
        self.requires_signatures() && policy.is_some_and(|policy| !policy.machines.is_empty())
    }

    /// Which machine signed `record`, and what speaks against it now though it did not then.
    fn machine(
        &self,
        record: &Record,
        signature: &str,
        now: DateTime<Utc>,
        oracle: &dyn Oracle,
    ) -> Result<(Signer, Option<Flaw>), Flaw> {
        let read = SshSig::read_in(MACHINE_NAMESPACE, signature)?;
        read.verify(&record.payload())?;
        if record.at > now + TimeDelta::minutes(SKEW_MINUTES) {
            return Err(Flaw::FutureDated { at: record.at });
        }
        let key = match &read.maker {
            Maker::Key(key) if key.is_ed25519() => key,
            _ => {
                let what = "a key that is no plain Ed25519 key, as machines have".to_owned();
                return Err(Flaw::Unsupported { what });
            }
        };
        self.machine_with(key, (record.at, now), oracle)
    }

    /// What speaks against `key` as the one of a machine at `now`.
    pub fn machine_key_flaw(
        &self,
        key: &PublicKey,
        now: DateTime<Utc>,
        oracle: &dyn Oracle,
    ) -> Option<Flaw> {
        match self.machine_with(key, (now, now), oracle) {
            Ok((_, flaw)) => flaw,
            Err(flaw) => Some(flaw),
        }
    }

    /// Whose `key` was at `then`, of the machines, and what speaks against it at `now`.
    fn machine_with(
        &self,
        key: &PublicKey,
        (then, now): (DateTime<Utc>, DateTime<Utc>),
        oracle: &dyn Oracle,
    ) -> Result<(Signer, Option<Flaw>), Flaw> {
        let unverifiable = |why: &str| Flaw::Unverifiable {
            why: why.to_owned(),
        };
        let policy = self.policy.as_ref();
        let policy = policy.ok_or_else(|| unverifiable("the policy cannot be read"))?;
        let signers = self.signers.as_ref().map_err(|why| unverifiable(why))?;
        let fingerprint = key.fingerprint();
        let mut against = Flaw::UnknownKey {
            fingerprint: fingerprint.clone(),
        };
        for principal in policy.machine_principals() {
            let asked = |at| Question {
                key,
                principal,
                namespace: MACHINE_NAMESPACE,
                at,
                zone: self.zone(),
            };
            match signers.allows(asked(then)) {
                Err(Flaw::UnknownKey { .. } | Flaw::NotTheirs { .. }) => {}
                Err(flaw) => against = flaw,
                Ok(()) => {
                    let ended = signers.allows(asked(now)).err();
                    let revoked = match self.is_revoked(key, oracle) {
                        Ok(false) => None,
                        Ok(true) => Some(Flaw::Revoked {
                            fingerprint: fingerprint.clone(),
                        }),
                        Err(why) => Some(unverifiable(&why)),
                    };
                    let signer = Signer {
                        principal: principal.to_owned(),
                        fingerprint,
                    };
                    return Ok((signer, revoked.or(ended)));
                }
            }
        }
        Err(against)
    }

    /// What the clocks have against something that relgate recorded by itself and nobody attests: its time has not come.
    pub fn is_ahead(record: &Record, now: &Reading) -> Option<Flaw> {
        let said = match &record.body {
            Body::Checkpoint(fact) => Some(&fact.reading),
            Body::RollbackClaimed(fact) => fact.claimed.as_ref(),
            _ => return None,
        };
        let latest = now.wall + TimeDelta::milliseconds(EARLY_MS);
        let is_ahead = match said {
            Some(said) if now.boot_ms_since(said).is_some() => said.boot_ms > now.boot_ms,
            Some(said) => said.wall > latest,
            None => record.at > latest,
        };
        is_ahead.then_some(Flaw::FutureDated { at: record.at })
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
        | Body::DeployConfirmed(_)
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
        | Body::Abandoned(_)
        | Body::ClockJumpAccepted(_) => true,
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
    record.by == TOOL
        && record.signature.is_none()
        && !only_people(&record.body)
        && !is_believed_in_part(&record.body)
}

/// Whether relgate's own record of it is believed in part where signatures are required and it has none.
const fn is_believed_in_part(body: &Body) -> bool {
    matches!(
        body,
        Body::IncidentOpened(_)
            | Body::IncidentResolved(_)
            | Body::Checkpoint(_)
            | Body::RollbackClaimed(_)
    )
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
        | Body::DeployConfirmed(_)
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
        Body::Closed(_) | Body::Abandoned(_) | Body::ClockJumpAccepted(_) => Some(Action::Close),
        _ => None,
    }
}
