//! The machines that sign what relgate records by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;

/// A machine that signs what relgate records by itself. It holds no role, and signs nothing that people decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// What `.relgate/allowed_signers` knows it as: nobody of the policy, with an Ed25519 key for the namespace
    /// `relgate-machine`.
    #[schemars(length(min = 1))]
    pub principal: String,
}

impl Policy {
    /// What `allowed_signers` knows the machines as. One that is a person of the policy too is none.
    pub fn machine_principals(&self) -> impl Iterator<Item = &str> {
        let all = self.machines.values().map(|it| it.principal.as_str());
        all.filter(|it| !self.is_person(it))
    }

    /// Whether `allowed_signers` knows a person of the policy as `principal`.
    pub fn is_person(&self, principal: &str) -> bool {
        self.people
            .iter()
            .any(|(name, person)| person.email.as_deref().unwrap_or(name.as_str()) == principal)
    }
}
