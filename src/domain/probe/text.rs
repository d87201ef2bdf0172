//! Bytes that should be text: read in the charset that they declare, else in UTF-8.
//!
//! Bytes that are no text in it satisfy no assertion about text, not even a negative one: what cannot be read was not
//! seen. The first of them is named. One leading byte order mark is no content. A NUL character is in no text: it shows
//! that the bytes are in another charset, such as UTF-16, or in none.

use encoding_rs::{DecoderResult, Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

/// What was received or read, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Result<String, Box<Broken>>);

/// Bytes that are no text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Broken {
    /// What of them can be shown.
    shown: String,
    why: String,
}

/// A byte order mark, and the charset that it stands for.
const MARKS: [(&[u8], &str); 3] = [
    (b"\xef\xbb\xbf", "UTF-8"),
    (b"\xff\xfe", "UTF-16LE"),
    (b"\xfe\xff", "UTF-16BE"),
];

impl Text {
    /// Reads `bytes` in the charset called `declared`, else in UTF-8. `cut` says that more followed: then the beginning
    /// of a character at the end is left out.
    pub fn decode(bytes: &[u8], declared: Option<&str>, cut: bool) -> Self {
        let declared = declared.map(str::trim).filter(|label| !label.is_empty());
        match declared.map(str::to_ascii_lowercase).as_deref() {
            None => utf8(bytes, cut),
            Some("us-ascii" | "ascii" | "ansi_x3.4-1968") => ascii(bytes, cut),
            // Without a mark it is big-endian: RFC 2781, section 4.3.
            Some("utf-16") => {
                let little = bytes.starts_with(b"\xff\xfe");
                encoded(bytes, if little { UTF_16LE } else { UTF_16BE }, cut)
            }
            Some(label) => match Encoding::for_label(label.as_bytes()) {
                Some(charset) if charset == UTF_8 => utf8(bytes, cut),
                Some(charset) if charset != REPLACEMENT => encoded(bytes, charset, cut),
                _ => Self::broken(
                    &String::from_utf8_lossy(bytes),
                    format!("the charset {label:?} is unknown"),
                ),
            },
        }
    }

    /// Bytes that are no text, and why. `shown` is what of them can be shown.
    pub fn broken(shown: &str, why: impl Into<String>) -> Self {
        Self(Err(Box::new(Broken {
            shown: shown.to_owned(),
            why: format!("no text: {}", why.into()),
        })))
    }

    /// The text.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(&self) -> Result<&str, &str> {
        match &self.0 {
            Ok(text) => Ok(text),
            Err(broken) => Err(&broken.why),
        }
    }

    /// What of it can be shown, text or not. Nothing may be concluded from it.
    pub fn shown(&self) -> &str {
        match &self.0 {
            Ok(text) => text,
            Err(broken) => &broken.shown,
        }
    }

    /// The same as a part of what is shown: no text where it is none.
    pub fn within(self, shown: String) -> Self {
        Self(match self.0 {
            Ok(_) => Ok(shown),
            Err(broken) => Err(Box::new(Broken { shown, ..*broken })),
        })
    }

    /// Several values of one name, as one text: none where one of them is none.
    pub fn join<'a>(all: impl IntoIterator<Item = &'a Self>, between: &str) -> Self {
        let all: Vec<&Self> = all.into_iter().collect();
        let shown: Vec<&str> = all.iter().map(|text| text.shown()).collect();
        let shown = shown.join(between);
        match all.into_iter().find(|text| text.0.is_err()) {
            None => Self(Ok(shown)),
            Some(broken) => broken.clone().within(shown),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self(Ok(String::new()))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Ok(text))
    }
}

/// The charsets that the `Content-Type` headers of a response declare: several where they contradict each other.
pub fn declared<'a>(content_types: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for content_type in content_types {
        for parameter in content_type.split(';').skip(1) {
            let Some((name, value)) = parameter.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']).trim();
            let value = value.to_ascii_lowercase();
            if name.trim().eq_ignore_ascii_case("charset") && !all.contains(&value) {
                all.push(value);
            }
        }
    }
    all
}

fn at(offset: usize, byte: u8, charset: &str) -> String {
    format!("byte 0x{byte:02x} at offset {offset} is not {charset}")
}

fn utf8(bytes: &[u8], cut: bool) -> Text {
    let mark = MARKS[0].0;
    let content = bytes.strip_prefix(mark).unwrap_or(bytes);
    let skipped = bytes.len() - content.len();
    match std::str::from_utf8(content) {
        Ok(text) => whole(text.to_owned(), content, skipped, 1),
        Err(error) => {
            let valid = error.valid_up_to();
            let (text, rest) = content.split_at(valid);
            match (rest.first(), error.error_len()) {
                (Some(_), None) if cut => {
                    whole(String::from_utf8_lossy(text).into_owned(), text, skipped, 1)
                }
                (Some(byte), _) => Text::broken(
                    &String::from_utf8_lossy(content),
                    at(skipped + valid, *byte, "UTF-8"),
                ),
                (None, _) => Text::default(),
            }
        }
    }
}

fn ascii(bytes: &[u8], cut: bool) -> Text {
    let beyond = bytes.iter().position(|byte| !byte.is_ascii());
    match beyond.and_then(|offset| Some((offset, *bytes.get(offset)?))) {
        None => utf8(bytes, cut),
        Some((offset, byte)) => Text::broken(
            &String::from_utf8_lossy(bytes),
            at(offset, byte, "US-ASCII, which is declared"),
        ),
    }
}

fn encoded(bytes: &[u8], charset: &'static Encoding, cut: bool) -> Text {
    let name = charset.name();
    let mut content = bytes;
    for (mark, stands_for) in MARKS {
        if let Some(rest) = bytes.strip_prefix(mark) {
            if stands_for != name {
                let why = format!("it declares {name} and begins with the mark of {stands_for}");
                return Text::broken(&String::from_utf8_lossy(bytes), why);
            }
            content = rest;
        }
    }
    let skipped = bytes.len() - content.len();
    let mut decoder = charset.new_decoder_without_bom_handling();
    let most = decoder.max_utf8_buffer_length_without_replacement(content.len());
    let mut text = String::with_capacity(most.unwrap_or(0));
    match decoder.decode_to_string_without_replacement(content, &mut text, !cut) {
        (DecoderResult::InputEmpty, _) => {
            let wide = charset == UTF_16LE || charset == UTF_16BE;
            whole(text, content, skipped, if wide { 2 } else { 1 })
        }
        (DecoderResult::OutputFull, _) => Text::broken(&text, "it is too long"),
        (DecoderResult::Malformed(bad, after), read) => {
            let offset = read.saturating_sub(usize::from(bad) + usize::from(after));
            let byte = content.get(offset).copied().unwrap_or_default();
            let (shown, _) = charset.decode_without_bom_handling(content);
            Text::broken(&shown, at(skipped + offset, byte, name))
        }
    }
}

/// What was decoded without a flaw, unless there is a NUL in it. A character takes `unit` bytes or more.
fn whole(text: String, content: &[u8], skipped: usize, unit: usize) -> Text {
    if !text.contains('\0') {
        return Text::from(text);
    }
    let nul = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let before = content.chunks(unit).position(nul).unwrap_or_default();
    let why = format!(
        "a NUL (byte 0x00) stands at offset {}; text in another charset has to declare it",
        skipped + before * unit
    );
    Text::broken(&text, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn text_is_read_in_the_charset_that_it_declares() {
        let little = units("\u{feff}fine ERROR", u16::to_le_bytes);
        let big = units("ERROR", u16::to_be_bytes);
        for (bytes, declared, text) in [
            (b"St\xf6rung".as_slice(), Some("ISO-8859-1"), "Störung"),
            (b"10 \x80", Some(" windows-1252 "), "10 €"),
            (b"\x83n\x83\x8d\x81[", Some("Shift_JIS"), "ハロー"),
            (b"\xd1\xce\xd1", Some("koi8-r"), "яня"),
            (&little, Some("utf-16"), "fine ERROR"),
            (&little, Some("utf-16le"), "fine ERROR"),
            (&big, Some("utf-16"), "ERROR"),
            (&big, Some("utf-16be"), "ERROR"),
            ("\u{feff}hé".as_bytes(), None, "hé"),
            ("\u{feff}\u{feff}h".as_bytes(), Some("UTF8"), "\u{feff}h"),
            ("hé".as_bytes(), Some(""), "hé"),
            (b"plain", Some("us-ascii"), "plain"),
            (b"", None, ""),
        ] {
            let read = Text::decode(bytes, declared, false);
            assert_eq!(read.read(), Ok(text), "{declared:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_say_which_of_them_is_not() {
        let little = units("ERROR", u16::to_le_bytes);
        let lone = units("a", u16::to_le_bytes);
        let lone = [lone.as_slice(), b"\x3d\xd8", b"b\0"].concat();
        for (bytes, declared, why) in [
            (
                b"St\xf6rung".as_slice(),
                None,
                "byte 0xf6 at offset 2 is not UTF-8",
            ),
            (
                b"\xef\xbb\xbfab\xff",
                None,
                "byte 0xff at offset 5 is not UTF-8",
            ),
            (b"ab\xc3", None, "byte 0xc3 at offset 2 is not UTF-8"),
            (
                b"ab\xe9",
                Some("us-ascii"),
                "byte 0xe9 at offset 2 is not US-ASCII",
            ),
            (
                b"a\x83",
                Some("shift_jis"),
                "byte 0x83 at offset 1 is not Shift_JIS",
            ),
            (b"\x1f\x8b\x08", None, "byte 0x8b at offset 1 is not UTF-8"),
            (b"\xff\xfea\0", None, "byte 0xff at offset 0 is not UTF-8"),
            (&little, None, "a NUL (byte 0x00) stands at offset 1"),
            (
                &lone,
                Some("utf-16le"),
                "byte 0x3d at offset 2 is not UTF-16LE",
            ),
            (
                b"\0a\0",
                Some("utf-16be"),
                "byte 0x00 at offset 2 is not UTF-16BE",
            ),
            (
                b"a\0\0\0",
                Some("utf-16le"),
                "a NUL (byte 0x00) stands at offset 2",
            ),
            (
                b"\xff\xfea\0",
                Some("utf-16be"),
                "begins with the mark of UTF-16LE",
            ),
            (
                b"\xef\xbb\xbfa",
                Some("latin1"),
                "begins with the mark of UTF-8",
            ),
            (b"a+AGE-", Some("utf-7"), "the charset \"utf-7\" is unknown"),
            (
                b"a",
                Some("iso-2022-kr"),
                "the charset \"iso-2022-kr\" is unknown",
            ),
        ] {
            let text = Text::decode(bytes, declared, false);
            let told = text.read().expect_err(why);
            assert!(
                told.starts_with("no text: ") && told.contains(why),
                "{why}: {told}"
            );
        }
    }

    #[test]
    fn a_character_that_was_cut_off_is_left_out() {
        for (bytes, declared, text) in [
            (b"ab\xc3".as_slice(), None, "ab"),
            (b"a\0b", Some("utf-16le"), "a"),
            (b"a\x83", Some("shift_jis"), "a"),
        ] {
            assert_eq!(Text::decode(bytes, declared, true).read(), Ok(text));
        }
        // What no continuation makes a character is none.
        assert!(Text::decode(b"ab\xff", None, true).read().is_err());
        assert!(Text::decode(b"a\xc3b", None, true).read().is_err());
    }

    #[test]
    fn a_charset_is_declared_once() {
        let html = "text/html; q=1; Charset=\"UTF-16\"";
        assert_eq!(declared([html]), ["utf-16"]);
        assert_eq!(declared(["text/html", "a/b; charset=x"]), ["x"]);
        assert_eq!(declared(["a/b; charset=x; charset=y"]), ["x", "y"]);
        assert_eq!(declared(["text/html; charset"]), [""; 0]);
    }
}
