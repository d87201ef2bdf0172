//! The prose of release notes as sections: which field a heading fills, and the texts below it.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// A field that prose fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Summary,
    Changes,
    Breaking,
    MigrationSteps,
    KnownIssues,
    Expected,
}

impl Field {
    /// The key of the same field in front matter.
    pub(super) fn key(self) -> &'static str {
        match self {
            Field::Summary => "summary",
            Field::Changes => "changes",
            Field::Breaking => "breaking",
            Field::MigrationSteps => "migration_steps",
            Field::KnownIssues => "known_issues",
            Field::Expected => "expected",
        }
    }

    fn of_heading(heading: &str) -> Option<Field> {
        let heading = heading.trim_end_matches([':', '.']).trim().to_lowercase();
        Some(match heading.as_str() {
            "summary" => Field::Summary,
            "changes" | "notable changes" => Field::Changes,
            "breaking changes" | "breaking" => Field::Breaking,
            "migration steps" => Field::MigrationSteps,
            "known issues" => Field::KnownIssues,
            "expected behaviour" | "expected behavior" => Field::Expected,
            _ => return None,
        })
    }
}

/// The kinds of change of Keep a Changelog 1.1.0.
const KINDS_OF_CHANGE: [&str; 6] = [
    "Added",
    "Changed",
    "Deprecated",
    "Removed",
    "Fixed",
    "Security",
];

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
    /// The whole text of a summary; otherwise one text per list item or paragraph.
    pub(super) content: Vec<Text>,
}

/// What the prose says.
#[derive(Debug, Default)]
pub(super) struct Prose {
    pub(super) sections: Vec<Section>,
    /// The first heading of another release's changes, which do not count: its bytes and the version.
    pub(super) elsewhere: Option<(Range<usize>, String)>,
}

/// A text of the prose without comments, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// A heading of any kind.
struct Heading {
    level: usize,
    span: Range<usize>,
    text: String,
}

/// A block of prose: a paragraph, a code block, an item of a list.
struct Block {
    span: Range<usize>,
    item: bool,
}

/// The sections of `prose`, a part of `text`, that fill fields. Changes below the heading of another version than
/// `release` are another release's.
pub(super) fn sections(text: &str, prose: Range<usize>, release: Option<&str>) -> Prose {
    let Some(body) = text.get(prose.clone()) else {
        return Prose::default();
    };
    let outline = Outline::read(body);
    let mut sections: Vec<Section> = Vec::new();
    let mut others: Option<(Range<usize>, String)> = None;
    let mut additive = false;
    // The level of the heading of another version below which nothing counts.
    let mut elsewhere: Option<usize> = None;
    for (index, heading) in outline.headings.iter().enumerate() {
        if elsewhere.is_some_and(|level| heading.level <= level) {
            elsewhere = None;
        }
        if let Some(version) = version_of(&heading.text)
            && !is_this(version, release)
        {
            elsewhere = Some(heading.level);
            others.get_or_insert_with(|| (shifted(&heading.span, prose.start), version.to_owned()));
        }
        if elsewhere.is_some() {
            continue;
        }
        let kind = KINDS_OF_CHANGE
            .iter()
            .find(|kind| kind.eq_ignore_ascii_case(heading.text.trim()));
        let (field, prefix) = match (Field::of_heading(&heading.text), kind) {
            (Some(field), _) => (field, None),
            (None, Some(kind)) => (Field::Changes, Some(*kind)),
            (None, None) => continue,
        };
        let end = outline.end_of(index, body.len());
        let mut content = if field == Field::Summary {
            outline.whole(body, heading.span.end..end)
        } else {
            outline.texts(body, heading.span.end..end)
        };
        let answered = field != Field::Summary
            && matches!(content.as_slice(), [only] if says_nothing(&only.text));
        if answered {
            content.clear();
        }
        for text in &mut content {
            if let Some(prefix) = prefix {
                text.text = format!("{prefix}: {}", text.text);
            }
            text.span = shifted(&text.span, prose.start);
        }
        // Kinds of change add up, and to a list of changes that stands before or after them.
        additive |= prefix.is_some();
        let adds = field == Field::Changes && additive;
        sections.push(Section {
            field,
            heading: shifted(&heading.span, prose.start),
            adds,
            answered: answered && prefix.is_none(),
            content,
        });
    }
    Prose {
        sections,
        elsewhere: others,
    }
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

/// The version that a heading is about: `[2.4.0] - 2026-11-20`, `v2.4.0`, `Unreleased`.
fn version_of(heading: &str) -> Option<&str> {
    let word = heading.split_whitespace().next()?;
    let bare = word.trim_start_matches('[').trim_end_matches([']', ':']);
    let digits = bare.strip_prefix('v').unwrap_or(bare);
    let version = digits.contains('.')
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
    (version || (word.starts_with('[') && word.ends_with(']'))).then_some(bare)
}

fn is_this(version: &str, release: Option<&str>) -> bool {
    let plain = |name: &str| name.strip_prefix('v').unwrap_or(name).to_owned();
    version.eq_ignore_ascii_case("unreleased")
        || release.is_none_or(|release| plain(release) == plain(version))
}

/// The headings, blocks and comments of a Markdown text, by byte.
#[derive(Default)]
struct Outline {
    headings: Vec<Heading>,
    blocks: Vec<Block>,
    comments: Vec<Range<usize>>,
}

impl Outline {
    fn read(body: &str) -> Outline {
        let mut outline = Outline::default();
        let mut heading: Option<Heading> = None;
        let mut depth = 0usize;
        for (event, span) in Parser::new(body).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                    heading = Some(Heading {
                        level: level as usize,
                        span: span.clone(),
                        text: String::new(),
                    });
                    depth += 1;
                }
                Event::End(TagEnd::Heading(_)) => {
                    depth = depth.saturating_sub(1);
                    outline.headings.extend(heading.take());
                }
                Event::Start(Tag::HtmlBlock) => {
                    comments_in(body, span.clone(), &mut outline.comments);
                    if depth == 0 {
                        outline.blocks.push(Block { span, item: false });
                    }
                    depth += 1;
                }
                Event::Start(Tag::List(_)) => depth += 1,
                Event::Start(Tag::Item) => {
                    // Directly in a list that is in nothing else.
                    if depth == 1 {
                        outline.blocks.push(Block { span, item: true });
                    }
                    depth += 1;
                }
                Event::Start(_) => {
                    if depth == 0 {
                        outline.blocks.push(Block { span, item: false });
                    }
                    depth += 1;
                }
                Event::End(_) => depth = depth.saturating_sub(1),
                Event::InlineHtml(html) if html.starts_with("<!--") => outline.comments.push(span),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.text.push_str(&text);
                    }
                }
                Event::SoftBreak | Event::HardBreak => {
                    if let Some(heading) = &mut heading {
                        heading.text.push(' ');
                    }
                }
                _ => {}
            }
        }
        outline
    }

    /// Where the section of a heading ends: at the next one that is not below it, or that fills a field itself.
    fn end_of(&self, index: usize, end: usize) -> usize {
        let level = self.headings[index].level;
        self.headings[index + 1..]
            .iter()
            .find(|next| {
                next.level <= level
                    || Field::of_heading(&next.text).is_some()
                    || KINDS_OF_CHANGE
                        .iter()
                        .any(|kind| kind.eq_ignore_ascii_case(next.text.trim()))
            })
            .map_or(end, |next| next.span.start)
    }

    /// All that stands in `span`, as one text.
    fn whole(&self, body: &str, span: Range<usize>) -> Vec<Text> {
        self.text(body, span).into_iter().collect()
    }

    /// One text per list item in `span`, or per block where there is no list.
    fn texts(&self, body: &str, span: Range<usize>) -> Vec<Text> {
        let first = self
            .blocks
            .partition_point(|block| block.span.start < span.start);
        let after = self
            .blocks
            .partition_point(|block| block.span.start < span.end);
        let blocks = self.blocks.get(first..after).unwrap_or_default();
        let any_item = blocks.iter().any(|block| block.item);
        blocks
            .iter()
            .filter(|block| block.item == any_item && block.span.end <= span.end)
            .filter_map(|block| {
                let start = if block.item {
                    block.span.start + marker_length(&body[block.span.clone()])
                } else {
                    block.span.start
                };
                self.text(body, start..block.span.end)
            })
            .collect()
    }

    /// What stands in `span` without comments and surrounding white space, if anything does.
    fn text(&self, body: &str, span: Range<usize>) -> Option<Text> {
        let mut text = String::new();
        let mut add = |part: &str| {
            // A comment that stood on lines of its own leaves none of them behind.
            let alone = text.is_empty() || text.ends_with('\n');
            text.push_str(if alone {
                part.trim_start_matches(['\r', '\n'])
            } else {
                part
            });
        };
        let mut from = span.start;
        // In the order of the text, as the blocks are.
        let first = self
            .comments
            .partition_point(|comment| comment.start < from);
        for comment in &self.comments[first..] {
            if comment.start >= span.end {
                break;
            }
            if comment.start >= from && comment.end <= span.end {
                add(body.get(from..comment.start).unwrap_or_default());
                from = comment.end;
            }
        }
        add(body.get(from..span.end).unwrap_or_default());
        let text = dedented(&text);
        if text.is_empty() {
            return None;
        }
        let raw = body.get(span.clone())?;
        let lead = raw.len() - raw.trim_start().len();
        let start = span.start + lead;
        // Underline the first line: a snippet of a page helps nobody.
        let line = raw.trim_start().lines().next().unwrap_or_default();
        Some(Text {
            text,
            span: start..start + line.trim_end().len(),
        })
    }
}

/// The length of a list item's marker and the space after it: `- `, `12. `.
fn marker_length(item: &str) -> usize {
    let rest = item.trim_start_matches([' ', '\t']);
    let indent = item.len() - rest.len();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mark = rest[digits..].starts_with(['-', '*', '+', '.', ')']);
    indent + digits + usize::from(mark)
}

/// Every HTML comment in a block of HTML.
fn comments_in(body: &str, span: Range<usize>, comments: &mut Vec<Range<usize>>) {
    let mut from = span.start;
    while let Some(open) = body.get(from..span.end).and_then(|rest| rest.find("<!--")) {
        let open = from + open;
        let close = body[open..span.end]
            .find("-->")
            .map_or(span.end, |close| open + close + 3);
        comments.push(open..close);
        from = close;
    }
}

/// The lines of a text without the white space that they share, ends trimmed, with plain line ends.
fn dedented(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    let shared = text
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = text
        .lines()
        .enumerate()
        .map(|(index, line)| match index {
            0 => line,
            _ => line.get(shared..).unwrap_or_default(),
        })
        .collect();
    lines.join("\n")
}
