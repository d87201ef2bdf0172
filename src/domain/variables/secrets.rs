//! Secrets, and where they stand in a text in any of the forms in which they would be shown.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::MASK;
use super::decoded::{DEPTH, ENCODINGS, Encoding, View};

/// A shorter secret would be found everywhere, and is not masked.
const SHORTEST_SECRET: usize = 3;

/// A line of a secret of several lines is masked by itself from this length on.
const SHORTEST_LINE: usize = 6;

/// What stands where a message was cut.
const CUT: &[u8] = "…".as_bytes();

/// Secrets, and the forms in which they would be shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// What is looked for in every view of a text, with its table of [`borders`].
    forms: BTreeMap<Form, Vec<usize>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    bytes: Vec<u8>,
    /// Whether capitals count: in base64 they do.
    exact: bool,
}

/// Says how many there are, and nothing of them.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} forms)", self.forms.len())
    }
}

/// Where secrets stand in a text.
pub(super) struct Spans {
    /// From where to where, sorted; some may overlap.
    pub all: Vec<(usize, usize)>,
    /// From where on more text could make a difference.
    pub settled: usize,
    /// From where on more text could make an escape of what is none now.
    decided: usize,
}

impl Secrets {
    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Adds a secret: itself, its base64 (of both alphabets, also as a part of a longer text's) and its hexadecimal digits.
    /// They are found in capitals and small letters, and escaped for JSON, HTML, URLs and shells, up to three times over.
    /// One of several lines is also masked line by line. One shorter than 3 bytes is not added.
    pub fn add(&mut self, secret: &str) {
        self.add_whole(secret);
        if secret.contains(['\n', '\r']) {
            for line in secret.lines().map(str::trim) {
                if line.len() >= SHORTEST_LINE {
                    self.add_whole(line);
                }
            }
        }
    }

    fn add_whole(&mut self, secret: &str) {
        if secret.len() < SHORTEST_SECRET {
            return;
        }
        for form in [secret, secret.trim()] {
            self.add_form(form.as_bytes(), false);
        }
        let digits = secret.bytes().map(|byte| format!("{byte:02x}"));
        self.add_form(digits.collect::<String>().as_bytes(), false);
        for form in base64_forms(secret.as_bytes()) {
            self.add_form(form.as_bytes(), true);
        }
    }

    /// Adds a form as each view of a text would show it.
    fn add_form(&mut self, form: &[u8], exact: bool) {
        let mut view = View::of(form);
        for _ in 0..=DEPTH {
            let bytes = match exact {
                true => view.bytes.clone(),
                false => view.folded.clone(),
            };
            if bytes.len() >= SHORTEST_SECRET {
                let borders = borders(&bytes);
                self.forms.insert(Form { bytes, exact }, borders);
            }
            match view.decoded(Encoding::Any) {
                Some(decoded) => view = decoded,
                None => return,
            }
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        let forms = other.forms.iter();
        self.forms
            .extend(forms.map(|(form, borders)| (form.clone(), borders.clone())));
    }

    /// `text` with `***` for every secret in any of its forms, also where two overlap, and where a message was cut
    /// (`…`) in the middle of one.
    pub fn mask(&self, text: &str) -> String {
        if self.is_empty() || text.len() < SHORTEST_SECRET {
            return text.to_owned();
        }
        let spans = self.spans(text.as_bytes());
        let mut masked = Vec::with_capacity(text.len());
        let mut done = 0;
        for (begin, end) in spans.all {
            if end <= done {
                continue;
            }
            if begin >= done {
                masked.extend_from_slice(&text.as_bytes()[done..begin]);
                masked.extend_from_slice(MASK.as_bytes());
            }
            done = end;
        }
        masked.extend_from_slice(&text.as_bytes()[done..]);
        String::from_utf8_lossy(&masked).into_owned()
    }

    /// Where they stand in `text`. Takes the time of the text for each form, whatever repeats in them.
    pub(super) fn spans(&self, text: &[u8]) -> Spans {
        let mut spans = Spans {
            all: Vec::new(),
            settled: text.len(),
            decided: text.len(),
        };
        let text = View::of(text);
        self.find(&text, &mut spans);
        for encoding in ENCODINGS {
            let Some(once) = self.decode(&text, encoding, &mut spans) else {
                continue;
            };
            for encoding in ENCODINGS {
                self.decode(&once, encoding, &mut spans);
            }
        }
        let mut view = text;
        for _ in 0..DEPTH {
            match self.decode(&view, Encoding::Any, &mut spans) {
                Some(decoded) => view = decoded,
                None => break,
            }
        }
        spans.all.sort_unstable();
        // What ends within a possible escape may end with it.
        let open = spans.all.iter().find(|(_, end)| *end > spans.decided);
        let open = open.map_or(spans.decided, |(begin, _)| *begin);
        spans.settled = spans.settled.min(open);
        spans
    }
}

impl Secrets {
    /// Decodes a view, and looks for the forms in what comes out, where that is another one.
    fn decode(&self, view: &View, encoding: Encoding, spans: &mut Spans) -> Option<View> {
        let decoded = view.decoded(encoding)?;
        spans.decided = spans.decided.min(decoded.undecided);
        self.find(&decoded, spans);
        Some(decoded)
    }

    fn find(&self, view: &View, spans: &mut Spans) {
        for (form, borders) in &self.forms {
            find(form, borders, view, spans);
        }
    }
}

/// By length of a beginning of `form`: how long the longest shorter one is that it ends with.
fn borders(form: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; form.len() + 1];
    for at in 1..form.len() {
        borders[at + 1] = longer(form, &borders, borders[at], form[at]);
    }
    borders
}

/// How much of `form` there is after one more byte.
fn longer(form: &[u8], borders: &[usize], mut length: usize, byte: u8) -> usize {
    while length > 0 && form.get(length) != Some(&byte) {
        length = borders[length];
    }
    length + usize::from(form.get(length) == Some(&byte))
}

/// Where `form` stands in the view, also where it overlaps itself; and where its beginning, three bytes of it or more,
/// stands before a `…`, or, settled by what comes, at the end. The algorithm of Knuth, Morris and Pratt.
fn find(form: &Form, borders: &[usize], view: &View, spans: &mut Spans) {
    let text = match form.exact {
        true => &view.bytes,
        false => &view.folded,
    };
    let mut length = 0;
    let mut decided = true;
    for (at, byte) in text.iter().enumerate() {
        if decided && view.places[at].0 >= view.undecided {
            decided = false;
            // It goes on if an escape comes of what follows.
            let begin = view.places[at - length.min(at)].0;
            spans.settled = spans.settled.min(begin);
        }
        if length >= SHORTEST_SECRET && *byte == CUT[0] && text[at..].starts_with(CUT) {
            spans
                .all
                .push((view.places[at - length].0, view.places[at - 1].1));
        }
        length = longer(&form.bytes, borders, length, *byte);
        if length == form.bytes.len() {
            spans
                .all
                .push((view.places[at + 1 - length].0, view.places[at].1));
        }
    }
    // A whole form may begin another one with its end.
    let begun = match length == form.bytes.len() {
        true => borders[length],
        false => length,
    };
    if let Some((begin, _)) = view.places.get(text.len() - begun) {
        spans.settled = spans.settled.min(*begin);
    }
}

/// The characters of the base64 that the secret alone decides, for each of the three places in which it may begin in a
/// longer text, such as `user:secret`. Padding is no part of them and shows nothing.
fn base64_forms(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for offset in 0..3 {
        let mut bytes = vec![0; offset];
        bytes.extend_from_slice(secret);
        for encoded in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            // Six bits a character: the first ones belong to what comes before, the last one to what follows.
            let first = (offset * 8).div_ceil(6);
            let last = bytes.len() * 8 / 6;
            if last.saturating_sub(first) >= SHORTEST_SECRET {
                forms.push(encoded[first..last].to_owned());
            }
            if offset == 0 {
                forms.push(encoded);
            }
        }
    }
    forms
}
