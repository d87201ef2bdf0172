//! Asks the health service of a gRPC server: `grpc.health.v1.Health/Check`, over HTTP/2 with or without TLS.
//!
//! Question and answer are messages of one field each, which are written and read here; the rest of gRPC is not needed.

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};

use super::address::{connect, parse};
use super::handshake::{secure, server_name};
use super::tls::Terms;
use super::{Context, quote};
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, GrpcAnswer, GrpcProbe, is_reserved_metadata};

const PATH: &str = "/grpc.health.v1.Health/Check";

/// An answer of one number is shorter than this.
const LONGEST: usize = 4 * 1024;

/// gRPC's own status codes: <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>.
const OK: u32 = 0;
const NOT_FOUND: u32 = 5;
/// The number of this health, for a server that knows no such service.
const SERVICE_UNKNOWN: u64 = 3;
const UNIMPLEMENTED: u32 = 12;

/// One question to the health service.
pub(super) async fn ask(grpc: &GrpcProbe, context: &Context<'_>) -> Answer {
    match exchange(grpc, context).await {
        Ok(status) => Answer::Grpc(GrpcAnswer { status }),
        Err(trouble) => trouble,
    }
}

async fn exchange(grpc: &GrpcProbe, context: &Context<'_>) -> Result<u64, Answer> {
    metadata(grpc).map_err(Answer::Unasked)?;
    let (host, _) = parse(&grpc.address)?;
    if !grpc.tls.unwrap_or(false) {
        let stream = connect(&grpc.address, context).await?;
        return check(stream, grpc, "http").await;
    }
    let unasked = |why: String| Answer::Unasked(why);
    let name = server_name(grpc.server_name.as_deref().unwrap_or(host)).map_err(unasked)?;
    let terms = Terms::of(
        grpc.verify_tls,
        grpc.ca.as_ref(),
        grpc.client_certificate.as_ref(),
    );
    let config = context.clients.tls(&terms).map_err(unasked)?;
    let mut config = ClientConfig::clone(&config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = connect(&grpc.address, context).await?;
    let stream = secure(stream, config, name, &grpc.address).await?;
    check(stream, grpc, "https").await
}

/// What goes along with the question.
///
/// # Errors
/// Why it cannot; no value is shown.
fn metadata(grpc: &GrpcProbe) -> Result<HeaderMap, String> {
    let mut all = HeaderMap::new();
    for (name, value) in &grpc.metadata {
        let key = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .filter(|key| !is_reserved_metadata(key.as_str()))
            .ok_or_else(|| format!("{:?} cannot be the name of metadata", excerpt(name)))?;
        let mut value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the metadata {name} has a line break or a control character"))?;
        value.set_sensitive(true);
        all.append(key, value);
    }
    Ok(all)
}

async fn check<S>(stream: S, grpc: &GrpcProbe, scheme: &str) -> Result<u64, Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |error: h2::Error| Answer::Unserved(h2_trouble(&grpc.address, &error));
    let (sender, connection) = h2::client::handshake(stream).await.map_err(broken)?;
    let call = call(sender, grpc, scheme);
    tokio::pin!(call, connection);
    // The connection has to be driven for the call to go on. It may end, or be reset, in the moment in which the call's
    // answer came: what came counts. Where nothing came, the call is not always told, and must not be waited for.
    let ended = tokio::select! {
        biased;
        reply = &mut call => return read(&reply.map_err(broken)?, &grpc.address),
        ended = &mut connection => ended,
    };
    let reply = tokio::select! {
        biased;
        reply = &mut call => Some(reply),
        () = std::future::ready(()) => None,
    };
    match (reply, ended) {
        (Some(Ok(reply)), _) => read(&reply, &grpc.address),
        (_, Err(error)) | (Some(Err(error)), Ok(())) => Err(broken(error)),
        (None, Ok(())) => Err(Answer::Unserved(format!(
            "{} closed the connection without an answer",
            grpc.address
        ))),
    }
}

/// What came back of a call.
struct Reply {
    head: Response<()>,
    message: Bytes,
    trailers: Option<HeaderMap>,
    too_long: bool,
}

async fn call(
    sender: SendRequest<Bytes>,
    grpc: &GrpcProbe,
    scheme: &str,
) -> Result<Reply, h2::Error> {
    let mut sender = sender.ready().await?;
    let mut request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{}{PATH}", grpc.address))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("relgate/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|_| h2::Error::from(h2::Reason::PROTOCOL_ERROR))?;
    // It was looked at before a connection was made.
    request
        .headers_mut()
        .extend(metadata(grpc).unwrap_or_default());
    let (response, mut body) = sender.send_request(request, false)?;
    body.send_data(question(grpc.service.as_deref().unwrap_or_default()), true)?;
    let (head, mut body) = response.await?.into_parts();
    let (message, too_long) = receive(&mut body).await?;
    let trailers = if too_long {
        None
    } else {
        body.trailers().await?
    };
    Ok(Reply {
        head: Response::from_parts(head, ()),
        message,
        trailers,
        too_long,
    })
}

async fn receive(body: &mut RecvStream) -> Result<(Bytes, bool), h2::Error> {
    let mut all = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        all.extend_from_slice(&piece);
        if all.len() > LONGEST {
            return Ok((all.freeze(), true));
        }
    }
    Ok((all.freeze(), false))
}

fn h2_trouble(address: &str, error: &h2::Error) -> String {
    // What violates HTTP/2 itself is another protocol: its bytes are taken for a frame of a size that none has.
    let violated = matches!(
        error.reason(),
        Some(Reason::FRAME_SIZE_ERROR | Reason::PROTOCOL_ERROR)
    );
    if error.is_library() && violated {
        format!("{address} does not speak HTTP/2 there ({error})")
    } else if error.is_io() {
        format!("{address} closed the connection, or does not speak HTTP/2 there ({error})")
    } else {
        format!(
            "{address} does not answer as gRPC does: {}",
            excerpt(&error.to_string())
        )
    }
}

/// The status that a reply brings.
fn read(reply: &Reply, address: &str) -> Result<u64, Answer> {
    let unserved = |what: String| Err(Answer::Unserved(format!("{address} {what}")));
    let status = reply.head.status().as_u16();
    if status != 200 {
        return unserved(format!(
            "answers with the HTTP status {status}, so it is no gRPC server"
        ));
    }
    let header = |name: &str| {
        let from = |headers: &HeaderMap| {
            let value = headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        // A call that failed at once has no trailers of its own.
        reply
            .trailers
            .as_ref()
            .and_then(from)
            .or_else(|| from(reply.head.headers()))
    };
    let code = header("grpc-status");
    let told = header("grpc-message").map(|text| {
        let text = percent_encoding::percent_decode_str(&text).decode_utf8_lossy();
        format!(": {}", excerpt(&text))
    });
    let told = told.unwrap_or_default();
    match code.as_deref().map(str::parse) {
        _ if reply.too_long => unserved(format!(
            "sends more than {LONGEST} bytes, which no health is"
        )),
        Some(Ok(OK)) => match status_in(&reply.message) {
            Some(status) => Ok(status),
            None => unserved("sends no health status that can be read".to_owned()),
        },
        // What `Watch` calls by its status, `Check` says with an error of the call.
        Some(Ok(NOT_FOUND)) => Ok(SERVICE_UNKNOWN),
        Some(Ok(UNIMPLEMENTED)) => unserved(format!("has no health service{told}")),
        Some(Ok(code)) => unserved(format!("answers with the gRPC status {code}{told}")),
        Some(Err(_)) | None => unserved("answers without a gRPC status".to_owned()),
    }
}

/// `HealthCheckRequest { service }`, with the five bytes that stand before every message.
fn question(service: &str) -> Bytes {
    const SERVICE: u8 = 1 << 3 | 2;
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(SERVICE);
        let mut length = service.len();
        while length > 0x7f {
            message.put_u8(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        message.put_u8(u8::try_from(length).unwrap_or(0));
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.extend_from_slice(&message);
    framed.freeze()
}

/// The status in a framed `HealthCheckResponse { status }`; a status of zero is not written. `None` where the message is
/// compressed, cut, or none at all.
pub fn status_in(framed: &[u8]) -> Option<u64> {
    const STATUS: u64 = 1;
    let (&compressed, rest) = framed.split_first()?;
    let (length, mut message) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if compressed != 0 || message.len() != length {
        return None;
    }
    let mut status = 0;
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match key & 7 {
            0 => {
                let value = varint(&mut message)?;
                if key >> 3 == STATUS {
                    status = value;
                }
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A line that asks the same.
pub(super) fn repeat(grpc: &GrpcProbe) -> Option<String> {
    let metadata: Vec<String> = grpc
        .metadata
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let mut words = vec!["grpc_health_probe", "-addr", grpc.address.as_str()];
    for header in &metadata {
        words.extend(["-rpc-header", header]);
    }
    if let Some(service) = &grpc.service {
        words.extend(["-service", service]);
    }
    if grpc.tls.unwrap_or(false) {
        words.push("-tls");
        if let Some(ca) = &grpc.ca {
            words.extend(["-tls-ca-cert", ca]);
        }
        if let Some(name) = &grpc.server_name {
            words.extend(["-tls-server-name", name]);
        }
        if let Some(files) = &grpc.client_certificate {
            words.extend([
                "-tls-client-cert",
                &files.cert,
                "-tls-client-key",
                &files.key,
            ]);
        }
        if grpc.verify_tls == Some(false) {
            words.push("-tls-no-verify");
        }
    }
    Some(quote::line(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_question_is_framed() {
        assert_eq!(question("").as_ref(), [0, 0, 0, 0, 0]);
        assert_eq!(question("ab").as_ref(), [0, 0, 0, 0, 4, 10, 2, b'a', b'b']);
        let long = question(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 10, 0xac, 2]);
    }

    #[test]
    fn the_status_is_read_and_nothing_else_is_taken_for_one() {
        assert_eq!(status_in(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(status_in(&[0, 0, 0, 0, 0]), Some(0));
        // A field of another program's version comes first.
        assert_eq!(status_in(&[0, 0, 0, 0, 5, 0x12, 1, b'x', 8, 2]), Some(2));
        for bad in [
            &[][..],
            &[0, 0, 0, 0],
            &[1, 0, 0, 0, 2, 8, 1],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0, 0, 1, 8],
            &[0, 0, 0, 0, 2, 11, 1],
            &[0, 0, 0, 0, 3, 0x12, 9, 1],
        ] {
            assert_eq!(status_in(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = status_in(&bytes);
            let mut framed = vec![0, 0, 0, 0, u8::try_from(bytes.len()).unwrap_or(0)];
            framed.extend(bytes);
            let _ = status_in(&framed);
        }
    }
}
