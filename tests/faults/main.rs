//! The promise of a window against faults: it is not lost, not early, and not rolled back twice, whatever dies, stops,
//! fills up or misbehaves, and whenever.
//!
//! Every test prints a line for each fault with its outcome: `cargo test --test faults -- --nocapture`. The wall clock
//! cannot be set without harm to everybody on the machine, so steps of it are proved on the pure core alone
//! (`domain::window`, `domain::watch`).

mod clocks;
mod commands;
mod disks;
mod drivers;
mod failpoints;
mod kills;
mod locks;
mod outputs;
mod shop;
mod user;

#[path = "../cli/run.rs"]
mod run;
#[path = "../cli/team.rs"]
mod team;

#[path = "../support/lacking.rs"]
mod lacking;
