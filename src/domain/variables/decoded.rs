//! A text as whoever decodes it would read it: JSON, HTML, URL, shell and hex escapes taken away, case folded, every byte
//! with its place in the text.
//!
//! What one program wrote in one encoding another one writes in a second, so a decoded text is decoded again: every two
//! encodings one after the other, and all of them at once three times. A secret is compared in the views of all at once
//! too, so that what looks like an escape in it is not lost.

/// How often a text is decoded with all encodings at once.
pub(super) const DEPTH: usize = 3;

/// Which escapes are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// JSON, Rust, Python, C and shells.
    Backslash,
    /// URLs.
    Percent,
    /// URLs of forms, where `+` is a space.
    Form,
    /// HTML and XML.
    Entity,
    /// All of them.
    Any,
}

/// The encodings by themselves.
pub(super) const ENCODINGS: [Encoding; 4] = [
    Encoding::Backslash,
    Encoding::Percent,
    Encoding::Form,
    Encoding::Entity,
];

/// The longest escape: a character in two halves, `\ud83d\ude00`.
const LONGEST: usize = 12;

/// One view of a text.
pub(super) struct View {
    /// What it reads.
    pub bytes: Vec<u8>,
    /// The same, letters small and control characters as spaces.
    pub folded: Vec<u8>,
    /// Where each byte begins and ends in the text.
    pub places: Vec<(usize, usize)>,
    /// From where on in the text more of it could make an escape of what is none now.
    pub undecided: usize,
}

/// What stands at a place.
enum Found {
    /// It stands for itself.
    Itself,
    /// An escape of such a length.
    Escape(char, usize),
    /// An escape for one byte, which may be a part of a character.
    Byte(u8, usize),
    /// The text ends within what may be an escape.
    Unfinished,
}

impl View {
    /// The text itself.
    pub fn of(text: &[u8]) -> Self {
        let mut view = Self::with_capacity(text.len(), text.len());
        for (at, byte) in text.iter().enumerate() {
            view.push(*byte, (at, at + 1));
        }
        view
    }

    fn with_capacity(length: usize, undecided: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(length),
            folded: Vec::with_capacity(length),
            places: Vec::with_capacity(length),
            undecided,
        }
    }

    fn push(&mut self, byte: u8, place: (usize, usize)) {
        self.bytes.push(byte);
        self.folded.push(fold(byte));
        self.places.push(place);
    }

    /// What this view decodes to, where it does not to itself, and will not whatever follows.
    pub fn decoded(&self, encoding: Encoding) -> Option<Self> {
        let length = self.bytes.len();
        let mut view = Self::with_capacity(length, self.undecided);
        let mut changed = false;
        let mut at = 0;
        while at < length {
            let rest = &self.bytes[at..length.min(at + LONGEST)];
            let (from, _) = self.places[at];
            let until = |taken: usize| self.places[at + taken - 1].1;
            let taken = match escape(rest, encoding) {
                Found::Escape(c, taken) => {
                    let mut buffer = [0; 4];
                    for byte in c.encode_utf8(&mut buffer).bytes() {
                        view.push(byte, (from, until(taken)));
                    }
                    changed = true;
                    taken
                }
                Found::Byte(byte, taken) => {
                    view.push(byte, (from, until(taken)));
                    changed = true;
                    taken
                }
                found => {
                    if matches!(found, Found::Unfinished) {
                        view.undecided = view.undecided.min(from);
                        changed = true;
                    }
                    view.push(self.bytes[at], self.places[at]);
                    1
                }
            };
            at += taken;
        }
        changed.then_some(view)
    }
}

fn fold(byte: u8) -> u8 {
    match byte {
        0..=0x1f | 0x7f => b' ',
        byte => byte.to_ascii_lowercase(),
    }
}

fn escape(rest: &[u8], encoding: Encoding) -> Found {
    use Encoding::{Any, Backslash, Entity, Form, Percent};
    match (rest.first(), encoding) {
        (Some(b'\\'), Backslash | Any) => backslash(rest),
        (Some(b'\''), Backslash | Any) => quote(rest),
        (Some(b'%'), Percent | Form | Any) => percent(rest),
        (Some(b'+'), Form | Any) => Found::Byte(b' ', 1),
        (Some(b'&'), Entity | Any) => entity(rest),
        _ => Found::Itself,
    }
}

fn percent(rest: &[u8]) -> Found {
    match (rest.get(1).map(digit), rest.get(2).map(digit)) {
        (Some(Some(high)), Some(Some(low))) => Found::Byte(high * 16 + low, 3),
        (None, _) | (Some(Some(_)), None) => Found::Unfinished,
        _ => Found::Itself,
    }
}

/// A quote in a text in single quotes, as shells and Python write it.
fn quote(rest: &[u8]) -> Found {
    for form in [&b"'\\''"[..], b"'\"'\"'"] {
        if rest.starts_with(form) {
            return Found::Byte(b'\'', form.len());
        }
        if form.starts_with(rest) {
            return Found::Unfinished;
        }
    }
    Found::Itself
}

/// What JSON, Rust, Python, C and shells write with a backslash.
fn backslash(rest: &[u8]) -> Found {
    match rest.get(1) {
        None => Found::Unfinished,
        Some(b'x') => match (rest.get(2).map(digit), rest.get(3).map(digit)) {
            (Some(Some(high)), Some(Some(low))) => Found::Byte(high * 16 + low, 4),
            (None, _) | (Some(Some(_)), None) => Found::Unfinished,
            _ => Found::Itself,
        },
        Some(b'u') if rest.get(2) == Some(&b'{') => braces(rest),
        Some(b'u') => unicode(rest),
        Some(b'0'..=b'3') => match rest.get(2..4) {
            Some([middle @ b'0'..=b'7', last @ b'0'..=b'7']) => {
                let first = rest[1] - b'0';
                Found::Byte(first * 64 + (middle - b'0') * 8 + (last - b'0'), 4)
            }
            None if rest[2..].iter().all(|it| (b'0'..=b'7').contains(it)) => Found::Unfinished,
            _ if rest[1] == b'0' => Found::Byte(b' ', 2),
            _ => Found::Itself,
        },
        Some(b'n' | b'r' | b't' | b'b' | b'f' | b'v') => Found::Byte(b' ', 2),
        Some(byte) if byte.is_ascii_punctuation() || *byte == b' ' => Found::Byte(*byte, 2),
        Some(_) => Found::Itself,
    }
}

/// `\u{1f600}`
fn braces(rest: &[u8]) -> Found {
    let inner = &rest[3..];
    let digits = inner.iter().take_while(|it| digit(it).is_some()).count();
    match inner.get(digits) {
        Some(b'}') => match number(&inner[..digits], 16).and_then(char::from_u32) {
            Some(c) => Found::Escape(c, digits + 4),
            None => Found::Itself,
        },
        None if digits <= 6 => Found::Unfinished,
        _ => Found::Itself,
    }
}

/// `\u0026`, and `\ud83d\ude00` in two halves.
fn unicode(rest: &[u8]) -> Found {
    let half = |from: usize| number(rest.get(from..from + 4)?, 16);
    let Some(first) = half(2) else {
        let digits = rest.iter().skip(2).take(4);
        return match rest.len() < 6 && digits.clone().all(|it| digit(it).is_some()) {
            true => Found::Unfinished,
            false => Found::Itself,
        };
    };
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).map_or(Found::Itself, |c| Found::Escape(c, 6));
    }
    let second = half(8).filter(|_| rest.get(6..8) == Some(&b"\\u"[..]));
    match second {
        Some(second @ 0xdc00..0xe000) => {
            let c = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            c.map_or(Found::Itself, |c| Found::Escape(c, 12))
        }
        _ if rest.len() < LONGEST => Found::Unfinished,
        _ => Found::Itself,
    }
}

/// What HTML and XML write for the characters that they need, and for those that careful programs write so.
fn entity(rest: &[u8]) -> Found {
    const NAMES: [(&str, char); 26] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("sol", '/'),
        ("bsol", '\\'),
        ("plus", '+'),
        ("equals", '='),
        ("commat", '@'),
        ("colon", ':'),
        ("semi", ';'),
        ("num", '#'),
        ("percnt", '%'),
        ("dollar", '$'),
        ("excl", '!'),
        ("ast", '*'),
        ("lpar", '('),
        ("rpar", ')'),
        ("quest", '?'),
        ("grave", '`'),
        ("lowbar", '_'),
        ("period", '.'),
        ("comma", ','),
        ("hat", '^'),
    ];
    let inner = &rest[1..];
    let Some(end) = inner.iter().position(|byte| *byte == b';') else {
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
        return match inner.len() < LONGEST - 1 && inner.iter().all(name) {
            true => Found::Unfinished,
            false => Found::Itself,
        };
    };
    let c = match &inner[..end] {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16).and_then(char::from_u32),
        [b'#', digits @ ..] => number(digits, 10).and_then(char::from_u32),
        name => {
            let same = |(known, _): &&(&str, char)| known.as_bytes().eq_ignore_ascii_case(name);
            NAMES.iter().find(same).map(|(_, c)| *c)
        }
    };
    c.map_or(Found::Itself, |c| Found::Escape(c, end + 2))
}

fn digit(byte: &u8) -> Option<u8> {
    let digit = char::from(*byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()
}
