//! A piece of the manual, which is Markdown: on a terminal, and for `man`.

pub mod roff;
mod terminal;

use std::io::{self, Write};

use super::page::{Page, Tone};
use super::{Shown, Style, json};
use crate::domain::outcome::Manual;

impl Shown for Manual {
    fn page(&self) -> Page {
        let mut page = Page::new(Tone::Neutral, "MANUAL", self.name.clone());
        for line in terminal::plain_lines(&self.text) {
            page.say(&line);
        }
        page
    }

    fn human(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        terminal::write(&self.text, style, out)
    }

    fn json(&self, command: &str, out: &mut dyn Write) -> io::Result<()> {
        json::result(command, self, out)
    }
}
