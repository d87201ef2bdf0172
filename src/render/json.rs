//! Results for programs: one JSON object, versioned.

use std::io::{self, Write};

use serde::Serialize;

use super::text;

/// The version of the form in which results are written. It grows when a field changes its meaning or goes; a new field
/// does not change it.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Envelope<'a, T: ?Sized> {
    version: u32,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a T>,
}

/// Writes `{"version":1,"command":…,"result":…}` over several lines.
///
/// # Errors
/// What `out` reports.
pub fn result<T: Serialize + ?Sized>(
    command: &str,
    result: &T,
    out: &mut dyn Write,
) -> io::Result<()> {
    pretty(
        &Envelope {
            version: VERSION,
            command,
            result: Some(result),
            error: None,
        },
        out,
    )
}

/// Writes the same in one line.
///
/// # Errors
/// What `out` reports.
pub fn result_line<T: Serialize + ?Sized>(
    command: &str,
    result: &T,
    out: &mut dyn Write,
) -> io::Result<()> {
    let line = line(&Envelope {
        version: VERSION,
        command,
        result: Some(result),
        error: None,
    })?;
    writeln!(out, "{line}")
}

/// Writes `{"version":1,"command":…,"error":…}` over several lines.
///
/// # Errors
/// What `out` reports.
pub fn error<T: Serialize + ?Sized>(
    command: &str,
    error: &T,
    out: &mut dyn Write,
) -> io::Result<()> {
    pretty(
        &Envelope {
            version: VERSION,
            command,
            result: None,
            error: Some(error),
        },
        out,
    )
}

fn pretty<T: Serialize>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(out, "{}", escaped(&text))
}

/// `value` in one line.
///
/// # Errors
/// Where it cannot be JSON.
pub fn line<T: Serialize>(value: &T) -> io::Result<String> {
    Ok(escaped(&serde_json::to_string(value)?))
}

/// The same JSON with what would act on a terminal written as `\u`. Such characters stand within strings only: the
/// line breaks between the fields are all that JSON has outside of them.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && text::is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_reads_back() {
        let hostile = "a\x1b[2J\u{9b}\u{202e}\u{7f}\u{e0041}\n日";
        let mut out = Vec::new();
        result("log", hostile, &mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("text");
        assert!(!text.chars().any(|c| c != '\n' && text::is_unsafe(c)));
        let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            back,
            serde_json::json!({"version": 1, "command": "log", "result": hostile})
        );
    }

    #[test]
    fn an_error_is_no_result() {
        let mut out = Vec::new();
        error("check", "no", &mut out).expect("a vector takes everything");
        let back: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(
            back,
            serde_json::json!({"version": 1, "command": "check", "error": "no"})
        );
    }
}
