//! The prose of release notes as sections: which field a heading fills, and every text below it.

use std::ops::Range;

use super::headings::{
    Field, Within, is_this, is_version_inside, kind_of_change, near_miss, version_of,
};
use super::outline::{Block, BlockKind, Heading, Outline, Part, Text};

/// What stands below a heading that fills a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    pub(super) field: Field,
    /// The heading's bytes.
    pub(super) heading: Range<usize>,
    /// Whether it adds to a field that another section began.
    pub(super) adds: bool,
    /// The author wrote that there is nothing: "none".
    pub(super) answered: bool,
    /// The whole text of a summary; otherwise one text per item of a list and per block beside it.
    pub(super) content: Vec<Text>,
}

/// What the prose says.
#[derive(Debug, Default)]
pub(super) struct Prose {
    pub(super) sections: Vec<Section>,
    /// The first heading of another release's changes, which do not count: its bytes and the version.
    pub(super) elsewhere: Option<(Range<usize>, String)>,
    /// What is nearly a heading that fills a field, and fills none.
    pub(super) near: Vec<NearMiss>,
}

/// What is nearly a known heading.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NearMiss {
    pub(super) span: Range<usize>,
    pub(super) text: String,
    pub(super) meant: &'static str,
    pub(super) is: LooksLike,
}

/// What looks like a heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LooksLike {
    Heading,
    /// A paragraph in bold letters.
    Bold,
    /// `<h2>…</h2>`.
    Html,
}

/// The sections of `prose`, a part of `text`, that fill fields. Whatever stands below the heading of another version than
/// `release`, or of none yet, is another release's.
pub(super) fn sections(text: &str, prose: Range<usize>, release: Option<&str>) -> Prose {
    let Some(body) = text.get(prose.clone()) else {
        return Prose::default();
    };
    let outline = Outline::read(body);
    let mut reader = Reader {
        outline: &outline,
        release,
        open: Vec::new(),
        since: None,
        sections: Vec::new(),
        prefixes: Vec::new(),
        prose: Prose::default(),
    };
    for part in &outline.parts {
        match part {
            Part::Heading(heading) => reader.heading(heading),
            Part::Block(block) => reader.block(block),
        }
    }
    reader.close(1, body.len());
    let mut found = reader.finish();
    for section in &mut found.sections {
        section.heading = shifted(&section.heading, prose.start);
        for text in &mut section.content {
            text.span = shifted(&text.span, prose.start);
        }
    }
    if let Some((span, _)) = &mut found.elsewhere {
        *span = shifted(span, prose.start);
    }
    for near in &mut found.near {
        near.span = shifted(&near.span, prose.start);
    }
    found
}

fn shifted(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

/// "none" is an answer, and not a known issue.
fn says_nothing(text: &str) -> bool {
    let word = text
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase();
    matches!(
        word.as_str(),
        "none" | "no" | "nothing" | "n/a" | "not applicable"
    )
}

/// What a heading that is open makes of what stands below it.
enum Role {
    /// It fills the field of this section.
    Field(usize),
    /// It is a heading within a field's section: its own text, and whether anything stood below it.
    Sub { text: Text, used: bool },
    /// It is of another release.
    Elsewhere,
    /// It says nothing of a field.
    Plain,
}

struct Open {
    level: usize,
    role: Role,
}

struct Reader<'a> {
    outline: &'a Outline<'a>,
    release: Option<&'a str>,
    /// The headings above the part that is read, the outermost first.
    open: Vec<Open>,
    /// The section that is read, and from where.
    since: Option<(usize, usize)>,
    sections: Vec<Section>,
    /// The kind of change of each section.
    prefixes: Vec<Option<&'static str>>,
    prose: Prose,
}

impl Reader<'_> {
    /// The section that what is read belongs to; `Err` where it is another release's.
    fn section(&self) -> Result<Option<usize>, ()> {
        let decided = self.open.iter().rev().find_map(|open| match open.role {
            Role::Field(section) => Some(Ok(section)),
            Role::Elsewhere => Some(Err(())),
            Role::Sub { .. } | Role::Plain => None,
        });
        decided.transpose()
    }

    /// Ends every section of a heading that is not above `level`; the next part begins at `at`.
    fn close(&mut self, level: usize, at: usize) {
        self.pause(at);
        while let Some(last) = self.open.pop_if(|open| open.level >= level) {
            // A heading with nothing below it says something itself.
            if let Role::Sub { text, used: false } = last.role
                && let Ok(Some(section)) = self.section()
            {
                self.add(section, text, BlockKind::Paragraph);
            }
        }
    }

    /// A summary is one text: what was read of it so far ends at `at`.
    fn pause(&mut self, at: usize) {
        if let Some((section, from)) = self.since.take()
            && self.sections[section].field == Field::Summary
        {
            let text = self.outline.text(from..at);
            self.sections[section].content.extend(text);
        }
    }

    fn heading(&mut self, heading: &Heading) {
        self.close(heading.level, heading.span.start);
        let role = self.role(heading);
        let begins = match &role {
            Role::Sub { .. } => heading.span.start,
            _ => heading.span.end,
        };
        self.open.push(Open {
            level: heading.level,
            role,
        });
        if let Ok(Some(section)) = self.section() {
            self.since = Some((section, begins));
        }
    }

    fn role(&mut self, heading: &Heading) -> Role {
        let Ok(around) = self.section() else {
            return Role::Elsewhere;
        };
        let field_around = around.map(|section| self.sections[section].field);
        let kind = kind_of_change(&heading.text)
            .filter(|_| field_around.is_none_or(|field| field == Field::Changes));
        let field = Field::of_heading(&heading.text).or(kind.map(|_| Field::Changes));
        if let Some(field) = field {
            self.sections.push(Section {
                field,
                heading: heading.span.clone(),
                adds: false,
                answered: false,
                content: Vec::new(),
            });
            self.prefixes.push(kind);
            return Role::Field(self.sections.len() - 1);
        }
        let version = version_of(&heading.text).filter(|version| match field_around {
            None => true,
            Some(Field::Changes) => is_version_inside(version),
            Some(_) => false,
        });
        match version {
            Some(version) if is_this(version, self.release) => return Role::Plain,
            Some(version) => {
                let other = (heading.span.clone(), version.to_owned());
                self.prose.elsewhere.get_or_insert(other);
                return Role::Elsewhere;
            }
            None => {}
        }
        let within = match around {
            Some(_) => Within::Field,
            None => Within::Nothing,
        };
        self.warn(
            &heading.text,
            heading.span.clone(),
            within,
            LooksLike::Heading,
        );
        match around.and_then(|_| self.outline.text(heading.inner.clone())) {
            Some(text) => Role::Sub { text, used: false },
            None => Role::Plain,
        }
    }

    fn block(&mut self, block: &Block) {
        let Ok(section) = self.section() else {
            return;
        };
        let Some(text) = self.outline.text(block.span.clone()) else {
            return;
        };
        if let Some((like, title)) = title_of(block, &text.text)
            && (section.is_none() || like == LooksLike::Html)
        {
            // Such a line is a heading to whoever reads it: a known one too.
            let meant = Field::of_heading(&title).map(Field::heading);
            match meant {
                Some(meant) => self.prose.near.push(NearMiss {
                    span: text.span.clone(),
                    text: title,
                    meant,
                    is: like,
                }),
                None => self.warn(&title, text.span.clone(), Within::Field, like),
            }
        }
        if let Some(section) = section {
            self.add(section, text, block.kind);
        }
    }

    fn warn(&mut self, text: &str, span: Range<usize>, within: Within, is: LooksLike) {
        if let Some(meant) = near_miss(text, within) {
            self.prose.near.push(NearMiss {
                span,
                text: text.to_owned(),
                meant,
                is,
            });
        }
    }

    /// Adds a text to a section, below the headings that are open within it.
    fn add(&mut self, section: usize, mut text: Text, kind: BlockKind) {
        if self.sections[section].field == Field::Summary {
            return;
        }
        let mut above: Vec<String> = self.prefixes[section]
            .map(str::to_owned)
            .into_iter()
            .collect();
        let first = self
            .open
            .iter()
            .rposition(|open| matches!(open.role, Role::Field(_)))
            .unwrap_or_default();
        for open in &mut self.open[first..] {
            if let Role::Sub { text, used } = &mut open.role {
                *used = true;
                above.push(text.text.clone());
            }
        }
        let on_one_line = matches!(kind, BlockKind::Item | BlockKind::Paragraph);
        if !above.is_empty() {
            let gap = if on_one_line { " " } else { "\n" };
            text.text = format!("{}:{gap}{}", above.join(": "), text.text);
        }
        self.sections[section].content.push(text);
    }

    fn finish(self) -> Prose {
        let mut prose = self.prose;
        let mut additive = false;
        for (mut section, kind) in self.sections.into_iter().zip(self.prefixes) {
            if section.field == Field::Summary {
                section.content = joined(section.content).into_iter().collect();
            } else if let [only] = section.content.as_slice()
                && let said = kind.and_then(|kind| only.text.strip_prefix(&format!("{kind}: ")))
                && says_nothing(said.unwrap_or(&only.text))
            {
                section.content.clear();
                section.answered = kind.is_none();
            }
            // Kinds of change add up, and to a list of changes that stands before or after them.
            additive |= kind.is_some();
            section.adds = section.field == Field::Changes && additive;
            prose.sections.push(section);
        }
        prose
    }
}

/// The texts of a summary as one.
fn joined(texts: Vec<Text>) -> Option<Text> {
    let span = texts.first()?.span.clone();
    let texts: Vec<String> = texts.into_iter().map(|text| text.text).collect();
    Some(Text {
        text: texts.join("\n\n"),
        span,
    })
}

/// A block that looks like a heading, and what it says: a paragraph that is bold as a whole, a heading in HTML.
fn title_of(block: &Block, text: &str) -> Option<(LooksLike, String)> {
    if text.len() > 200 {
        return None;
    }
    match block.kind {
        BlockKind::Paragraph => {
            let marked = text.trim_end_matches(':');
            let bold = ["**", "__"].iter().find_map(|mark| {
                let inner = marked.strip_prefix(mark)?.strip_suffix(mark)?;
                (!inner.contains(mark) && !inner.contains('\n')).then(|| inner.to_owned())
            });
            Some((LooksLike::Bold, bold?))
        }
        BlockKind::Html => {
            let lower = text.to_ascii_lowercase();
            let level = lower.strip_prefix("<h")?.chars().next()?;
            if !('1'..='6').contains(&level) {
                return None;
            }
            let end = lower.find(&format!("</h{level}>"))?;
            let begin = lower.find('>')? + 1;
            let inner = text.get(begin..end)?;
            let mut plain = String::new();
            let mut tags = 0_usize;
            for c in inner.chars() {
                match c {
                    '<' => tags += 1,
                    '>' => tags = tags.saturating_sub(1),
                    c if tags == 0 => plain.push(c),
                    _ => {}
                }
            }
            Some((LooksLike::Html, plain.trim().to_owned()))
        }
        BlockKind::Item | BlockKind::Other => None,
    }
}
