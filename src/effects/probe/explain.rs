//! What the errors of TLS mean to a person. The library's own texts are written for its developers: none of them is shown.

use chrono::DateTime;
use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error, ExtendedKeyPurpose, InconsistentKeys, OtherError,
    PeerIncompatible, PeerMisbehaved,
};

/// A certificate that nobody vouches for but itself.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is self-signed")]
pub(super) struct SelfSigned;

/// A key that anybody could break.
#[derive(Debug, thiserror::Error)]
#[error(
    "the certificate is too weak: {whose} RSA key has {bits} bits, and at least {LEAST_RSA} are needed"
)]
pub(super) struct WeakKey {
    /// Whose key it is.
    pub(super) whose: &'static str,
    /// How long it is.
    pub(super) bits: usize,
}

/// An RSA key has so many bits at least.
pub(super) const LEAST_RSA: usize = 2048;

/// What a TLS error means to a person.
pub(super) fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(invalid) => certificate(invalid),
        Error::InvalidMessage(_) => "the answer is not TLS".to_owned(),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server requires a client certificate, and none was shown; name one with `client_certificate`"
                .to_owned()
        }
        Error::AlertReceived(alert) => format!("the server refused with the alert {}", self::alert(*alert)),
        Error::PeerIncompatible(what) => incompatible(what).to_owned(),
        Error::PeerMisbehaved(PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported) => {
            "TLS 1.2 was forced on a server that speaks TLS 1.3: something on the way weakens the connection".to_owned()
        }
        Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => {
            "the server signed the handshake in a way that is too weak, or that nobody offered".to_owned()
        }
        Error::PeerMisbehaved(_) => "the server breaks the rules of TLS".to_owned(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the server sent a message of TLS that has no place there".to_owned()
        }
        Error::NoCertificatesPresented => "the server showed no certificate".to_owned(),
        Error::UnsupportedNameType => {
            "the server's name is of a kind that no certificate is for".to_owned()
        }
        Error::DecryptError => "what the server sent could not be decrypted".to_owned(),
        Error::EncryptError => "what was to be sent could not be encrypted".to_owned(),
        Error::PeerSentOversizedRecord => "the server sent more at once than TLS allows".to_owned(),
        Error::NoApplicationProtocol => {
            "the server speaks no protocol that was offered (HTTP/2, HTTP/1.1)".to_owned()
        }
        Error::InvalidCertRevocationList(_) => {
            "the list of revoked certificates cannot be used".to_owned()
        }
        Error::InvalidEncryptedClientHello(_) => {
            "the server's settings for an encrypted greeting cannot be used".to_owned()
        }
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key is not that of the certificate".to_owned()
        }
        Error::InconsistentKeys(_) => {
            "it cannot be told whether the key is that of the certificate".to_owned()
        }
        Error::FailedToGetCurrentTime => "this machine does not tell its time".to_owned(),
        Error::FailedToGetRandomBytes => "this machine gives no random numbers".to_owned(),
        Error::HandshakeNotComplete => "the handshake did not come to its end".to_owned(),
        Error::General(text) if text.contains("invalid private key") || text.contains("key") => {
            "the private key cannot be used".to_owned()
        }
        Error::Other(other) => other_error(other)
            .unwrap_or_else(|| "the handshake failed for a reason that is not known".to_owned()),
        _ => "the handshake failed for a reason that is not known".to_owned(),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
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
        } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            format!(
                "the certificate is for another name: expected {}, found {}",
                expected.to_str(),
                if names.is_empty() {
                    "none (names stand in its subjectAltName)".to_owned()
                } else {
                    names.join(", ")
                }
            )
        }
        CertificateError::NotValidForName => "the certificate is for another name".to_owned(),
        CertificateError::UnknownIssuer => "the certificate's issuer is not trusted".to_owned(),
        CertificateError::Revoked => "the certificate was revoked".to_owned(),
        CertificateError::BadEncoding => "the certificate is broken".to_owned(),
        CertificateError::BadSignature => {
            "a signature is wrong: the certificate, or the handshake, is not signed by the key that it names".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => {
            "the certificate has a critical extension that is not understood".to_owned()
        }
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => {
            "it cannot be told whether the certificate was revoked".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id,
            ..
        }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            ..
        } => match weak_hash(signature_algorithm_id) {
            Some(hash) => format!("the certificate is too weak: it is signed with {hash}"),
            None => "the certificate is signed in a way that is not supported".to_owned(),
        },
        CertificateError::InvalidPurpose => "the certificate is not for a server".to_owned(),
        CertificateError::InvalidPurposeContext { presented, .. } => {
            let purposes: Vec<&str> = presented.iter().map(purpose).collect();
            match purposes.is_empty() {
                true => "the certificate is not for a server".to_owned(),
                false => format!("the certificate is not for a server, but for {}", purposes.join(", ")),
            }
        }
        CertificateError::ApplicationVerificationFailure => {
            "the certificate was refused".to_owned()
        }
        CertificateError::Other(other) => {
            other_error(other).unwrap_or_else(|| "the certificate is not valid".to_owned())
        }
        _ => "the certificate is not valid".to_owned(),
    }
}

/// What an error says that is not of the TLS library itself.
fn other_error(OtherError(cause): &OtherError) -> Option<String> {
    if cause.is::<SelfSigned>() || cause.is::<WeakKey>() {
        return Some(cause.to_string());
    }
    cause
        .downcast_ref::<webpki::Error>()
        .map(|error| verification(error).to_owned())
}

/// What the verification of a chain found.
fn verification(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::CaUsedAsEndEntity => {
            "the certificate is that of an authority, and a server may not show it; name it with `ca` if it is this server's own"
        }
        E::EndEntityUsedAsCa => "the certificate was issued by one that is no authority",
        E::CertDistrusted => "the certificate's authority is distrusted",
        E::EmptyEkuExtension => "the certificate says that it is for nothing",
        E::NameConstraintViolation => "its authority may not issue certificates for this name",
        E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => {
            "there are more certificates between it and its authority than are allowed"
        }
        E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => {
            "it would take too long to verify the certificate"
        }
        E::UnsupportedCertVersion => {
            "the certificate is of an old version (X.509 version 3 is needed)"
        }
        E::SignatureAlgorithmMismatch => "the certificate names two ways in which it is signed",
        E::UnsupportedCriticalExtension => {
            "the certificate has a critical extension that is not understood"
        }
        E::InvalidSerialNumber => "the certificate's serial number is not allowed",
        E::ExtensionValueInvalid
        | E::MalformedExtensions
        | E::MalformedNameConstraint
        | E::MalformedDnsIdentifier
        | E::InvalidNetworkMaskConstraint => "the certificate is broken",
        _ => "the certificate is not valid",
    }
}

fn incompatible(what: &PeerIncompatible) -> &'static str {
    use PeerIncompatible as P;
    match what {
        P::ServerDoesNotSupportTls12Or13
        | P::ServerTlsVersionIsDisabledByOurConfig
        | P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled
        | P::SupportedVersionsExtensionRequired => {
            "the server's TLS is too weak: it speaks neither TLS 1.2 nor TLS 1.3"
        }
        P::NoCipherSuitesInCommon => {
            "the server's TLS is too weak: it has no cipher that is accepted here"
        }
        P::NoKxGroupsInCommon
        | P::NamedGroupsExtensionRequired
        | P::KeyShareExtensionRequired
        | P::EcPointsExtensionRequired
        | P::NoEcPointFormatsInCommon
        | P::UncompressedEcPointsRequired => {
            "the server's TLS is too weak: it has no key exchange that is accepted here"
        }
        P::NoSignatureSchemesInCommon
        | P::NoCertificateRequestSignatureSchemesInCommon
        | P::SignatureAlgorithmsExtensionRequired => {
            "the server's TLS is too weak: it signs in no way that is accepted here"
        }
        P::ExtendedMasterSecretExtensionRequired => {
            "the server's TLS is too weak: it lacks the extended master secret"
        }
        P::ServerRejectedEncryptedClientHello(_) => "the server refused the encrypted greeting",
        _ => "the server's TLS does not go together with that which is spoken here",
    }
}

/// An alert (RFC 8446, section 6) in words.
pub(super) fn alert(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let words = match alert {
        A::CloseNotify => "\"close notify\": it closed the connection",
        A::UnexpectedMessage => "\"unexpected message\"",
        A::BadRecordMac | A::DecryptError | A::DecryptionFailed => {
            "\"decrypt error\": it could not decrypt or verify what was sent"
        }
        A::RecordOverflow => "\"record overflow\"",
        A::DecompressionFailure => "\"decompression failure\"",
        A::HandshakeFailure => {
            "\"handshake failure\": it shares no cipher or key exchange that is accepted here, or wants a client certificate"
        }
        A::NoCertificate | A::BadCertificate => {
            "\"bad certificate\": it does not accept the client certificate"
        }
        A::UnsupportedCertificate => {
            "\"unsupported certificate\": it cannot use the client certificate"
        }
        A::CertificateRevoked => {
            "\"certificate revoked\": it holds the client certificate for revoked"
        }
        A::CertificateExpired => {
            "\"certificate expired\": it holds the client certificate for expired"
        }
        A::CertificateUnknown => {
            "\"certificate unknown\": it does not accept the client certificate"
        }
        A::IllegalParameter => "\"illegal parameter\"",
        A::UnknownCA => {
            "\"unknown authority\": it does not know the client certificate's authority"
        }
        A::AccessDenied => "\"access denied\"",
        A::DecodeError => "\"decode error\": it could not read what was sent",
        A::ExportRestriction => "\"export restriction\"",
        A::ProtocolVersion => {
            "\"protocol version\": it speaks neither TLS 1.2 nor TLS 1.3, and what is older is too weak"
        }
        A::InsufficientSecurity => "\"insufficient security\": it wants stronger ciphers",
        A::InternalError => "\"internal error\"",
        A::InappropriateFallback => "\"inappropriate fallback\"",
        A::UserCanceled => "\"user canceled\"",
        A::NoRenegotiation => "\"no renegotiation\"",
        A::MissingExtension => "\"missing extension\"",
        A::UnsupportedExtension => "\"unsupported extension\"",
        A::UnrecognisedName => "\"unrecognized name\": it serves no host of this name",
        A::BadCertificateStatusResponse => "\"bad certificate status\"",
        A::UnknownPSKIdentity => "\"unknown identity\"",
        A::NoApplicationProtocol => "\"no application protocol\": it speaks none that was offered",
        other => return format!("number {}", u8::from(other)),
    };
    words.to_owned()
}

fn purpose(purpose: &ExtendedKeyPurpose) -> &'static str {
    match purpose {
        ExtendedKeyPurpose::ClientAuth => "clients",
        ExtendedKeyPurpose::ServerAuth => "servers",
        _ => "another use",
    }
}

/// A hash that is broken, from the object identifier of a signature.
fn weak_hash(algorithm: &[u8]) -> Option<&'static str> {
    const WEAK: [(&[u8], &str); 5] = [
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02", "MD2"),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "MD5"),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "SHA-1"),
        (b"\x2a\x86\x48\xce\x3d\x04\x01", "SHA-1"),
        (b"\x2a\x86\x48\xce\x38\x04\x03", "SHA-1"),
    ];
    let holds = |id: &[u8]| algorithm.windows(id.len()).any(|part| part == id);
    WEAK.iter().find(|(id, _)| holds(id)).map(|(_, hash)| *hash)
}

/// A name of a certificate without what the library writes about it: `DnsName("shop.example")`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

fn date(time: &UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map(|time| time.format("%Y-%m-%d %H:%M UTC").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// A word of several with capitals within, a brace or a path: as Rust shows what it has for itself.
    fn is_rusty(text: &str) -> bool {
        text.contains(['{', '}', '['])
            || text.contains("::")
            || text.split(|c: char| !c.is_alphanumeric()).any(|word| {
                let inner = word.get(1..).unwrap_or_default();
                let known = ["subjectAltName"].contains(&word);
                !known
                    && word.chars().any(char::is_lowercase)
                    && inner.chars().any(char::is_uppercase)
            })
    }

    #[test]
    fn every_error_is_told_in_words() {
        let verifying = |error: webpki::Error| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
        };
        let mut all = vec![
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
            Error::InappropriateMessage {
                expect_types: Vec::new(),
                got_type: rustls::ContentType::Alert,
            },
            Error::NoCertificatesPresented,
            Error::UnsupportedNameType,
            Error::DecryptError,
            Error::EncryptError,
            Error::PeerSentOversizedRecord,
            Error::NoApplicationProtocol,
            Error::BadMaxFragmentSize,
            Error::General("SomeThing { of: Rust }".to_owned()),
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
            Error::InconsistentKeys(InconsistentKeys::Unknown),
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            Error::PeerIncompatible(PeerIncompatible::NullCompressionRequired),
            Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite),
            Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme),
            Error::Other(OtherError(Arc::new(std::fmt::Error))),
            verifying(webpki::Error::CaUsedAsEndEntity),
            verifying(webpki::Error::EndEntityUsedAsCa),
            verifying(webpki::Error::PathLenConstraintViolated),
            verifying(webpki::Error::NameConstraintViolation),
            verifying(webpki::Error::UnsupportedCertVersion),
            verifying(webpki::Error::MalformedExtensions),
            verifying(webpki::Error::UnsupportedDeltaCrl),
        ];
        all.extend((0..=u8::MAX).map(|number| Error::AlertReceived(number.into())));
        let named = CertificateError::NotValidForNameContext {
            expected: "pay.example".try_into().expect("a name"),
            presented: vec![
                "DnsName(\"shop.example\")".to_owned(),
                "IpAddress(10.0.0.7)".to_owned(),
            ],
        };
        let weak = |id: &[u8]| CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: id.to_vec(),
            supported_algorithms: Vec::new(),
        };
        let presented = vec![
            ExtendedKeyPurpose::ClientAuth,
            ExtendedKeyPurpose::Other(vec![1, 2]),
        ];
        let certificates = [
            (named, "expected pay.example, found shop.example, 10.0.0.7"),
            (
                weak(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\0"),
                "too weak: it is signed with SHA-1",
            ),
            (
                weak(b"\x06\x03\x2a\x03\x04"),
                "in a way that is not supported",
            ),
            (CertificateError::BadEncoding, "is broken"),
            (CertificateError::BadSignature, "a signature is wrong"),
            (CertificateError::Revoked, "was revoked"),
            (
                CertificateError::UnhandledCriticalExtension,
                "critical extension",
            ),
            (
                CertificateError::UnknownRevocationStatus,
                "cannot be told whether",
            ),
            (CertificateError::InvalidPurpose, "not for a server"),
            (
                CertificateError::InvalidPurposeContext {
                    required: ExtendedKeyPurpose::ServerAuth,
                    presented,
                },
                "not for a server, but for clients, another use",
            ),
            (
                CertificateError::ApplicationVerificationFailure,
                "was refused",
            ),
            (
                CertificateError::Other(OtherError(Arc::new(SelfSigned))),
                "is self-signed",
            ),
            (
                CertificateError::Other(OtherError(Arc::new(WeakKey {
                    whose: "its",
                    bits: 1024,
                }))),
                "too weak: its RSA key has 1024 bits",
            ),
        ];
        for (error, part) in certificates {
            let text = explain(&Error::InvalidCertificate(error.clone()));
            assert!(text.contains(part), "{text}");
            all.push(Error::InvalidCertificate(error));
        }
        for error in all {
            let text = explain(&error);
            assert!(!text.is_empty() && !is_rusty(&text), "{text}");
        }
    }
}
