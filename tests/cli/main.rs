//! The program from end to end, as a team's people, scripts and accidents meet it.

mod flow;
mod input;
mod run;
mod team;
mod trouble;
mod windows;
