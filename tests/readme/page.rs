//! A page of the documentation, taken apart: its fenced blocks, its links and the headings that they lead to.

/// A page.
pub struct Page {
    /// Its path from the repository's root.
    name: String,
    pub fences: Vec<Fence>,
    /// What a link to a heading is called.
    pub anchors: Vec<String>,
    /// The lines outside fenced blocks, with their numbers.
    prose: Vec<(usize, String)>,
}

/// A fenced block.
pub struct Fence {
    /// The page that it stands on.
    pub page: String,
    pub language: String,
    /// What the comment right above it says: `<!-- file x -->`.
    pub note: Option<String>,
    /// The line of its opening.
    pub line: usize,
    pub lines: Vec<String>,
}

/// A command of a transcript, and what came of it.
pub struct Step {
    pub line: usize,
    pub command: String,
    /// The exit code: 0, or what `# exit N` at the command's end says.
    pub code: i32,
    pub output: String,
}

impl Page {
    pub fn new(name: &str, text: &str) -> Self {
        let mut page = Self {
            name: name.to_owned(),
            fences: Vec::new(),
            anchors: Vec::new(),
            prose: Vec::new(),
        };
        let mut open: Option<Fence> = None;
        let mut note = None;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            match (&mut open, line.strip_prefix("```")) {
                (Some(fence), None) => fence.lines.push(line.to_owned()),
                (Some(_), Some(_)) => page.fences.extend(open.take()),
                (None, Some(language)) => {
                    open = Some(Fence {
                        page: name.to_owned(),
                        language: language.trim().to_owned(),
                        note: note.take(),
                        line: number,
                        lines: Vec::new(),
                    });
                }
                (None, None) => {
                    let comment = line.strip_prefix("<!-- ");
                    note = comment.and_then(|it| Some(it.strip_suffix(" -->")?.to_owned()));
                    if line.starts_with('#') {
                        page.anchors.push(anchor(line));
                    }
                    page.prose.push((number, line.to_owned()));
                }
            }
        }
        assert!(open.is_none(), "{name}: a fenced block is not closed");
        page
    }

    /// The block with this note.
    pub fn noted(&self, note: &str) -> &Fence {
        let found = self
            .fences
            .iter()
            .find(|it| it.note.as_deref() == Some(note));
        found.unwrap_or_else(|| panic!("{} has no block after <!-- {note} -->", self.name))
    }

    /// Every line of words that is relgate typed in, or an option of its own, with where it stands.
    pub fn relgate_lines(&self) -> Vec<(usize, Vec<String>)> {
        let mut all = Vec::new();
        for (number, line) in &self.prose {
            // Every other part between backquotes is code.
            for code in line.split('`').skip(1).step_by(2) {
                all.extend(relgate(*number, code));
            }
        }
        for fence in self
            .fences
            .iter()
            .filter(|it| ["console", "sh"].contains(&it.language.as_str()))
        {
            for (index, line) in fence.lines.iter().enumerate() {
                let command = match fence.language.as_str() {
                    "console" => line.strip_prefix("$ "),
                    _ => Some(line.as_str()),
                };
                for part in command.unwrap_or_default().split(['|', ';', '&']) {
                    let part = part.split('#').next().unwrap_or_default();
                    all.extend(relgate(fence.line + index + 1, part));
                }
            }
        }
        all
    }

    /// The targets of links, with where they stand.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        for (number, line) in &self.prose {
            for rest in line.split("](").skip(1) {
                if let Some((target, _)) = rest.split_once(')') {
                    all.push((*number, target.to_owned()));
                }
            }
        }
        all
    }
}

fn relgate(line: usize, code: &str) -> Option<(usize, Vec<String>)> {
    let mut words: Vec<String> = code.split_whitespace().map(str::to_owned).collect();
    while words
        .first()
        .is_some_and(|it| it.contains('=') && !it.starts_with('-') || it == "if")
    {
        words.remove(0);
    }
    let first = words.first()?;
    let option = first.strip_prefix("--");
    let is_option = option.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_lowercase()));
    (first == "relgate" || is_option).then_some((line, words))
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

impl Fence {
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The commands of a transcript.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step {
                    line: self.line + index + 1,
                    command: command.to_owned(),
                    code: command
                        .rsplit_once("# exit ")
                        .and_then(|(_, code)| code.trim().parse().ok())
                        .unwrap_or(0),
                    output: String::new(),
                }),
                (None, Some(step)) => {
                    step.output.push_str(line);
                    step.output.push('\n');
                }
                (None, None) => panic!("{}:{}: output before a command", self.page, self.line),
            }
        }
        steps
    }
}
