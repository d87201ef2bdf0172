//! The certificate that a probe shows, and its key: read, held against each other, and told apart from what TLS cannot use
//! here.
//!
//! A certificate of X.509 version 1 is shown as any other: whether it is accepted is the server's business.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};

use super::der;
use super::explain::explain;
use super::pem;

/// The object identifier of the curve P-521, as DER writes it: RFC 5480, section 2.1.1.1.
const P521: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x23";

const USABLE: &str = "TLS signs here with RSA of 2048 to 8192 bits, P-256, P-384 and Ed25519; issue a certificate for such a key";

/// What stands in the file `path` with this text, as a key that TLS can sign with.
///
/// # Errors
/// A text that names the file, and shows nothing of it.
pub(super) fn key(path: &str, text: &[u8]) -> Result<Arc<dyn SigningKey>, String> {
    let key = pem::key(path, text)?;
    any_supported_type(&key).map_err(|_| {
        let what = match &key {
            PrivateKeyDer::Pkcs8(_) | PrivateKeyDer::Sec1(_) if has_p521(key.secret_der()) => {
                "is one of the curve P-521"
            }
            PrivateKeyDer::Pkcs1(_) => "is one of RSA of another size",
            _ => "is of another kind, or broken",
        };
        format!("the key in {path} cannot be used, it {what}: {USABLE}")
    })
}

/// Whether any of the authorities in the file `path` can be used.
///
/// # Errors
/// A text that names the file.
pub(super) fn authorities(path: &str, text: &[u8]) -> Result<(), String> {
    pem::authorities(path, text)?;
    let all = pem::certificates(path, text)?;
    if all
        .iter()
        .all(|it| der::public_key(it).is_some_and(has_p521))
    {
        return Err(format!(
            "the authority in {path} has a key of the curve P-521, whose signatures cannot be verified here; name one with RSA, P-256, P-384 or Ed25519"
        ));
    }
    Ok(())
}

/// What shows the certificates of one file with the key of another; each is its path and its text.
///
/// # Errors
/// What is wrong with one of them, or that they do not belong together.
pub(super) fn shown(
    (cert_path, cert): (&str, &[u8]),
    (key_path, key): (&str, &[u8]),
) -> Result<Arc<dyn ResolvesClientCert>, String> {
    let chain = pem::certificates(cert_path, cert)?;
    let key = self::key(key_path, key)?;
    let first = chain.first().and_then(|first| der::public_key(first));
    let first = first.ok_or_else(|| {
        format!(
            "the certificate in {cert_path} is broken: it has no public key where one must stand"
        )
    })?;
    if key.public_key().is_some_and(|own| own.as_ref() != first) {
        let mismatch = Error::InconsistentKeys(InconsistentKeys::KeyMismatch);
        return Err(format!("the client certificate: {}", explain(&mismatch)));
    }
    let certified = CertifiedKey::new(chain, key);
    Ok(Arc::new(SingleCertAndKey::from(certified)))
}

fn has_p521(bytes: &[u8]) -> bool {
    bytes.windows(P521.len()).any(|window| window == P521)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by OpenSSL 3.0: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:…`, `openssl ecparam -genkey`, and
    // `openssl req -x509`.
    const P521_KEY: &[u8] = include_bytes!("testdata/p521.key");
    const P521_SEC1: &[u8] = include_bytes!("testdata/p521-sec1.key");
    const P521_CERT: &[u8] = include_bytes!("testdata/p521.pem");
    const V1_CERT: &[u8] = include_bytes!("testdata/v1.pem");
    const V1_KEY: &[u8] = include_bytes!("testdata/v1.key");

    #[test]
    fn a_key_that_tls_cannot_sign_with_says_what_it_is_and_what_to_do() {
        for text in [P521_KEY, P521_SEC1] {
            let why = key("client.key", text).map(drop).expect_err("P-521");
            for part in [
                "client.key",
                "P-521",
                "P-256, P-384 and Ed25519",
                "issue a certificate",
            ] {
                assert!(why.contains(part), "{why}");
            }
        }
        let nonsense = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let why = key("client.key", nonsense).map(drop).expect_err("nonsense");
        assert!(why.contains("of another kind, or broken"), "{why}");
        assert!(key("v1.key", V1_KEY).is_ok());
    }

    #[test]
    fn an_authority_whose_signatures_cannot_be_verified_is_said_where_there_is_no_other() {
        let why = authorities("ca.pem", P521_CERT).expect_err("P-521");
        assert!(why.contains("ca.pem") && why.contains("P-521"), "{why}");
        let both = [P521_CERT, V1_CERT].concat();
        assert_eq!(authorities("ca.pem", &both), Ok(()));
    }

    #[test]
    fn a_certificate_of_the_first_version_is_shown_with_its_key_and_no_other() {
        let shown = |cert, key| shown(("c.pem", cert), ("c.key", key)).map(drop);
        assert_eq!(shown(V1_CERT, V1_KEY), Ok(()));
        let own = rcgen::KeyPair::generate().expect("a key").serialize_der();
        let own = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, own);
        let own = format!("-----BEGIN PRIVATE KEY-----\n{own}\n-----END PRIVATE KEY-----\n");
        let why = shown(V1_CERT, own.as_bytes()).expect_err("another key");
        assert!(why.starts_with("the client certificate: "), "{why}");
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let why = shown(broken, V1_KEY).expect_err("broken");
        assert!(why.contains("c.pem is broken"), "{why}");
    }
}
