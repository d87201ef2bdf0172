//! Asks over HTTP.
//!
//! The target itself is asked: proxies of the environment are not used, nothing is asked to be compressed and nothing
//! is unpacked unless the probe says so, a redirect is an answer unless the probe follows it, and nothing is retried behind the probe's back. No
//! library follows redirects or keeps connections here, so that the time of each phase is known and no credential goes
//! where the probe did not send it. Pages of somebody else's, which metrics stand on, are fetched by `page`.

mod connect;
mod cookies;
mod curl;
mod digest;
mod hop;
mod oauth;
mod page;
mod payload;
mod pool;
mod prepare;
mod proxy;
mod unpack;
mod who;
mod wire;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Context;
use super::progress::Progress;
use super::trouble::http_trouble;
use crate::domain::ids::Digest;
use crate::domain::probe::Probe;
use crate::domain::probe::Question;
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, HttpAnswer, HttpExpectation, HttpProbe};
use crate::domain::probe::text::{self, Text};

pub(super) use connect::Failure;
pub(super) use cookies::Jar;
pub(super) use curl::repeat;
pub(super) use oauth::Tokens;
pub(super) use page::{Page, fetch};
pub(super) use pool::Clients;

use prepare::prepare;
use proxy::Proxy;
use who::Who;

/// More of a body than this is not read.
const CAP: usize = 1024 * 1024;

/// How relgate names itself.
const USER_AGENT: &str = concat!("relgate/", env!("CARGO_PKG_VERSION"));

/// Reads the files and makes the terms of TLS that `probe` will need; what is wrong with it is told when it is asked.
pub(super) fn make_ready(probe: &Probe, clients: &Clients) {
    if let [Question::Http(http)] = probe.questions().as_slice()
        && needs_something(http)
    {
        make_request_ready(http, clients);
    }
}

/// The same for one request, whoever asks it.
pub(super) fn make_request_ready(http: &HttpProbe, clients: &Clients) {
    if let Ok(hop) = prepare(http, clients) {
        hop.make_ready(clients, http.redirects.unwrap_or(0) > 0);
    }
    let auth = http.auth.as_ref();
    if let Some(oauth) = auth.and_then(|auth| auth.oauth2.as_ref()) {
        make_request_ready(&oauth::request(http, oauth), clients);
    }
}

/// Whether there is a file to be read, or perhaps TLS to be spoken: of thousands of probes, most have neither.
fn needs_something(http: &HttpProbe) -> bool {
    let fetches = http.auth.as_ref().is_some_and(|auth| auth.oauth2.is_some());
    fetches
        || http.redirects.is_some()
        || http.body_file.is_some()
        || !http.multipart.is_empty()
        || !http.url.starts_with("http://")
}

/// One request, and those that its redirects lead to; the answer read to the end or to the cap.
pub(super) async fn ask(http: &HttpProbe, context: &Context<'_>) -> Answer {
    let Context {
        clients, progress, ..
    } = context;
    let mut hop = match prepare(http, clients) {
        Ok(hop) => hop,
        Err(trouble) => return Answer::Unasked(trouble),
    };
    let mut who = match Who::new(http, context).await {
        Ok(who) => who,
        Err(trouble) => return trouble,
    };
    let most = http.redirects.unwrap_or(0);
    let keeps = http.cookies == Some(true);
    let mut redirects = 0;
    let mut set = Vec::new();
    loop {
        if keeps {
            hop.cookies = context.jar().header(&hop.url);
        }
        if let Err(why) = who.put(&mut hop) {
            return Answer::Unasked(why);
        }
        progress.by_way_of(hop.answering_proxy().map(Proxy::shown));
        let asked = async {
            let (response, lease) = clients.send(&hop, progress).await?;
            progress.answering(response.status().as_u16());
            Ok((read(response, progress).await?, lease))
        };
        let (reading, lease) = match asked.await {
            Ok(asked) => asked,
            Err(failure) => return progress.troubled(http_trouble(&hop.target(), &failure)),
        };
        let target = hop.target();
        let instead = hop
            .answering_proxy()
            .and_then(|proxy| proxy.instead(reading.head.status, &reading.head.headers, &target));
        if let Some(trouble) = instead {
            return Answer::Unasked(trouble);
        }
        if !reading.cut {
            clients.give_back(lease, &reading.head);
        }
        let head = &reading.head;
        set.extend(cookies::set(&head.headers));
        if keeps {
            context.jar().store(&hop.url, &head.headers);
        }
        match who
            .is_asked_again(head.status, &head.headers, context)
            .await
        {
            Ok(true) => continue,
            Ok(false) => {}
            Err(trouble) => return trouble,
        }
        let next = match hop.after(head.status, &head.headers, (redirects, most)) {
            Ok(Some(next)) => next,
            Ok(None) => {
                let mut answer = seen(http, reading);
                if let Answer::Http(answer) = &mut answer {
                    answer.cookies = set;
                }
                return answer;
            }
            Err(why) => return Answer::Unserved(why),
        };
        who.goes_on(&hop.url, &next.url);
        hop = next;
        redirects += 1;
    }
}

/// The answer, its body unpacked where the probe says so.
///
/// What is expected of a compressed body cannot be held against it, and a part that must not be in it would never be
/// found: that is no pass.
fn seen(http: &HttpProbe, reading: Reading) -> Answer {
    let Reading { head, body, cut } = reading;
    let status = head.status.as_u16();
    let codings = codings(&head.headers);
    let unseen = |why: &str| {
        Answer::Unserved(format!(
            "the body of the answer (status {status}) is compressed ({}), {why}",
            excerpt(&codings.join(", "))
        ))
    };
    let expects = expects_body(&http.expect);
    let (body, cut) = if http.decompress == Some(true) {
        match unpack::unpack(body, &codings, cut, CAP) {
            Ok(unpacked) => (unpacked.bytes, unpacked.cut),
            Err(_) if !expects => (Vec::new(), true),
            Err(why) => return unseen(&format!("and cannot be unpacked: {}", excerpt(&why))),
        }
    } else if expects && !codings.is_empty() {
        return unseen(
            "which is not unpacked: what is expected of it cannot be seen; `decompress: true` unpacks it",
        );
    } else {
        (body, cut)
    };
    let digested = http.expect.sha256.is_some() && !cut;
    Answer::Http(HttpAnswer {
        status,
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                let value = Text::decode(value.as_bytes(), None, false);
                (name.as_str().to_owned(), value)
            })
            .collect(),
        sha256: digested.then(|| Digest::of(&body)),
        body: body_text(&body, &head.headers, cut),
        truncated: cut,
        cookies: Vec::new(),
    })
}

/// Whether anything is expected but of the head and the time.
fn expects_body(expect: &HttpExpectation) -> bool {
    let rest = HttpExpectation {
        status: None,
        headers: std::collections::BTreeMap::new(),
        duration: None,
        ..expect.clone()
    };
    rest != HttpExpectation::default()
}

/// How a body is packed beside its pieces, in order: by what it is (RFC 9110, section 8.4), or on its way (RFC 9112, section 6.1).
fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = [CONTENT_ENCODING, TRANSFER_ENCODING].map(|name| headers.get_all(name));
    let values: Vec<_> = values
        .iter()
        .flatten()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let plain = ["", "identity", "chunked"];
    values
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|coding| !plain.iter().any(|it| it.eq_ignore_ascii_case(coding)))
        .map(str::to_owned)
        .collect()
}

/// A body in the charset that its headers declare.
fn body_text(body: &[u8], headers: &HeaderMap, cut: bool) -> Text {
    let content_types: Vec<_> = headers
        .get_all(CONTENT_TYPE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    match text::declared(content_types.iter().map(AsRef::as_ref)).as_slice() {
        [] => Text::decode(body, None, cut),
        [one] => Text::decode(body, Some(one), cut),
        several => Text::broken(
            &String::from_utf8_lossy(body),
            format!(
                "it declares several charsets: {}",
                excerpt(&several.join(", "))
            ),
        ),
    }
}

/// What came: the body as it is on the wire.
struct Reading {
    head: http::response::Parts,
    body: Vec<u8>,
    /// Whether the body was longer than the cap.
    cut: bool,
}

async fn read(response: Response<Incoming>, progress: &Progress) -> Result<Reading, Failure> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let mut cut = false;
    while let Some(frame) = incoming.frame().await {
        // What follows a body, its trailers, is not judged.
        let Ok(chunk) = frame.map_err(Failure::Exchange)?.into_data() else {
            continue;
        };
        let room = CAP - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        progress.body(body.len());
        if chunk.len() > room {
            cut = true;
            break;
        }
    }
    Ok(Reading { head, body, cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(headers: HeaderMap) -> Reading {
        let (mut head, ()) = Response::new(()).into_parts();
        head.headers = headers;
        Reading {
            head,
            body: b"plain".to_vec(),
            cut: false,
        }
    }

    #[test]
    fn a_compressed_body_is_no_answer_to_what_is_expected_of_it() {
        let probe = |expect: serde_json::Value, decompress: bool| -> HttpProbe {
            serde_json::from_value(serde_json::json!({
                "url": "http://h/", "decompress": decompress, "expect": expect
            }))
            .expect("a probe")
        };
        let body = serde_json::json!({"status": 200, "body": {"not_contains": "error"}});
        let head = serde_json::json!({
            "status": 200, "headers": {"content-encoding": {"equals": "br"}}, "duration": "1s"
        });
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static(value))])
        };
        let on_its_way = |value: &'static str| {
            HeaderMap::from_iter([(TRANSFER_ENCODING, http::HeaderValue::from_static(value))])
        };
        for (expect, headers, good) in [
            (&body, headers("gzip"), false),
            (&body, headers("identity"), true),
            (&body, on_its_way("gzip, chunked"), false),
            (&body, on_its_way("chunked"), true),
            (&body, HeaderMap::new(), true),
            (&head, headers("br"), true),
        ] {
            // What says that it is packed and is not is no better unpacked.
            for decompress in [false, true] {
                let probe = probe(expect.clone(), decompress);
                let answer = seen(&probe, reading(headers.clone()));
                let is_good = matches!(answer, Answer::Http(_));
                assert_eq!(is_good, good, "{headers:?}");
            }
        }
    }
}
