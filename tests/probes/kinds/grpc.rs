//! `grpc` probes, against a server that speaks HTTP/2 on loopback and answers as it is told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Response};
use hyper::body::Bytes;
use relgate::domain::probe::judge::Verdict::{Error, Fail, Pass};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::assert_sample;
use crate::shop::{Repository, terms};
use crate::support::{Server, hold, refused, response};

/// What a health service answers: HTTP status, message, gRPC status.
#[derive(Clone, Default)]
struct Told {
    status: Option<u16>,
    message: Vec<u8>,
    grpc: Option<&'static str>,
    text: Option<&'static str>,
}

/// A gRPC server, until it is dropped.
struct Health {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Health {
    fn new(
        tls: Option<ServerConfig>,
        told: impl Fn(&[u8]) -> Told + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("loopback");
        let address = listener.local_addr().expect("an address");
        let told = Arc::new(told);
        let tls = tls.map(|mut tls| {
            tls.alpn_protocols = vec![b"h2".to_vec()];
            tokio_rustls::TlsAcceptor::from(Arc::new(tls))
        });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (told, tls) = (Arc::clone(&told), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*told).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &*told).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }

    fn answering(told: Told) -> Self {
        Self::new(None, move |_| told.clone())
    }

    fn ask(&self, rest: Value) -> Value {
        ask(self.address, rest)
    }
}

fn ask(address: SocketAddr, rest: Value) -> Value {
    let mut grpc = json!({"address": address.to_string()});
    for (key, value) in rest.as_object().expect("an object") {
        grpc[key] = value.clone();
    }
    json!({"grpc": grpc})
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    told: &(impl Fn(&[u8]) -> Told + Send + Sync),
) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        assert_eq!(request.headers()["te"], "trailers");
        let who = request.headers().get("authorization").cloned();
        let mut body = request.into_body();
        // What is asked is short: it came with its head, or comes while the connection is driven.
        let question = tokio::select! {
            piece = body.data() => piece.and_then(Result::ok).unwrap_or_default(),
            _ = connection.accept() => Bytes::new(),
        };
        let told = match who {
            None => told(&question),
            Some(who) => told(&[&question, who.as_bytes()].concat()),
        };
        let head = Response::builder()
            .status(told.status.unwrap_or(200))
            .header("content-type", "application/grpc")
            .body(())
            .expect("a head");
        let Ok(mut sending) = respond.send_response(head, false) else {
            return;
        };
        let _ = sending.send_data(told.message.into(), false);
        let mut trailers = HeaderMap::new();
        if let Some(code) = told.grpc {
            trailers.insert("grpc-status", HeaderValue::from_static(code));
        }
        if let Some(text) = told.text {
            trailers.insert("grpc-message", HeaderValue::from_static(text));
        }
        let _ = sending.send_trailers(trailers);
    }
}

/// A framed answer with this status.
fn status(number: u8) -> Told {
    Told {
        message: vec![0, 0, 0, 0, 2, 8, number],
        grpc: Some("0"),
        ..Told::default()
    }
}

#[test]
fn a_service_is_asked_for_its_health() {
    let root = Path::new("/");
    let health = Health::new(None, |question| match question {
        [0, 0, 0, 0, 0] => status(1),
        [0, 0, 0, 0, 6, 10, 4, b'c', b'a', b'r', b't'] => status(2),
        _ => Told {
            grpc: Some("5"),
            text: Some("no%20such%20service"),
            ..Told::default()
        },
    });
    assert_sample(root, health.ask(json!({})), Pass, "1 of 1");
    let cart = |expect: Value| health.ask(json!({"service": "cart", "expect": expect}));
    assert_sample(
        root,
        cart(json!({})),
        Fail,
        "expected SERVING, found NOT_SERVING",
    );
    assert_sample(root, cart(json!({"status": "NOT_SERVING"})), Pass, "1 of 1");
    let other = health.ask(json!({"service": "pay"}));
    assert_sample(
        root,
        other,
        Fail,
        "found SERVICE_UNKNOWN: it knows no service \"pay\"",
    );
}

#[test]
fn what_is_no_health_has_its_verdict() {
    let root = Path::new("/");
    let grpc = |code, text| Told {
        grpc: Some(code),
        text,
        ..Told::default()
    };
    let odd = Told {
        message: vec![0, 0, 0, 0, 9, 8, 1],
        ..status(1)
    };
    let silent = Told {
        grpc: None,
        ..status(1)
    };
    let web = Told {
        status: Some(404),
        ..Told::default()
    };
    let endless = Told {
        message: vec![7; 100_000],
        ..status(1)
    };
    for (told, reason) in [
        (grpc("12", None), "has no health service"),
        (
            grpc("14", Some("going%20down")),
            "the gRPC status 14: going down",
        ),
        (grpc("x", None), "without a gRPC status"),
        (silent, "without a gRPC status"),
        (status(9), "found the unknown status 9"),
        (odd, "no health status that can be read"),
        (web, "the HTTP status 404"),
        (endless, "more than 4096 bytes"),
    ] {
        let health = Health::answering(told);
        assert_sample(root, health.ask(json!({})), Fail, reason);
    }
    // Whether the connection is closed before its answer is read, or later, is chance.
    for close in [true, false] {
        let plain = Server::answering(response("200 OK", "plain"), close);
        assert_sample(
            root,
            ask(plain.address, json!({})),
            Fail,
            "does not speak HTTP/2",
        );
    }
    assert_sample(
        root,
        ask(refused().address, json!({})),
        Fail,
        "refused the connection",
    );
    let closing = Server::new(drop);
    assert_sample(
        root,
        ask(closing.address, json!({})),
        Fail,
        "the connection",
    );
    let holding = Server::new(|mut stream| hold(&mut stream));
    let mut held = ask(holding.address, json!({}));
    held["timeout"] = "1s".into();
    assert_sample(root, held, Fail, "no answer within 1s");
    let nowhere = json!({"grpc": {"address": "no-such-host.invalid:1"}});
    assert_sample(root, nowhere, Error, "could not be resolved");
}

#[test]
fn over_tls_the_certificate_must_be_the_server_s() {
    let files = Repository::new();
    let certified = files.authority.certify("127.0.0.1", |_| {});
    let health = Health::new(Some(terms(&certified, None)), |_| status(1));
    let root = files.path();
    let with = |rest: Value| {
        let mut all = json!({"tls": true});
        for (key, value) in rest.as_object().expect("an object") {
            all[key] = value.clone();
        }
        health.ask(all)
    };
    assert_sample(root, with(json!({"ca": "ca.pem"})), Pass, "1 of 1");
    assert_sample(root, with(json!({})), Fail, "issuer is not trusted");
    assert_sample(
        root,
        with(json!({"ca": "stranger.pem"})),
        Fail,
        "issuer is not trusted",
    );
    let other = json!({"ca": "ca.pem", "server_name": "pay.example"});
    assert_sample(root, with(other), Fail, "expected pay.example");
    assert_sample(root, with(json!({"verify_tls": false})), Pass, "1 of 1");
    assert_sample(root, health.ask(json!({})), Fail, "connection");
}

#[test]
fn a_client_certificate_and_metadata_go_along() {
    let files = Repository::new();
    let root = files.path();
    let certified = files.authority.certify("127.0.0.1", |_| {});
    let strict = terms(&certified, Some(&files.authority));
    let health = Health::new(Some(strict), |question| {
        match question.ends_with(b"Bearer t0k3n") {
            true => status(1),
            false => status(2),
        }
    });
    let shown = json!({"cert": "client.pem", "key": "client.key"});
    let with = |more: Value| {
        let mut all = json!({"tls": true, "ca": "ca.pem"});
        for (key, value) in more.as_object().expect("an object") {
            all[key] = value.clone();
        }
        health.ask(all)
    };
    let metadata = json!({"authorization": "Bearer t0k3n", "x-tenant": "a"});
    let all = json!({"client_certificate": shown, "metadata": metadata});
    assert_sample(root, with(all), Pass, "1 of 1");
    let anonymous = json!({"client_certificate": shown});
    assert_sample(root, with(anonymous), Fail, "NOT_SERVING");
    assert_sample(root, with(json!({"metadata": metadata})), Fail, "");
    let gone = json!({"client_certificate": {"cert": "gone.pem", "key": "client.key"}});
    assert_sample(root, with(gone), Error, "gone.pem");
    for (metadata, why) in [
        (
            json!({"grpc-timeout": "1S"}),
            "\"grpc-timeout\" cannot be the name",
        ),
        (json!({"a b": "1"}), "\"a b\" cannot be the name"),
        (json!({"x": "hidden\n"}), "the metadata x has a line break"),
    ] {
        assert_sample(root, with(json!({"metadata": metadata})), Error, why);
    }
}
