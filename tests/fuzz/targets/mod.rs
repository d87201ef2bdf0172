//! What is read of others' hands, each reader as a function of bytes: what libFuzzer drives, and what `cargo test --test
//! fuzz` replays. Beside not panicking, each holds what was read against something that must be true of it.

mod shared;
mod team;

pub mod checklist;
pub mod history;
pub mod notes;
pub mod policy;
pub mod probes;
pub mod records;
pub mod reports;
pub mod responses;
pub mod signatures;
pub mod variables;
pub mod wire;
pub mod words;

/// Reads bytes, and panics where something is not as it must be.
pub type Target = fn(&[u8]);

/// Every target by the name of its folder of seeds.
pub const ALL: [(&str, Target); 12] = [
    ("checklist", checklist::target),
    ("history", history::target),
    ("notes", notes::target),
    ("policy", policy::target),
    ("probes", probes::target),
    ("records", records::target),
    ("reports", reports::target),
    ("responses", responses::target),
    ("signatures", signatures::target),
    ("variables", variables::target),
    ("wire", wire::target),
    ("words", words::target),
];
