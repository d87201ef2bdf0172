//! A shop that speaks TLS on loopback, its authority, and the files that a probe names.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use crate::support::{Server, hold, read_request, response};

/// RFC 7468.
pub fn pem(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

/// An authority of one's own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub struct Certified {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// A certificate for a name or an address.
    pub fn certify(&self, name: &str, adjust: fn(&mut CertificateParams)) -> Certified {
        let (key, params) = params(name, adjust);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Certified { certificate, key }
    }

    /// What accepts the clients that it certified, and no others.
    pub fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        WebPkiClientVerifier::builder_with_provider(self.roots(), provider())
            .build()
            .expect("a verifier")
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        Arc::new(roots)
    }
}

impl Certified {
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }

    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key.serialize_der())
    }

    /// A certificate that nobody else stands for.
    pub fn by_itself(name: &str, adjust: fn(&mut CertificateParams)) -> Self {
        let (key, params) = params(name, adjust);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }
}

fn params(name: &str, adjust: fn(&mut CertificateParams)) -> (KeyPair, CertificateParams) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("names");
    adjust(&mut params);
    (KeyPair::generate().expect("a key"), params)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// How a server with this certificate speaks TLS; with an authority, only to those that it certified.
pub fn terms(certified: &Certified, clients: Option<&Authority>) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => builder.with_client_cert_verifier(authority.verifier()),
    };
    let key = PrivatePkcs8KeyDer::from(certified.key.serialize_der());
    builder
        .with_single_cert(vec![certified.certificate.der().clone()], key.into())
        .expect("a configuration")
}

/// A server that answers every request with what it was asked: its head, and its body where the head has a length.
pub fn echo(terms: ServerConfig) -> Server {
    echo_at("127.0.0.1:0", terms).expect("loopback")
}

/// The same at another address; `None` where this machine has no such address.
pub fn echo_at(address: &str, terms: ServerConfig) -> Option<Server> {
    speaking_at(address, terms, |request| {
        response("200 OK", request).into_bytes()
    })
}

/// A server that gives every request the answer that `answer` makes of its head and its body.
pub fn speaking(
    terms: ServerConfig,
    answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
) -> Server {
    speaking_at("127.0.0.1:0", terms, answer).expect("loopback")
}

fn speaking_at(
    address: &str,
    terms: ServerConfig,
    answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
) -> Option<Server> {
    let terms = Arc::new(terms);
    Server::at(address, move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&terms)).expect("a connection");
        let mut stream = rustls::StreamOwned::new(connection, stream);
        while let Some(mut request) = read_request(&mut stream) {
            request.push_str(&read_body(&request, &mut stream));
            let _ = stream.write_all(&answer(&request));
            let _ = stream.flush();
        }
        // An alert would be lost where what is left unread resets the connection.
        let mut stream = stream.sock;
        let _ = stream.shutdown(std::net::Shutdown::Write);
        hold(&mut stream);
    })
}

/// The body that belongs to the head of a request.
pub fn read_body(head: &str, stream: &mut impl std::io::Read) -> String {
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    let _ = stream.read_exact(&mut body);
    String::from_utf8_lossy(&body).into_owned()
}

/// A repository with the files of two authorities, of a certified client, and of one that a stranger certified.
pub struct Repository {
    folder: TempDir,
    pub authority: Authority,
}

impl Repository {
    pub fn new() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().expect("a folder"),
            authority: Authority::new("the shop's authority"),
        };
        let stranger = Authority::new("a stranger");
        repository.write("ca.pem", &repository.authority.pem());
        repository.write("stranger.pem", &stranger.pem());
        for (name, authority) in [("client", &repository.authority), ("other", &stranger)] {
            let one = authority.certify("client.example", |_| {});
            repository.write(
                &format!("{name}.pem"),
                &pem("CERTIFICATE", one.certificate.der()),
            );
            repository.write(&format!("{name}.key"), &one.key_pem());
        }
        repository
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
