//! relgate decides whether a release may go out, proves that it arrived, and takes it back by itself when it is broken
//! and nobody mends it in time.

pub mod app;
pub mod cli;
pub mod domain;
pub mod effects;
pub mod parse;
pub mod ports;
pub mod render;
