//! Who signs what is released, and whether it has to be signed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Policy, Signatures};
use crate::domain::ids::{PersonName, RoleName};

/// The rules for the signatures of artifacts. Without `roles` and `signers` every person of the policy may sign them; with
/// either, those alone whom one of the two names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifacts {
    /// Whether every artifact must have a signature of its own. Default: `optional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatures: Option<Signatures>,
    /// The roles whose holders may sign them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleName>>,
    /// Others who may sign them, as `.relgate/allowed_signers` names them: a build machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signers: Option<Vec<String>>,
}

impl Policy {
    /// Whether every artifact must have a signature of its own.
    pub fn requires_signed_artifacts(&self) -> bool {
        let rules = self.artifacts.as_ref();
        rules.and_then(|rules| rules.signatures) == Some(Signatures::Required)
    }

    /// Whether `person` may sign artifacts.
    pub fn may_sign_artifacts(&self, person: &PersonName) -> bool {
        let rules = self.artifacts.as_ref();
        match rules.filter(|it| it.roles.is_some() || it.signers.is_some()) {
            None => self.people.contains_key(person),
            Some(rules) => {
                let mut roles = rules.roles.iter().flatten();
                roles.any(|role| self.holds(person, role))
            }
        }
    }
}
