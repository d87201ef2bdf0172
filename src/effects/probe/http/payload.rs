//! What a request sends, from how the probe says it: a text, a file, the fields of a form, or parts.

use bytes::{BufMut, BytesMut};
use http::HeaderValue;
use hyper::body::Bytes;
use url::form_urlencoded;

use super::pool::Clients;
use crate::domain::ids::Digest;
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Form, HttpProbe, Part};

/// What is sent, and what it is, where that follows from how it is said.
#[derive(Debug, Default)]
pub(super) struct Payload {
    pub(super) bytes: Option<Bytes>,
    pub(super) content_type: Option<HeaderValue>,
}

/// What `http` sends.
///
/// # Errors
/// Why it cannot be sent; no value is shown.
pub(super) fn payload(http: &HttpProbe, clients: &Clients) -> Result<Payload, String> {
    let plain = |bytes| Payload {
        bytes: Some(bytes),
        content_type: None,
    };
    let parts = (!http.multipart.is_empty()).then_some(&http.multipart);
    match (&http.body, &http.body_file, &http.form, parts) {
        (None, None, None, None) => Ok(Payload::default()),
        (Some(body), None, None, None) => Ok(plain(Bytes::from(body.clone()))),
        (None, Some(path), None, None) => clients.file(path).map(plain),
        (None, None, Some(form), None) => Ok(Payload {
            bytes: Some(urlencoded(form)),
            content_type: Some(HeaderValue::from_static(
                "application/x-www-form-urlencoded",
            )),
        }),
        (None, None, None, Some(parts)) => multipart(parts, clients),
        _ => {
            let given = http.payload_keys();
            let given: Vec<String> = given.iter().map(|key| format!("`{key}`")).collect();
            Err(format!(
                "{} say what is sent; keep one",
                given.join(" and ")
            ))
        }
    }
}

fn urlencoded(form: &Form) -> Bytes {
    let mut written = form_urlencoded::Serializer::new(String::new());
    for (name, values) in form {
        for value in values.values() {
            written.append_pair(name, value);
        }
    }
    Bytes::from(written.finish())
}

/// RFC 7578; names are written as browsers write them: the HTML Living Standard, multipart/form-data encoding algorithm.
fn multipart(parts: &[Part], clients: &Clients) -> Result<Payload, String> {
    let mut written = Vec::with_capacity(parts.len());
    for part in parts {
        let content = match (&part.value, &part.file) {
            (Some(value), None) => Bytes::from(value.clone()),
            (None, Some(path)) => clients.file_within(path)?,
            _ => {
                return Err(format!(
                    "the part {:?} under `multipart` has not exactly one of `value` and `file`",
                    excerpt(&part.name)
                ));
            }
        };
        let mut head = format!(
            "Content-Disposition: form-data; name=\"{}\"",
            quoted(&part.name)
        );
        if let Some(filename) = part.filename() {
            head.push_str(&format!("; filename=\"{}\"", quoted(filename)));
        }
        if let Some(media_type) = part.media_type() {
            if HeaderValue::from_str(media_type).is_err() {
                return Err(format!(
                    "the `type` of the part {:?} has a character that no header may have",
                    excerpt(&part.name)
                ));
            }
            head.push_str(&format!("\r\nContent-Type: {media_type}"));
        }
        written.push((head, content));
    }
    // The same parts have the same boundary, which nobody can put into them: it is a digest of them.
    let mut all = BytesMut::new();
    for (head, content) in &written {
        all.put_slice(head.as_bytes());
        all.put_slice(content);
    }
    let digest = Digest::of(&all).to_string();
    let boundary = format!("relgate-{}", digest.get(..32).unwrap_or(&digest));
    let mut body = BytesMut::with_capacity(all.len() + written.len() * 64 + 64);
    for (head, content) in &written {
        body.put_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
        body.put_slice(content);
        body.put_slice(b"\r\n");
    }
    body.put_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    Ok(Payload {
        bytes: Some(body.freeze()),
        content_type: Some(content_type.map_err(|error| error.to_string())?),
    })
}

fn quoted(name: &str) -> String {
    name.replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::{Value, json};

    fn sent(value: Value) -> Result<(String, String), String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("order.json"), "{\"id\": 7}").expect("written");
        let mut value = value;
        value["url"] = "http://h/".into();
        value["expect"] = json!({"status": 200});
        let http: HttpProbe = serde_json::from_value(value).expect("a probe");
        let payload = payload(&http, &Clients::new(folder.path(), Arc::default()))?;
        let text = payload
            .bytes
            .map(|it| String::from_utf8_lossy(&it).into_owned());
        let kind = payload.content_type;
        let kind = kind.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
        Ok((text.unwrap_or_default(), kind.unwrap_or_default()))
    }

    #[test]
    fn a_form_is_written_as_browsers_write_it() {
        let form = json!({"form": {"user": "ana & ben", "tag": ["a", "ü"], "empty": ""}});
        let (text, kind) = sent(form).expect("a form");
        assert_eq!(text, "empty=&tag=a&tag=%C3%BC&user=ana+%26+ben");
        assert_eq!(kind, "application/x-www-form-urlencoded");
    }

    #[test]
    fn parts_are_written_in_their_order_with_what_they_are() {
        let parts = json!({"multipart": [
            {"name": "note", "value": "hello"},
            {"name": "or\"der", "file": "order.json", "type": "application/json"},
            {"name": "raw", "file": "order.json", "filename": "x.bin"},
            {"name": "typed", "value": "<a/>", "type": "text/xml"},
        ]});
        let (text, kind) = sent(parts.clone()).expect("parts");
        let boundary = kind
            .strip_prefix("multipart/form-data; boundary=")
            .expect("a boundary");
        let expected = "--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n\
            --B\r\nContent-Disposition: form-data; name=\"or%22der\"; filename=\"order.json\"\r\nContent-Type: application/json\r\n\r\n{\"id\": 7}\r\n\
            --B\r\nContent-Disposition: form-data; name=\"raw\"; filename=\"x.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n{\"id\": 7}\r\n\
            --B\r\nContent-Disposition: form-data; name=\"typed\"\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--B--\r\n";
        assert_eq!(
            text,
            expected
                .replace('B', boundary)
                .replace(&boundary.replace('B', boundary), boundary)
        );
        assert_eq!(sent(parts).expect("the same").1, kind);
    }

    #[test]
    fn what_cannot_be_sent_says_why() {
        for (value, why) in [
            (
                json!({"body": "a", "form": {"a": "b"}}),
                "`body` and `form` say what is sent",
            ),
            (
                json!({"body_file": "a", "multipart": [{"name": "a", "value": "b"}]}),
                "`body_file` and `multipart`",
            ),
            (
                json!({"multipart": [{"name": "a"}]}),
                "exactly one of `value` and `file`",
            ),
            (
                json!({"multipart": [{"name": "a", "file": "gone"}]}),
                "gone",
            ),
            (
                json!({"multipart": [{"name": "a", "file": "../x"}]}),
                "leaves the repository",
            ),
            (
                json!({"multipart": [{"name": "a", "value": "b", "type": "a\nb"}]}),
                "no header may have",
            ),
        ] {
            let found = sent(value).expect_err(why);
            assert!(found.contains(why), "{found}");
        }
    }
}
