//! Every decision's refusals, and what all of them together keep, whatever happens in whatever order.

mod claims;
mod intents;
mod machine;
mod merging;
