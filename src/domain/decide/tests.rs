//! Every decision's refusals, and what all of them together keep, whatever happens in whatever order.

mod intents;
mod machine;
mod merging;
