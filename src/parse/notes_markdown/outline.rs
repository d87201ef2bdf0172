//! The headings, blocks and comments of a Markdown text, by byte: what stands where, and nothing of what it means.

use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

/// A part of a text that stands in nothing else, in the order of the text.
#[derive(Debug)]
pub(super) enum Part {
    Heading(Heading),
    Block(Block),
}

/// A heading of any kind.
#[derive(Debug)]
pub(super) struct Heading {
    pub(super) level: usize,
    pub(super) span: Range<usize>,
    /// What of it can be read.
    pub(super) text: String,
    /// Its bytes without the marks that make it a heading.
    pub(super) inner: Range<usize>,
}

/// A block of prose.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) span: Range<usize>,
    pub(super) kind: BlockKind,
}

/// What a block is, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// An item of a list that is in nothing else, without its marker.
    Item,
    Paragraph,
    Html,
    /// A code block, a quotation.
    Other,
}

/// A text of the prose without comments, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// A text's parts.
pub(super) struct Outline<'a> {
    body: &'a str,
    pub(super) parts: Vec<Part>,
    comments: Vec<Range<usize>>,
    /// Where a link or an image names a definition that stands elsewhere, and that definition.
    references: Vec<(usize, String)>,
}

impl<'a> Outline<'a> {
    pub(super) fn read(body: &'a str) -> Self {
        let mut outline = Outline {
            body,
            parts: Vec::new(),
            comments: Vec::new(),
            references: Vec::new(),
        };
        let mut heading: Option<Heading> = None;
        let mut depth = 0usize;
        // Without footnotes, one of a single word would be a link's definition, which nobody sees.
        let events = Parser::new_ext(body, Options::ENABLE_FOOTNOTES);
        for (event, span) in events.into_offset_iter() {
            outline.refer(&event, span.start);
            match event {
                Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                    heading = Some(Heading {
                        level: level as usize,
                        inner: span.end..span.end,
                        span,
                        text: String::new(),
                    });
                    depth += 1;
                }
                Event::End(TagEnd::Heading(_)) => {
                    depth = depth.saturating_sub(1);
                    outline.parts.extend(heading.take().map(Part::Heading));
                }
                Event::Start(tag) => {
                    if tag == Tag::HtmlBlock {
                        comments_in(body, span.clone(), &mut outline.comments);
                    }
                    if let Some(heading) = &mut heading {
                        heading.covers(&span);
                    }
                    outline.block(&tag, span, depth);
                    depth += 1;
                }
                Event::End(_) => depth = depth.saturating_sub(1),
                event => {
                    if let Some(heading) = &mut heading {
                        heading.covers(&span);
                        match &event {
                            Event::Text(text) | Event::Code(text) => heading.text.push_str(text),
                            Event::SoftBreak | Event::HardBreak => heading.text.push(' '),
                            _ => {}
                        }
                    }
                    if matches!(&event, Event::InlineHtml(html) if html.starts_with("<!--")) {
                        outline.comments.push(span);
                    }
                }
            }
        }
        outline
    }

    /// Takes in what begins at `depth`: what is in nothing else, and the items of a list that is in nothing else.
    fn block(&mut self, tag: &Tag<'_>, span: Range<usize>, depth: usize) {
        let kind = match (tag, depth) {
            (Tag::List(_), 0) => return,
            (Tag::Item, 1) => BlockKind::Item,
            (_, 1..) => return,
            (Tag::Paragraph, 0) => BlockKind::Paragraph,
            (Tag::HtmlBlock, 0) => BlockKind::Html,
            (_, 0) => BlockKind::Other,
        };
        let span = match kind {
            BlockKind::Item => {
                let marker = marker_length(self.body.get(span.clone()).unwrap_or_default());
                span.start + marker..span.end
            }
            _ => span,
        };
        self.parts.push(Part::Block(Block { span, kind }));
    }

    /// Keeps where a definition is named, so that what is said includes where it leads.
    fn refer(&mut self, event: &Event<'_>, at: usize) {
        let (Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        })
        | Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        })) = event
        else {
            return;
        };
        if matches!(
            link_type,
            LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut
        ) {
            let title = match title.is_empty() {
                true => String::new(),
                false => format!(" {title:?}"),
            };
            let definition = format!("[{id}]: {dest_url}{title}");
            self.references.push((at, definition));
        }
    }

    /// What stands in `span` without comments and surrounding white space, if anything does. Definitions of links that it
    /// names follow it.
    pub(super) fn text(&self, span: Range<usize>) -> Option<Text> {
        let body = self.body;
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
        let mut text = dedented(&text);
        if text.is_empty() {
            return None;
        }
        self.define(&span, &mut text);
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

    /// Adds the definitions that `span` names to its text, each once, where they do not stand in it.
    fn define(&self, span: &Range<usize>, text: &mut String) {
        let first = self.references.partition_point(|(at, _)| *at < span.start);
        let inside = self.references.iter().skip(first);
        let mut added: Vec<&str> = Vec::new();
        for (_, definition) in inside.take_while(|(at, _)| *at < span.end) {
            // Further ones are told from others by their names alone.
            const MOST: usize = 100;
            let stands = added.contains(&definition.as_str())
                || added.len() >= MOST
                || text.lines().any(|line| line.trim() == definition);
            if !stands {
                added.push(definition);
            }
        }
        for definition in added {
            text.push('\n');
            text.push_str(definition);
        }
    }
}

impl Heading {
    fn covers(&mut self, span: &Range<usize>) {
        let start = self.inner.start.min(span.start);
        let end = match self.inner.is_empty() {
            true => span.end,
            false => self.inner.end.max(span.end),
        };
        self.inner = start..end;
    }
}

/// The length of a list item's marker and the space before it: `- `, `12. `.
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
