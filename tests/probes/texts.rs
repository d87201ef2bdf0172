//! Bytes that are no text satisfy no assertion about text, whichever kind of probe receives them; and text is read in the
//! charset that it declares.

use std::path::Path;

use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Pass};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use crate::support::{Server, probe};

/// Bytes, the charset that they declare, and which of them is no text.
const NO_TEXT: [(&[u8], &str, &str); 8] = [
    (b"St\xf6rung", "", "byte 0xf6 at offset 2"),
    (b"all is well\xff", "", "byte 0xff at offset 11"),
    (b"cut \xe2\x82", "utf-8", "byte 0xe2 at offset 4"),
    (b"\xff\xfeE\0R\0R\0", "", "byte 0xff at offset 0"),
    (b"E\0R\0R\0O\0R\0", "", "byte 0x00) stands at offset 1"),
    (b"\x1f\x8b\x08\x00abc", "", "byte 0x8b at offset 1"),
    (b"\xfe\xff\xd8\x3d\x00a", "utf-16", "byte 0xd8 at offset 2"),
    (b"{\"a\": \"\xf6\"}", "utf-8", "byte 0xf6 at offset 7"),
];

/// What may be asserted about a text: each would hold of one that says nothing of it, or of what is replaced.
fn assertions() -> Vec<Value> {
    vec![
        json!({"not_contains": "ERROR"}),
        json!({"matches": "(?s)^.*$"}),
        json!({"matches": ""}),
        json!({"contains": ""}),
        json!({"equals": "St\u{fffd}rung"}),
    ]
}

/// The same of JSON.
fn about_json() -> Vec<Value> {
    vec![
        json!({"json": [{"path": "$.a", "not": "ö"}]}),
        json!({"json": [{"path": "$.b", "exists": false}]}),
        json!({"json": [{"path": "$..b", "length": 0}]}),
        json!({"json_schema": {"not": {"const": "ö"}}}),
    ]
}

fn http(bytes: &[u8], content_type: &str) -> Server {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{content_type}\r\n",
        bytes.len()
    )
    .into_bytes();
    answer.extend_from_slice(bytes);
    Server::answering(answer, true)
}

fn sample(root: &Path, ask: Value) -> (Verdict, String) {
    let samples = SystemProber::new(root).sample(&[probe("p", ask)], 1, None);
    (samples[0].verdict, samples[0].reason())
}

#[test]
fn bytes_that_are_no_text_satisfy_no_assertion_of_any_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let mut wrong = Vec::new();
    for (bytes, charset, why) in NO_TEXT {
        std::fs::write(root.join("bytes"), bytes).expect("written");
        let declared = match charset {
            "" => String::new(),
            charset => format!("Content-Type: text/plain; charset={charset}\r\n"),
        };
        let page = http(bytes, &declared);
        let raw = bytes.to_vec();
        let banner = Server::new(move |mut stream| {
            let _ = std::io::Write::write_all(&mut stream, &raw);
        });
        let mut asked = Vec::new();
        let address = banner.address.to_string();
        for text in assertions() {
            asked.push(
                json!({"http": {"url": page.url(), "expect": {"status": 200, "body": text}}}),
            );
            if charset == "utf-16" {
                continue;
            }
            asked.push(
                json!({"file": {"path": "bytes", "expect": {"exists": true, "contents": text}}}),
            );
            let cat = json!(["cat", "bytes"]);
            asked.push(json!({"command": {"argv": cat, "expect": {"exit": 0, "stdout": text}}}));
            let loud = json!(["sh", "-c", "cat bytes >&2"]);
            asked.push(json!({"command": {"argv": loud, "expect": {"exit": 0, "stderr": text}}}));
            asked.push(json!({"tcp": {"address": address, "expect": text}}));
        }
        for json in about_json() {
            asked.push(json!({"http": {"url": page.url(), "expect": json}}));
            if charset == "utf-16" {
                continue;
            }
            asked.push(json!({"file": {"path": "bytes", "expect": json}}));
            let mut command = json!({"command": {"argv": ["cat", "bytes"], "expect": json}});
            command["command"]["expect"]["exit"] = 0.into();
            asked.push(command);
        }
        let capture = json!({"x": {"regex": "."}});
        asked.push(
            json!({"capture": capture, "http": {"url": page.url(), "expect": {"status": 200}}}),
        );
        for ask in asked {
            let (verdict, reason) = sample(root, ask.clone());
            if verdict != Fail || !reason.contains(why) {
                wrong.push(format!("{ask}: {verdict:?}, {reason}"));
            }
        }
        for ask in [
            json!({"json": {"url": page.url(), "path": "$.a"}}),
            json!({"exposition": {"url": page.url(), "metric": "a"}}),
            json!({"prometheus": {"url": page.url(), "query": "a"}}),
        ] {
            let mut ask = json!({"metric": ask});
            ask["metric"]["expect"] = json!({"at_most": 1});
            let (verdict, reason) = sample(root, ask.clone());
            if verdict != Error || !reason.contains(why) {
                wrong.push(format!("{ask}: {verdict:?}, {reason}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_header_whose_bytes_are_no_text_satisfies_nothing() {
    let server = Server::answering(
        &b"HTTP/1.1 200 OK\r\nX-Name: K\xf6ln\r\nX-City: K\xc3\xb6ln\r\nContent-Length: 0\r\n\r\n"
            [..],
        true,
    );
    for text in assertions() {
        let expect = json!({"status": 200, "headers": {"X-Name": text}});
        let (verdict, why) = sample(
            Path::new("/"),
            json!({"http": {"url": server.url(), "expect": expect}}),
        );
        assert_eq!(verdict, Fail, "{text}: {why}");
        assert!(why.contains("byte 0xf6 at offset 1 is not UTF-8"), "{why}");
    }
    let expect = json!({"headers": {"X-City": {"equals": "Köln"}}});
    let (verdict, why) = sample(
        Path::new("/"),
        json!({"http": {"url": server.url(), "expect": expect}}),
    );
    assert_eq!(verdict, Pass, "{why}");
}

#[test]
fn text_is_read_in_the_charset_that_it_declares_and_a_mark_is_no_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for (bytes, charset, text) in [
        (b"Gr\xfc\xdfe".as_slice(), "ISO-8859-1", "Grüße"),
        (b"10 \x80", "windows-1252", "10 €"),
        (b"\xff\xfef\0i\0n\0e\0", "utf-16", "fine"),
        (b"\xef\xbb\xbffine", "utf-8", "fine"),
    ] {
        let page = http(
            bytes,
            &format!("Content-Type: text/html; charset={charset}\r\n"),
        );
        let expect = json!({"body": {"equals": text, "matches": format!("^{text}$")}});
        let (verdict, why) = sample(root, json!({"http": {"url": page.url(), "expect": expect}}));
        assert_eq!(verdict, Pass, "{charset}: {why}");
    }
    let marked = b"\xef\xbb\xbf{\"a\": 1}";
    std::fs::write(root.join("marked.json"), marked).expect("written");
    std::fs::write(
        root.join("schema.json"),
        b"\xef\xbb\xbf{\"type\": \"object\"}",
    )
    .expect("written");
    std::fs::write(
        root.join("marked.xml"),
        b"\xef\xbb\xbf<testsuite><testcase name='a'/></testsuite>",
    )
    .expect("written");
    let page = http(marked, "");
    let value = json!([{"path": "$.a", "equals": 1}]);
    for ask in [
        json!({"http": {"url": page.url(), "expect": {"json": value}}}),
        json!({"file": {"path": "marked.json", "expect": {"json": value}}}),
        json!({"file": {"path": "marked.json", "expect": {"contents": {"matches": "^\\{"}}}}),
        json!({"command": {"argv": ["cat", "marked.json"], "expect": {"json": value}}}),
        json!({"metric": {"json": {"url": page.url(), "path": "$.a"}, "expect": {"equals": 1}}}),
        json!({"metric": {"json": {"file": "marked.json", "path": "$.a"}, "expect": {"equals": 1}}}),
        json!({"junit": {"path": "marked.xml", "expect": {"executed": 1}}}),
    ] {
        let (verdict, why) = sample(root, ask.clone());
        assert_eq!(verdict, Pass, "{ask}: {why}");
    }
}

#[test]
fn what_is_packed_on_its_way_or_declares_two_charsets_is_no_text() {
    let packed = |header: &str| {
        let head = format!("HTTP/1.1 200 OK\r\n{header}\r\nConnection: close\r\n\r\n");
        Server::answering([head.as_bytes(), b"4\r\nfine\r\n0\r\n\r\n"].concat(), true)
    };
    for (header, why) in [
        ("Transfer-Encoding: gzip, chunked", "compressed (gzip)"),
        (
            "Transfer-Encoding: chunked\r\nContent-Encoding: zstd",
            "compressed (zstd)",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Type: a/b; charset=utf-8\r\nContent-Type: a/b; charset=latin1",
            "it declares several charsets: utf-8, latin1",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Type: a/b; charset=utf-7",
            "the charset \"utf-7\" is unknown",
        ),
    ] {
        let server = packed(header);
        for text in assertions() {
            let expect = json!({"status": 200, "body": text});
            let (verdict, reason) = sample(
                Path::new("/"),
                json!({"http": {"url": server.url(), "expect": expect}}),
            );
            assert_eq!(verdict, Fail, "{header}: {reason}");
            assert!(reason.contains(why), "{reason}");
        }
        let metric =
            json!({"exposition": {"url": server.url(), "metric": "a"}, "expect": {"at_most": 1}});
        let (verdict, reason) = sample(Path::new("/"), json!({"metric": metric}));
        assert_eq!(verdict, Error, "{header}: {reason}");
        assert!(reason.contains(why), "{reason}");
    }
}
