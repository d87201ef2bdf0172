//! A response's body as text: in UTF-16 where it says so, else in UTF-8. One leading byte order mark is no content.

/// The text of a body whose `Content-Type` is given; what is no text in it is replaced.
pub(super) fn text(body: Vec<u8>, content_type: Option<&str>) -> String {
    let declared = content_type.and_then(charset).unwrap_or_default();
    let text = match (declared.as_str(), body.as_slice()) {
        ("utf-16" | "utf-16le", [0xff, 0xfe, rest @ ..]) => utf16(rest, u16::from_le_bytes),
        ("utf-16" | "utf-16be", [0xfe, 0xff, rest @ ..]) => utf16(rest, u16::from_be_bytes),
        ("utf-16le", bytes) => utf16(bytes, u16::from_le_bytes),
        // Without a mark it is big-endian: RFC 2781, section 4.3.
        ("utf-16" | "utf-16be", bytes) => utf16(bytes, u16::from_be_bytes),
        _ => String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    };
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

fn charset(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').skip(1);
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let pairs = bytes.chunks(2);
    // Half a unit at the end is no text.
    let units: Vec<u16> = pairs
        .map(|pair| match pair {
            [a, b] => unit([*a, *b]),
            _ => 0xfffd,
        })
        .collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_in_the_charset_that_it_declares() {
        let wide = |units: &str, unit: fn(u16) -> [u8; 2]| {
            units.encode_utf16().flat_map(unit).collect::<Vec<u8>>()
        };
        let utf16 = Some("text/html; charset=\"UTF-16\"");
        let little = wide("\u{feff}fine ERROR", u16::to_le_bytes);
        assert_eq!(text(little, utf16), "fine ERROR");
        let big = wide("ERROR", u16::to_be_bytes);
        assert_eq!(text(big.clone(), utf16), "ERROR");
        assert_eq!(text(big, Some("text/plain; charset=utf-16be")), "ERROR");
        assert_eq!(text("\u{feff}hé".into(), Some("text/plain")), "hé");
        assert_eq!(text(vec![b'a', 0xe9], None), "a\u{fffd}");
    }
}
