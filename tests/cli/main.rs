//! The program from end to end, as a team's people, scripts and accidents meet it.

mod anchor;
mod artifacts;
mod attacks;
mod baselines;
mod branches;
mod decisions;
mod disputes;
mod documents;
mod drill;
mod evidence;
mod files;
mod flow;
mod formats;
mod imports;
mod input;
mod live;
mod machines;
mod probes;
mod processes;
mod run;
mod service;
mod signatures;
mod signing;
mod stages;
mod targets;
mod team;
mod terminal;
mod trouble;
mod unread;
mod waivers;
mod windows;

#[path = "../support/lacking.rs"]
mod lacking;
