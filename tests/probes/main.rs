//! Probes against real servers and commands on this machine: every trouble has its verdict and names its cause.

mod asking;
mod bodies;
mod commands;
mod compliance;
mod control;
mod identities;
mod identity;
mod kinds;
mod numbers;
mod options;
mod payloads;
mod pool;
mod proxies;
mod real;
mod sessions;
mod shop;
mod slow;
mod support;
mod table;
mod texts;
mod troubles;
mod two;

#[path = "../support/lacking.rs"]
mod lacking;
