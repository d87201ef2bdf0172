//! stub while the display is written
use super::Style;
use crate::domain::event::Event;
use chrono::{DateTime, Utc};
use std::io::{self, Write};
pub trait Display {
    fn event(&mut self, at: DateTime<Utc>, event: &Event, out: &mut dyn Write) -> io::Result<()>;
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}
pub struct Plain;
pub struct Terminal;
pub struct JsonLines;
macro_rules! d {
    ($n:ident) => {
        impl Display for $n {
            fn event(
                &mut self,
                at: DateTime<Utc>,
                event: &Event,
                out: &mut dyn Write,
            ) -> io::Result<()> {
                writeln!(out, "{at} {}", serde_json::to_string(event).unwrap())
            }
            fn finish(&mut self, _: &mut dyn Write) -> io::Result<()> {
                Ok(())
            }
        }
    };
}
d!(Plain);
d!(Terminal);
d!(JsonLines);
impl Plain {
    pub fn new(_: Style) -> Self {
        Self
    }
}
impl Terminal {
    pub fn new(_: Style) -> Self {
        Self
    }
}
impl JsonLines {
    pub fn new(_: &str) -> Self {
        Self
    }
}
pub fn result_line<T: serde::Serialize>(_: &str, t: &T, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(t).unwrap())
}
