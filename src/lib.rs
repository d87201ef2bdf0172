//! relgate decides whether a release may go out, proves that it arrived, and takes it back by itself when it is broken
//! and nobody fixes it in time.

// A panic is a bug, and printing panics at a closed pipe: clippy.toml lets tests do both.
#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

// Clocks, the environment and waiting belong to the effects: clippy.toml lists the methods.
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod app;
pub mod cli;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod domain;
pub mod effects;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod parse;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod ports;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod render;
