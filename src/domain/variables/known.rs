//! The secrets that a probe refers to, known without asking it.

use super::{Lookup, Secrets, expand, syntax, value};
use crate::domain::probe::Probe;

/// The secrets that `probe` refers to, as far as they have values here.
pub fn secrets_in(probe: &Probe, lookup: &dyn Lookup) -> Secrets {
    let mut secrets = Secrets::default();
    let all: Result<(), ()> = probe.clone().each_text(|text| {
        for reference in syntax(text).unwrap_or_default() {
            if reference.is_secret()
                && let Ok(value) = value(&reference, lookup)
            {
                secrets.add(&value);
            }
        }
        Ok(())
    });
    debug_assert!(all.is_ok());
    for secret in probe.secrets() {
        if let Ok(expanded) = expand(&secret, lookup) {
            secrets.add(&expanded.text);
        }
    }
    secrets
}
