//! Bodies that come packed, and those that are sent.

use std::io::Write;

use relgate::domain::probe::judge::Verdict::{Fail, Pass};
use serde_json::{Value, json};

use crate::kinds::assert_sample;
use crate::support::{Server, read_request};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).expect("written");
    encoder.finish().expect("packed")
}

/// A server that answers with a body in a coding, as long as the request takes it.
fn packing(coding: &'static str, body: Vec<u8>) -> Server {
    Server::new(move |mut stream| {
        while let Some(head) = read_request(&mut stream) {
            let takes = head.to_ascii_lowercase().contains("accept-encoding: ");
            let (coding, body): (&str, &[u8]) = match takes {
                true => (coding, &body),
                false => ("identity", b"plain: nothing packed is taken"),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
            );
            let _ = stream.write_all(&[head.as_bytes(), body].concat());
        }
    })
}

fn ask(server: &Server, decompress: bool, expect: Value) -> Value {
    json!({"http": {"url": server.url(), "decompress": decompress, "expect": expect}})
}

#[test]
fn a_packed_body_is_held_to_what_is_expected_of_it_where_the_probe_says_so() {
    let root = std::env::temp_dir();
    let json = br#"{"status": "up", "items": [1, 2]}"#;
    let server = packing("gzip", gzip(json));
    let up = json!({
        "json": [{"path": "$.status", "equals": "up"}], "body": {"not_contains": "down"},
        "headers": {"content-encoding": {"equals": "gzip"}},
        "sha256": relgate::domain::ids::Digest::of(json).to_string(),
    });
    assert_sample(&root, ask(&server, true, up), Pass, "4 of 4");
    let down = json!({"json": [{"path": "$.status", "equals": "down"}]});
    assert_sample(&root, ask(&server, true, down), Fail, "found \"up\"");
    // Nothing packed is asked for otherwise.
    let plain = json!({"body": {"contains": "nothing packed"}});
    assert_sample(&root, ask(&server, false, plain), Pass, "1 of 1");
}

#[test]
fn the_cap_holds_for_what_comes_out_of_a_body() {
    let root = std::env::temp_dir();
    let bomb = packing("gzip", gzip(&vec![b'a'; 40 << 20]));
    let begins = json!({"body": {"matches": "^aaaa"}});
    assert_sample(&root, ask(&bomb, true, begins), Pass, "1 of 1");
    let clean = json!({"body": {"not_contains": "error"}});
    assert_sample(
        &root,
        ask(&bomb, true, clean),
        Fail,
        "the body was cut at the cap",
    );
}

#[test]
fn what_cannot_be_unpacked_is_a_failure_that_says_how() {
    let root = std::env::temp_dir();
    let expect = || json!({"body": {"not_contains": "error"}});
    let whole = gzip(&vec![7; 100_000]);
    for (coding, body, why) in [
        (
            "gzip",
            whole[..whole.len() / 2].to_vec(),
            "ends in the middle",
        ),
        ("gzip", b"plain".to_vec(), "broken as gzip"),
        ("br", b"plain".to_vec(), "broken as br"),
        ("zstd", b"plain".to_vec(), "broken as zstd"),
        ("deflate", b"plain".to_vec(), "broken as deflate"),
        (
            "compress",
            b"plain".to_vec(),
            "\"compress\" is not unpacked",
        ),
        (
            "gzip, gzip, gzip, gzip",
            b"plain".to_vec(),
            "packed 4 times",
        ),
    ] {
        let server = packing(coding, body);
        assert_sample(&root, ask(&server, true, expect()), Fail, why);
        // Nothing is expected of the body: it may be what it is.
        let head = json!({"status": 200});
        assert_sample(&root, ask(&server, true, head), Pass, "1 of 1");
    }
}
