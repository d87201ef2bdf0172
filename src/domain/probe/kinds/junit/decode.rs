//! The bytes of a report as text: XML says itself in which charset it is written.

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

/// The declaration stands within so many bytes.
const LONGEST_DECLARATION: usize = 200;

/// The first bytes of documents that only a wide charset begins with: <https://www.w3.org/TR/xml/#sec-guessing>.
const WIDE: [(&[u8], Option<&Encoding>); 6] = [
    (b"\xff\xfe\0\0", None),
    (b"\0\0\xfe\xff", None),
    (b"<\0\0\0", None),
    (b"\0\0\0<", None),
    (b"<\0", Some(UTF_16LE)),
    (b"\0<", Some(UTF_16BE)),
];

/// The text of a report: in the charset of its byte order mark, else of its first bytes or its XML declaration, else in
/// UTF-8. What is no text in it stands in the names and output of tests, changes no element, and is replaced.
///
/// # Errors
/// The charset that it declares is unknown.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    let wide = WIDE.iter().find(|(start, _)| bytes.starts_with(start));
    let (charset, mark) = match (wide, Encoding::for_bom(bytes)) {
        (Some((_, None)), _) => return Err("it is written in UTF-32".to_owned()),
        (Some((_, Some(charset))), _) => (*charset, 0),
        (None, Some(known)) => known,
        (None, None) => (declared(bytes)?, 0),
    };
    let content = bytes.get(mark..).unwrap_or_default();
    let (text, _) = charset.decode_without_bom_handling(content);
    Ok(text.into_owned())
}

fn declared(bytes: &[u8]) -> Result<&'static Encoding, String> {
    let start = &bytes[..bytes.len().min(LONGEST_DECLARATION)];
    let start = String::from_utf8_lossy(start);
    let label = start
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split("?>").next())
        .and_then(|declaration| declaration.split_once("encoding"))
        .and_then(|(_, after)| after.trim_start().strip_prefix('='))
        .and_then(|value| {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''))?;
            value[1..].split(quote).next()
        });
    match label {
        None => Ok(UTF_8),
        Some(label) => match Encoding::for_label(label.as_bytes()) {
            // Its declaration could not be read as it was, if it were.
            Some(charset) if charset == UTF_16LE || charset == UTF_16BE => Ok(UTF_8),
            Some(charset) if charset != REPLACEMENT => Ok(charset),
            _ => Err(format!("the charset {label:?} that it declares is unknown")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_in_the_charset_that_it_declares() {
        let wide = |unit: fn(u16) -> [u8; 2]| {
            let text = "\u{feff}<a b='ö'/>";
            text.encode_utf16().flat_map(unit).collect::<Vec<u8>>()
        };
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        for unmarked in [&little[2..], &big[2..]] {
            assert_eq!(text(unmarked).as_deref(), Ok("<a b='ö'/>"));
        }
        text(b"<\0\0\0a\0\0\0").expect_err("UTF-32");
        for bytes in [
            "<a b='ö'/>".as_bytes(),
            "\u{feff}<a b='ö'/>".as_bytes(),
            &little,
            &big,
        ] {
            assert_eq!(text(bytes).as_deref(), Ok("<a b='ö'/>"));
        }
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xf6'/>";
        assert!(text(latin).expect("a text").ends_with("<a b='ö'/>"));
        let net = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a b='ö'/>";
        assert!(
            text(net.as_bytes())
                .expect("a text")
                .ends_with("<a b='ö'/>")
        );
        assert_eq!(text(b"<a b='\xf6'/>").as_deref(), Ok("<a b='\u{fffd}'/>"));
        let why = text(b"<?xml encoding='UTF-7'?><a/>").expect_err("unknown");
        assert!(why.contains("UTF-7"), "{why}");
    }
}
