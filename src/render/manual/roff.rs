//! Markdown as a manual page: what `man` reads.

use super::terminal::{Kind, blocks};
use crate::render::page::Emphasis;

/// A page of a section of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// `relgate-policy`.
    pub name: &'a str,
    /// 5 for files, 7 for topics.
    pub section: u8,
    /// One line: what it is.
    pub about: &'a str,
}

/// The manual page of a Markdown text.
pub fn page(header: Header<'_>, text: &str) -> String {
    let Header {
        name,
        section,
        about,
    } = header;
    let mut out = format!(
        ".TH {} {section} \"\" \"relgate {}\" \"relgate manual\"\n.SH NAME\n{} \\- {}\n.SH DESCRIPTION\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION"),
        escaped(name),
        escaped(about),
    );
    for block in blocks(text).into_iter() {
        let said: String = block
            .spans
            .iter()
            .map(|span| match span.emphasis {
                Emphasis::Code | Emphasis::Strong if block.kind != Kind::Heading => {
                    format!("\\fB{}\\fR", escaped(&span.text))
                }
                _ => escaped(&span.text),
            })
            .collect();
        match block.kind {
            Kind::Heading => out.push_str(&format!(".SH {}\n", said.to_uppercase())),
            Kind::Code => {
                out.push_str(".PP\n.RS 4\n.nf\n");
                let all: String = block.spans.iter().map(|it| it.text.as_str()).collect();
                for line in all.trim_end().lines() {
                    out.push_str(&guarded(&escaped(line)));
                }
                out.push_str(".fi\n.RE\n");
            }
            Kind::Term => out.push_str(&format!(".TP\n{}", guarded(&said))),
            Kind::Definition => out.push_str(&format!("{}.br\n", guarded(&said))),
            Kind::Text if block.first.trim().is_empty() => {
                out.push_str(&format!(".PP\n{}", guarded(&said)));
            }
            Kind::Text => out.push_str(&format!(
                ".IP \"{}\" 4\n{}",
                escaped(block.first.trim()),
                guarded(&said)
            )),
        }
    }
    out
}

/// A text in which nothing is an instruction to roff.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// A line that does not begin with an instruction.
fn guarded(line: &str) -> String {
    let guard = if line.starts_with(['.', '\'']) {
        "\\&"
    } else {
        ""
    };
    format!("{guard}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_header_and_no_line_that_is_an_instruction_by_accident() {
        let header = Header {
            name: "relgate-policy",
            section: 5,
            about: "the policy",
        };
        let text = "# The policy\n\n.hidden `a-b` \\n\n\n```yaml\n.x: 1\n'y\n```\n\n| key | |\n| --- | --- |\n| `k` | v |\n";
        let page = page(header, text);
        assert!(page.starts_with(".TH RELGATE-POLICY 5 "), "{page}");
        assert!(page.contains("\\&.hidden \\fBa\\-b\\fR \\en\n"), "{page}");
        assert!(page.contains("\\&.x: 1\n\\&'y\n"), "{page}");
        assert!(page.contains(".TP\n\\fBk\\fR\nv\n"), "{page}");
    }
}
