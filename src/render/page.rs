//! A small document: what a result says, before it is known how it is written.
//!
//! Texts are kept as they came; each writer escapes what its medium cannot take.

/// What an answer, a row or a word means for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// It may come to be bad, or could not be found out.
    Warning,
    /// Neither.
    Neutral,
}

/// A document: the answer first, then everything that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The answer in a word or two: `NO-GO`.
    pub answer: String,
    /// What the answer is about: `2.4.0: 3 of 12 requirements are not met`.
    pub about: String,
    /// What the answer means.
    pub tone: Tone,
    /// The rest, in order.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A page within the page, up to the next one: one release of several.
    Section {
        /// Its answer in a word or two.
        answer: String,
        /// What the answer is about.
        about: String,
        /// What the answer means.
        tone: Tone,
    },
    /// What the block after it is about.
    Heading(String),
    /// A line of a text that goes on in the next one.
    Line(Vec<Span>),
    /// A text that ends there.
    Paragraph(Vec<Span>),
    /// What nobody may overlook, and the command that answers it.
    Alert {
        /// How bad it is.
        tone: Tone,
        /// What.
        text: String,
        /// The command to type.
        command: Option<String>,
    },
    /// Rows and columns.
    Table(Table),
    /// One thing below the other.
    List(Vec<Item>),
    /// Text whose lines are kept.
    Preformatted(String),
    /// The next commands to type.
    Next(Vec<String>),
}

/// Rows and columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The name of each column.
    pub headers: Vec<&'static str>,
    /// As many cells in each as there are headers.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What that means.
    pub tone: Tone,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// How it stands, at a glance.
    pub mark: Mark,
    /// How it stands, in a word; aligned over the list.
    pub lead: String,
    /// What it is.
    pub text: Vec<Span>,
    /// More about it, a line each.
    pub details: Vec<Detail>,
}

/// More about an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// A line.
    Line(Vec<Span>),
    /// Text whose lines are kept: the end of a command's output.
    Output(String),
}

/// A sign before an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is as it should be, or done.
    Good,
    /// It is not.
    Bad,
    /// It may come to be bad, or could not be found out.
    Warning,
    /// It is under way.
    Running,
    /// It has not begun, or is neither good nor bad.
    Neutral,
}

impl Mark {
    /// The sign, one column wide.
    pub const fn sign(self, unicode: bool) -> &'static str {
        match (self, unicode) {
            (Self::Good, true) => "✓",
            (Self::Good, false) => "+",
            (Self::Bad, true) => "✗",
            (Self::Bad, false) => "x",
            (Self::Warning, _) => "!",
            (Self::Running, true) => "▶",
            (Self::Running, false) => ">",
            (Self::Neutral, true) => "·",
            (Self::Neutral, false) => "-",
        }
    }

    /// The sign for what is said in this tone.
    pub const fn of(tone: Tone) -> Self {
        match tone {
            Tone::Good => Self::Good,
            Tone::Bad => Self::Bad,
            Tone::Warning => Self::Warning,
            Tone::Neutral => Self::Neutral,
        }
    }

    /// What it means.
    pub const fn tone(self) -> Tone {
        match self {
            Self::Good => Tone::Good,
            Self::Bad => Tone::Bad,
            Self::Warning | Self::Running => Tone::Warning,
            Self::Neutral => Tone::Neutral,
        }
    }
}

/// A stretch of text, set off from the rest or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// What it says.
    pub text: String,
    /// How it is set off.
    pub emphasis: Emphasis,
}

/// How a stretch of text is set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
    /// Not at all.
    Plain,
    /// To be seen first.
    Strong,
    /// To be seen last.
    Faint,
    /// To be typed as it stands: never broken over lines.
    Code,
    /// By what it means.
    Toned(Tone),
}

/// Text that is not set off.
pub fn plain(text: impl Into<String>) -> Span {
    span(text, Emphasis::Plain)
}

/// Text to be seen first.
pub fn strong(text: impl Into<String>) -> Span {
    span(text, Emphasis::Strong)
}

/// Text to be seen last.
pub fn faint(text: impl Into<String>) -> Span {
    span(text, Emphasis::Faint)
}

/// Text to be typed as it stands.
pub fn code(text: impl Into<String>) -> Span {
    span(text, Emphasis::Code)
}

/// Text set off by what it means.
pub fn toned(tone: Tone, text: impl Into<String>) -> Span {
    span(text, Emphasis::Toned(tone))
}

fn span(text: impl Into<String>, emphasis: Emphasis) -> Span {
    Span {
        text: text.into(),
        emphasis,
    }
}

impl Page {
    /// A page with its answer and nothing else yet.
    pub fn new(tone: Tone, answer: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            answer: answer.into(),
            about: about.into(),
            tone,
            blocks: Vec::new(),
        }
    }

    /// Adds a block.
    pub fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Adds a heading line, then a list, if it has entries.
    pub fn list(&mut self, heading: &str, items: Vec<Item>) {
        if !items.is_empty() {
            self.heading(heading);
            self.push(Block::List(items));
        }
    }

    /// Adds a heading line, then a table, if it has rows.
    pub fn table(&mut self, heading: &str, headers: &[&'static str], rows: Vec<Vec<Cell>>) {
        if !rows.is_empty() {
            self.heading(heading);
            self.push(Block::Table(Table {
                headers: headers.to_vec(),
                rows,
            }));
        }
    }

    /// Adds what nobody may overlook.
    pub fn alert(&mut self, tone: Tone, text: impl Into<String>, command: Option<String>) {
        self.push(Block::Alert {
            tone,
            text: text.into(),
            command,
        });
    }

    /// Adds a line by itself.
    pub fn line(&mut self, line: Vec<Span>) {
        self.push(Block::Line(line));
    }

    /// Adds the text as a paragraph, unless it is empty; each line of it by itself.
    pub fn say(&mut self, text: &str) {
        let mut lines = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .peekable();
        while let Some(line) = lines.next() {
            let line = vec![plain(line)];
            self.push(match lines.peek() {
                Some(_) => Block::Line(line),
                None => Block::Paragraph(line),
            });
        }
    }

    /// Adds the next commands, if there are any.
    pub fn next(&mut self, commands: &[String]) {
        if !commands.is_empty() {
            self.push(Block::Next(commands.to_vec()));
        }
    }

    fn heading(&mut self, heading: &str) {
        if !heading.is_empty() {
            self.push(Block::Heading(heading.to_owned()));
        }
    }
}

impl Cell {
    /// A cell that is neither good nor bad.
    pub fn new(text: impl Into<String>) -> Self {
        Self::toned(Tone::Neutral, text)
    }

    /// A cell with a meaning.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl Item {
    /// An entry without a word of its standing and without details.
    pub fn new(mark: Mark, text: Vec<Span>) -> Self {
        Self {
            mark,
            lead: String::new(),
            text,
            details: Vec::new(),
        }
    }

    /// The same with a word of its standing.
    #[must_use]
    pub fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = lead.into();
        self
    }

    /// Adds a line about it.
    pub fn detail(&mut self, line: Vec<Span>) {
        self.details.push(Detail::Line(line));
    }

    /// Adds a line `label: text`, unless the text is empty.
    pub fn say(&mut self, label: &str, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let label = match label {
                "" => String::new(),
                label => format!("{label}: "),
            };
            self.detail(vec![faint(label), plain(line)]);
        }
    }

    /// Adds the command that answers it, if there is one.
    pub fn command(&mut self, command: Option<&str>) {
        if let Some(command) = command {
            self.detail(vec![code(command)]);
        }
    }

    /// Adds the end of a command's output, unless it is empty.
    pub fn output(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.details
                .push(Detail::Output(text.trim_end().to_owned()));
        }
    }
}
