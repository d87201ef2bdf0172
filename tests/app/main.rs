//! Use cases on fakes, with simulated time, and the stores that stand behind the same ports.

mod file;
mod gates;
mod insistent;
mod kills;
mod stores;
mod team;
mod windows;
mod world;
