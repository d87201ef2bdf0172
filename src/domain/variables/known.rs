//! The secrets that a probe refers to, known without asking it.

use super::{Lookup, Secrets, expand, syntax, value};
use crate::domain::probe::Probe;

/// The secrets that `probe` refers to, as far as they have values here.
pub fn secrets_in(probe: &Probe, lookup: &dyn Lookup) -> Secrets {
    let mut secrets = Secrets::default();
    for text in probe.clone().texts_mut() {
        for reference in syntax(text).unwrap_or_default() {
            if reference.is_secret()
                && let Ok(value) = value(&reference, lookup)
            {
                secrets.add(&value);
            }
        }
    }
    for secret in probe.secrets() {
        if let Ok(expanded) = expand(&secret, lookup) {
            secrets.add(&expanded.text);
        }
    }
    secrets
}
