//! What probes trust, and what is said when they do not.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::body::Bytes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::der::{is_self_issued, rsa_bits, validity};
use super::explain::{LEAST_RSA, SelfSigned, WeakKey, explain};
use super::{identity, pem};
use crate::domain::probe::kinds::ClientCertificate;

/// Why no TLS can be spoken at all.
#[derive(Clone, Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub(super) struct TlsError(String);

impl TlsError {
    /// With its cause in words.
    pub(super) fn new(cause: String) -> Self {
        Self(cause)
    }
}

/// On which terms TLS is spoken with a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Terms {
    /// Which of its certificates are accepted.
    pub(super) acceptance: Acceptance,
    /// The file with the authorities that are trusted instead of the system's.
    pub(super) ca: Option<String>,
    /// The files with the certificate that is shown to it, and its key.
    pub(super) identity: Option<(String, String)>,
}

impl Terms {
    /// The terms of a probe: whether it says that certificates are verified, by which authorities, and what it shows.
    pub(super) fn of(
        verify_tls: Option<bool>,
        ca: Option<&String>,
        shown: Option<&ClientCertificate>,
    ) -> Self {
        Self {
            acceptance: match verify_tls {
                Some(false) => Acceptance::Any,
                Some(true) | None => Acceptance::Trusted,
            },
            ca: ca.cloned(),
            identity: shown.map(|files| (files.cert.clone(), files.key.clone())),
        }
    }
}

/// Which certificates are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Acceptance {
    /// Those that the system trusts.
    Trusted,
    /// Every one: the probe says `verify_tls: false`.
    Any,
}

/// The certificates that the system trusts, read when the first probe needs them; where the system has none, those that
/// Mozilla trusts.
#[derive(Default)]
pub(super) struct Trust {
    system: OnceLock<Result<Arc<dyn ServerCertVerifier>, TlsError>>,
    trusted: OnceLock<Result<ClientConfig, TlsError>>,
}

impl Trust {
    /// The configuration of a client that accepts `acceptance`.
    pub(super) fn config(&self, acceptance: Acceptance) -> Result<ClientConfig, TlsError> {
        match acceptance {
            Acceptance::Any => config(Arc::new(Everything(provider())), None),
            Acceptance::Trusted => self
                .trusted
                .get_or_init(|| config(self.system()?, None))
                .clone(),
        }
    }

    /// What verifies certificates against the authorities of the file `ca`, or against those of the system; `read`
    /// brings the bytes of a file.
    pub(super) fn verifier(
        &self,
        ca: Option<&str>,
        read: impl Fn(&str) -> Result<Bytes, TlsError>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        match ca {
            None => self.system(),
            Some(path) => {
                let text = read(path)?;
                let own = pem::certificates(path, &text).map_err(TlsError)?;
                trusting(pem::authorities(path, &text).map_err(TlsError)?, own)
            }
        }
    }

    fn system(&self) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        self.system
            .get_or_init(|| trusting(system_roots(), Vec::new()))
            .clone()
    }

    /// The configuration of a client that speaks on these terms; `read` brings the bytes of a file.
    pub(super) fn config_on(
        &self,
        terms: &Terms,
        read: impl Fn(&str) -> Result<Bytes, String>,
    ) -> Result<ClientConfig, TlsError> {
        let Terms {
            acceptance,
            ca,
            identity,
        } = terms;
        if ca.is_none() && identity.is_none() {
            return self.config(*acceptance);
        }
        let read = |path: &str| read(path).map_err(TlsError);
        let verifier: Arc<dyn ServerCertVerifier> = match (acceptance, ca) {
            (Acceptance::Any, _) => Arc::new(Everything(provider())),
            (Acceptance::Trusted, ca) => self.verifier(ca.as_deref(), read)?,
        };
        config_with(verifier, identity.as_ref(), read)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// What accepts certificates of the authorities `roots`, and those that were named themselves (`own`).
fn trusting(
    roots: RootCertStore,
    own: Vec<CertificateDer<'static>>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| TlsError(error.to_string()))?;
    Ok(Arc::new(Verifying { verifier, own }))
}

/// The configuration of a client with a verifier of its own that shows what stands in the two files of `identity`; `read`
/// brings the bytes of a file.
pub(super) fn config_with(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&(String, String)>,
    read: impl Fn(&str) -> Result<Bytes, TlsError>,
) -> Result<ClientConfig, TlsError> {
    let Some((cert, key)) = identity else {
        return config(verifier, None);
    };
    let shown = identity::shown((cert, &read(cert)?), (key, &read(key)?));
    config(verifier, Some(shown.map_err(TlsError)?))
}

/// The configuration of a client that speaks no TLS, and has to have one: it would take no certificate.
pub(super) fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(explain(&error)))?;
    let roots = RootCertStore::empty();
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Sessions are not resumed: a resumed one shows no certificate, so that one which has expired since, or was replaced,
/// would not be noticed.
fn config(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<Arc<dyn ResolvesClientCert>>,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(explain(&error)))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(shown) => builder.with_client_cert_resolver(shown),
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Verifies as `verifier` does, and lets `weigh` say what its verdict on a certificate, shown for a name, comes to. That
/// the server holds the certificate's key is demanded in any case.
pub(super) struct Weighing<F> {
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    pub(super) weigh: F,
}

/// What a verifier says of a certificate.
pub(super) type Verified = Result<ServerCertVerified, Error>;

impl<F> std::fmt::Debug for Weighing<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Weighing").field(&self.verifier).finish()
    }
}

impl<F> ServerCertVerifier for Weighing<F>
where
    F: Fn(&CertificateDer<'_>, &ServerName<'_>, Verified) -> Verified + Send + Sync,
{
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Verified {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        (self.weigh)(end_entity, server_name, verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Verifies as `verifier` does, and says more of what is wrong. A certificate that is among its own authorities (`own`) is
/// accepted for what it is, authority or not: whoever named it meant this one.
#[derive(Debug)]
struct Verifying {
    verifier: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifying {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Verified {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let Err(error) = verified else {
            return verified;
        };
        let is_own = self.own.iter().any(|own| own == end_entity);
        if is_own && is_about_authority(&error) {
            return verify_own(end_entity, server_name, now);
        }
        Err(match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer)
                if is_self_issued(end_entity) =>
            {
                other(SelfSigned)
            }
            Error::InvalidCertificate(CertificateError::BadSignature) => {
                let issuers = intermediates.iter().map(|it| ("its issuer's", it));
                let all = std::iter::once(("its", end_entity)).chain(issuers);
                weak_among(all).unwrap_or(error)
            }
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.verifier.verify_tls12_signature(message, cert, dss);
        verified.map_err(|error| weak_among([("its", cert)]).unwrap_or(error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.verifier.verify_tls13_signature(message, cert, dss);
        verified.map_err(|error| weak_among([("its", cert)]).unwrap_or(error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

fn other(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(cause))))
}

/// Whether an error says only that a certificate is no authority's, or an authority's.
fn is_about_authority(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => matches!(
            cause.downcast_ref(),
            Some(webpki::Error::CaUsedAsEndEntity | webpki::Error::EndEntityUsedAsCa)
        ),
        _ => false,
    }
}

/// Verifies a certificate that is its own authority: its time and its name. That the server holds its key is shown by the
/// handshake.
fn verify_own(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Verified {
    let (begin, end) = validity(certificate).ok_or(CertificateError::BadEncoding)?;
    let unix = |time: DateTime<Utc>| {
        let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    };
    let (not_before, not_after) = (unix(begin), unix(end));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext {
            time: now,
            not_before,
        }
        .into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext {
            time: now,
            not_after,
        }
        .into());
    }
    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    Ok(ServerCertVerified::assertion())
}

/// The first of the certificates whose RSA key is too short to be accepted.
fn weak_among<'a>(
    all: impl IntoIterator<Item = (&'static str, &'a CertificateDer<'a>)>,
) -> Option<Error> {
    let weak = |(whose, certificate): (&'static str, &CertificateDer<'_>)| {
        let bits = rsa_bits(certificate).filter(|bits| *bits < LEAST_RSA)?;
        Some(other(WeakKey { whose, bits }))
    };
    all.into_iter().find_map(weak)
}

/// Accepts every certificate.
#[derive(Debug)]
struct Everything(Arc<CryptoProvider>);

impl ServerCertVerifier for Everything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
