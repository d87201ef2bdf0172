//! What probes trust, and what is said when they do not.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, NaiveDateTime, Utc};
use hyper::body::Bytes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError,
    RootCertStore, SignatureScheme,
};

use super::pem;

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
            Some(path) => trusting(pem::authorities(path, &read(path)?).map_err(TlsError)?),
        }
    }

    fn system(&self) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        self.system.get_or_init(|| trusting(system_roots())).clone()
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
        let identity = match identity {
            None => None,
            Some((cert, key)) => {
                let (chain, key) = (
                    pem::certificates(cert, &read(cert)?),
                    pem::key(key, &read(key)?),
                );
                Some((chain.map_err(TlsError)?, key.map_err(TlsError)?))
            }
        };
        config(verifier, identity)
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

fn trusting(roots: RootCertStore) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| TlsError(error.to_string()))?;
    Ok(Arc::new(Weighing {
        verifier,
        weigh: explained,
    }))
}

/// A certificate with those between it and its authority, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The configuration of a client with a verifier of its own.
pub(super) fn config_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsError> {
    config(verifier, None)
}

/// The configuration of a client that speaks no TLS, and has to have one: it would take no certificate.
pub(super) fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?;
    let roots = RootCertStore::empty();
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Sessions are not resumed: a resumed one shows no certificate, so that one which has expired since, or was replaced,
/// would not be noticed.
fn config(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<Identity>,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| TlsError(format!("the client certificate: {error}")))?,
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

#[derive(Debug, thiserror::Error)]
#[error("the certificate is self-signed")]
struct SelfSigned;

/// Tells a self-signed certificate from one of an unknown issuer.
fn explained(certificate: &CertificateDer<'_>, _: &ServerName<'_>, verified: Verified) -> Verified {
    match verified {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
            if is_self_issued(certificate) =>
        {
            let cause = OtherError(Arc::new(SelfSigned));
            Err(Error::InvalidCertificate(CertificateError::Other(cause)))
        }
        other => other,
    }
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

/// Whether issuer and subject are the same, byte for byte.
fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    fields(certificate).is_some_and(|fields| fields.issuer == fields.subject)
}

/// When a certificate expires; `None` where its bytes do not say.
pub fn expires(certificate: &CertificateDer<'_>) -> Option<DateTime<Utc>> {
    let (_, validity, _) = element(fields(certificate)?.validity)?;
    let (_, _, after_begin) = element(validity)?;
    let (tag, end, _) = element(after_begin)?;
    let end = std::str::from_utf8(end).ok()?;
    // RFC 5280, section 4.1.2.5: two digits are of the years from 1950 to 2049.
    let full = match (tag, end.len()) {
        (UTC_TIME, 13) if end.as_bytes()[0] >= b'5' => format!("19{end}"),
        (UTC_TIME, 13) => format!("20{end}"),
        (GENERALIZED_TIME, 15) => end.to_owned(),
        _ => return None,
    };
    let end = NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?;
    Some(end.and_utc())
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Fields of a certificate; the validity with what follows it: RFC 5280, section 4.1.
struct Fields<'a> {
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
}

fn fields(certificate: &[u8]) -> Option<Fields<'_>> {
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    let after_serial = element(rest)?.2;
    let after_algorithm = element(after_serial)?.2;
    let (_, issuer, validity) = element(after_algorithm)?;
    let (_, subject, _) = element(element(validity)?.2)?;
    Some(Fields {
        issuer,
        validity,
        subject,
    })
}

/// The first DER element: its tag, its contents, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*tag, contents, rest))
}

/// What a TLS error means to a person.
pub(super) fn explain(error: &Error) -> String {
    let date = |time: &UnixTime| {
        i64::try_from(time.as_secs())
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(|time| time.format("%Y-%m-%d %H:%M UTC").to_string())
            .unwrap_or_default()
    };
    match error {
        Error::InvalidCertificate(invalid) => match invalid {
            CertificateError::ExpiredContext { not_after, .. } => {
                format!("the certificate expired on {}", date(not_after))
            }
            CertificateError::Expired => "the certificate has expired".to_owned(),
            CertificateError::NotValidYetContext { not_before, .. } => {
                format!("the certificate is not valid before {}", date(not_before))
            }
            CertificateError::NotValidYet => "the certificate is not valid yet".to_owned(),
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => format!(
                "the certificate is for another name: expected {}, found {}",
                expected.to_str(),
                if presented.is_empty() {
                    "none".to_owned()
                } else {
                    presented.join(", ")
                }
            ),
            CertificateError::NotValidForName => "the certificate is for another name".to_owned(),
            CertificateError::UnknownIssuer => "the certificate's issuer is not trusted".to_owned(),
            CertificateError::Revoked => "the certificate was revoked".to_owned(),
            CertificateError::Other(OtherError(cause)) if cause.is::<SelfSigned>() => {
                cause.to_string()
            }
            other => format!("the certificate is not valid: {other}"),
        },
        Error::InvalidMessage(_) => format!("the answer is not TLS ({error})"),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server requires a client certificate, and none was shown; name one with `client_certificate`"
                .to_owned()
        }
        Error::AlertReceived(alert) => format!("the server refused with the alert {alert:?}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::{ClientConnection, Connection, ServerConfig, ServerConnection};

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new(name: &str) -> Self {
            let mut params = CertificateParams::new(Vec::new()).expect("parameters");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, name);
            let key = KeyPair::generate().expect("a key");
            Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
        }

        fn roots(&self) -> RootCertStore {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).expect("a root");
            roots
        }
    }

    /// A server's configuration with a certificate for shop.example.
    fn server(authority: Option<&Authority>, adjust: fn(&mut CertificateParams)) -> ServerConfig {
        let mut params =
            CertificateParams::new(vec!["shop.example".to_owned()]).expect("parameters");
        adjust(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = match authority {
            Some(authority) => params.signed_by(&key, &authority.0),
            None => params.self_signed(&key),
        }
        .expect("a certificate");
        ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("a configuration")
    }

    /// Shakes hands in memory.
    fn shake(client: ClientConfig, server: ServerConfig, name: &'static str) -> Result<(), String> {
        let name = ServerName::try_from(name).expect("a name");
        let mut client: Connection = ClientConnection::new(Arc::new(client), name)
            .expect("a client")
            .into();
        let mut server: Connection = ServerConnection::new(Arc::new(server))
            .expect("a server")
            .into();
        while client.is_handshaking() {
            for (from, to) in [(true, false), (false, true)] {
                let (from, to) = match (from, to) {
                    (true, _) => (&mut client, &mut server),
                    _ => (&mut server, &mut client),
                };
                let mut wire = Vec::new();
                while from.wants_write() {
                    from.write_tls(&mut wire).expect("written");
                }
                let mut wire = wire.as_slice();
                while !wire.is_empty() {
                    to.read_tls(&mut wire).expect("read");
                    to.process_new_packets().map_err(|error| explain(&error))?;
                }
            }
        }
        Ok(())
    }

    fn trusted(authority: &Authority) -> ClientConfig {
        config(trusting(authority.roots()).expect("a verifier"), None).expect("a configuration")
    }

    #[test]
    fn a_certificate_is_verified_and_its_fault_named() {
        let authority = Authority::new("an authority");
        let stranger = Authority::new("a stranger");
        let name = "shop.example";
        let meet = |issuer: Option<&Authority>, adjust, name| {
            shake(trusted(&authority), server(issuer, adjust), name)
        };
        assert_eq!(meet(Some(&authority), |_| {}, name), Ok(()));
        let fault = |result: Result<(), String>| result.expect_err("a fault");
        let expired = |params: &mut CertificateParams| {
            params.not_after = date_time_ymd(2021, 2, 3);
        };
        let early = |params: &mut CertificateParams| {
            params.not_before = date_time_ymd(4000, 1, 1);
        };
        assert_eq!(
            fault(meet(Some(&authority), expired, name)),
            "the certificate expired on 2021-02-03 00:00 UTC"
        );
        assert_eq!(
            fault(meet(Some(&authority), early, name)),
            "the certificate is not valid before 4000-01-01 00:00 UTC"
        );
        let other = fault(meet(Some(&authority), |_| {}, "pay.example"));
        assert!(
            other.contains("expected pay.example") && other.contains("shop.example"),
            "{other}"
        );
        assert_eq!(
            fault(meet(Some(&stranger), |_| {}, name)),
            "the certificate's issuer is not trusted"
        );
        assert_eq!(
            fault(meet(None, |_| {}, name)),
            "the certificate is self-signed"
        );
    }

    #[test]
    fn verification_is_left_out_only_where_it_is_said() {
        let shake_with = |acceptance| {
            let client = Trust::default()
                .config(acceptance)
                .expect("a configuration");
            shake(client, server(None, |_| {}), "pay.example")
        };
        assert_eq!(shake_with(Acceptance::Any), Ok(()));
        assert!(shake_with(Acceptance::Trusted).is_err());
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        // Until 2049 it is written with two digits of its year, from then on with four.
        for (year, shown) in [
            (1961, "1961-02-03 00:00:00 UTC"),
            (2026, "2026-02-03 00:00:00 UTC"),
            (4000, "4000-02-03 00:00:00 UTC"),
        ] {
            let mut params = CertificateParams::new(Vec::new()).expect("parameters");
            params.not_before = date_time_ymd(1955, 1, 1);
            params.not_after = date_time_ymd(year, 2, 3);
            let key = KeyPair::generate().expect("a key");
            let certificate = params.self_signed(&key).expect("a certificate");
            let found = expires(certificate.der()).map(|end| end.to_string());
            assert_eq!(found.as_deref(), Some(shown));
        }
    }

    #[test]
    fn no_bytes_panic() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x85, 1],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x80],
            &[0x30, 2, 0x30, 0],
        ] {
            assert!(!is_self_issued(&CertificateDer::from(bytes)));
            assert_eq!(expires(&CertificateDer::from(bytes)), None);
        }
    }
}
