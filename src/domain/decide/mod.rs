//! Decisions: pure functions from what somebody wants, what is recorded and `now` to records, or to a refusal.
//!
//! They are called under the ledger's lock with the freshest history, so whoever is second meets what the first one
//! recorded and is told so.

pub mod baseline;
pub mod clock;
pub mod closing;
pub mod deployment;
pub mod dispute;
pub mod incident;
pub mod obligation;
pub mod rollback;
pub mod sign;
pub mod target;
pub mod waive;

use super::ids::{PersonName, ReleaseName, RoleName};
use super::policy::{Action, Policy};
use super::readiness::Inquiry;
use super::refusal::{Refusal, nearest};
use super::release::role_list;
use super::state::ReleaseState;

/// Somebody who wants something, as a role or by the roles the policy gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub person: PersonName,
    /// As which role, where one was named.
    pub role: Option<RoleName>,
}

impl Actor {
    /// The role by which the actor may do `action`: the one that was named, or the first that the policy allows.
    ///
    /// # Errors
    /// Refused where the person is not in the policy, does not hold the role, or the role may not do it (req: B12).
    pub fn authority(&self, policy: &Policy, action: Action) -> Result<RoleName, Refusal> {
        self.role_among(policy, policy.authority(action), action.word())
    }

    /// The role by which the actor may do what `allowed` may do, which people know as `word`.
    ///
    /// # Errors
    /// As [`Self::authority`].
    pub fn role_among(
        &self,
        policy: &Policy,
        allowed: Option<&[RoleName]>,
        word: &str,
    ) -> Result<RoleName, Refusal> {
        let Some(entry) = policy.people.get(&self.person) else {
            return Err(unknown_person(policy, &self.person));
        };
        if let Some(role) = &self.role {
            known_role(policy, role)?;
            if !entry.roles.contains(role) {
                return Err(Refusal::refused(format!(
                    "{} does not hold the role {role}",
                    self.person
                ))
                .help(format!(
                    "{} holds: {}",
                    self.person,
                    role_list(&entry.roles)
                )));
            }
        }
        let held = self
            .role
            .as_ref()
            .map_or(entry.roles.as_slice(), std::slice::from_ref);
        let Some(allowed) = allowed else {
            return held
                .first()
                .cloned()
                .ok_or_else(|| Refusal::refused(format!("{} holds no role", self.person)));
        };
        if allowed.is_empty() {
            return Err(Refusal::refused(format!(
                "the policy gives nobody the authority for \"{word}\""
            ))
            .help(format!(
                "add \"{word}: [ROLE]\" under authority in the policy"
            )));
        }
        held.iter()
            .find(|role| allowed.contains(role))
            .cloned()
            .ok_or_else(|| {
                let who: Vec<String> = super::readiness::holders(policy, allowed);
                Refusal::refused(format!(
                    "{} ({}) has no authority for \"{}\"; the policy gives it to {}",
                    self.person,
                    role_list(held),
                    word,
                    role_list(allowed)
                ))
                .help(if who.is_empty() {
                    "nobody holds that role".to_owned()
                } else {
                    format!("ask {}", who.join(", "))
                })
            })
    }
}

/// Refuses what comes after the end of a release: it is closed, or it will not go out.
///
/// # Errors
/// Refused, with who ended it.
fn refuse_over(inquiry: &Inquiry<'_>) -> Result<(), Refusal> {
    let (state, release) = (inquiry.history.state(), &inquiry.notes.release);
    if state.closed.is_some() {
        return Err(Refusal::refused(format!("the release {release} is closed")));
    }
    refuse_abandoned(state, release)
}

/// Refuses what comes after somebody said that the release will not go out.
///
/// # Errors
/// Refused, with who said so and why.
fn refuse_abandoned(state: &ReleaseState, release: &ReleaseName) -> Result<(), Refusal> {
    state.must_not_be_abandoned().map_err(|why| {
        Refusal::refused(format!("nothing more is recorded for {release}: {why}"))
            .help("make a new release: relgate new VERSION --type patch")
    })
}

/// The refusal of a person whom the policy does not know.
pub fn unknown_person(policy: &Policy, person: &PersonName) -> Refusal {
    Refusal::invalid(format!("the policy has no person \"{person}\"")).help(nearest(
        "person",
        person.as_str(),
        policy.people.keys().map(PersonName::as_str),
    ))
}

/// Whether the policy has the role.
///
/// # Errors
/// Invalid, with the roles that there are.
pub fn known_role(policy: &Policy, role: &RoleName) -> Result<(), Refusal> {
    if policy.roles.contains_key(role) {
        return Ok(());
    }
    let known = policy.roles.keys().map(RoleName::as_str);
    Err(
        Refusal::invalid(format!("the policy has no role \"{role}\"")).help(nearest(
            "role",
            role.as_str(),
            known,
        )),
    )
}

#[cfg(test)]
mod tests;
