//! Every decision's refusals, and what all of them together keep, whatever happens in whatever order.

mod by_hand;
mod claims;
mod copies;
mod decisions;
mod deployments;
mod incidents;
mod intents;
mod machine;
mod merging;
mod rollbacks;
mod stages;
mod targets;

use crate::domain::refusal::{Kind, Refusal};

/// What kind of refusal it is.
fn kind_of<T: std::fmt::Debug>(decided: &Result<T, Refusal>) -> Kind {
    decided.as_ref().expect_err("it is refused").kind
}

/// All that the refusal says.
fn help_of<T: std::fmt::Debug>(decided: &Result<T, Refusal>) -> String {
    let refusal = decided.as_ref().expect_err("it is refused");
    let help = refusal.help.as_deref().unwrap_or_default();
    format!("{refusal}: {help}")
}
