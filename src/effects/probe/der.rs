//! Reads what a certificate says of itself, from its DER encoding (RFC 5280, section 4.1).

use chrono::{DateTime, NaiveDateTime, Utc};
use rustls::pki_types::CertificateDer;

/// Whether issuer and subject are the same, byte for byte.
pub(super) fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    fields(certificate).is_some_and(|fields| fields.issuer == fields.subject)
}

/// When a certificate expires; `None` where its bytes do not say.
pub fn expires(certificate: &CertificateDer<'_>) -> Option<DateTime<Utc>> {
    validity(certificate).map(|(_, end)| end)
}

/// From when to when a certificate is valid.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (_, validity, _) = element(fields(certificate)?.validity)?;
    let (begin_tag, begin, rest) = element(validity)?;
    let (end_tag, end, _) = element(rest)?;
    Some((time(begin_tag, begin)?, time(end_tag, end)?))
}

/// RFC 5280, section 4.1.2.5: two digits are of the years from 1950 to 2049.
fn time(tag: u8, text: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(text).ok()?;
    let full = match (tag, text.len()) {
        (UTC_TIME, 13) if text.as_bytes()[0] >= b'5' => format!("19{text}"),
        (UTC_TIME, 13) => format!("20{text}"),
        (GENERALIZED_TIME, 15) => text.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc())
}

/// How many bits the key of a certificate has, where it is one of RSA.
pub(super) fn rsa_bits(certificate: &CertificateDer<'_>) -> Option<usize> {
    const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    let (_, key, _) = element(fields(certificate)?.key)?;
    let (_, algorithm, rest) = element(key)?;
    let (_, bits, _) = element(rest)?;
    let (_, numbers, _) = element(bits.get(1..)?)?;
    let (_, modulus, _) = element(numbers)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let digits = modulus.get(zeros..)?;
    let first = usize::try_from(digits.first()?.leading_zeros()).ok()?;
    (element(algorithm)?.1 == RSA).then(|| digits.len() * 8 - first)
}

/// The public key of a certificate with its algorithm (SubjectPublicKeyInfo), as it is encoded.
pub(super) fn public_key<'a>(certificate: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    let key = fields(certificate)?.key;
    let (_, _, rest) = element(key)?;
    key.get(..key.len() - rest.len())
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Fields of a certificate; the validity with what follows it: RFC 5280, section 4.1.
struct Fields<'a> {
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
    /// With what follows it.
    key: &'a [u8],
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
    let (_, subject, key) = element(element(validity)?.2)?;
    Some(Fields {
        issuer,
        validity,
        subject,
        key,
    })
}

/// What a certificate says of itself, still encoded.
pub(super) struct Details<'a> {
    pub(super) serial: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// One after the other; empty where there are none.
    pub(super) extensions: &'a [u8],
}

/// What a certificate says of itself; `None` where its bytes do not say.
pub(super) fn details(certificate: &[u8]) -> Option<Details<'_>> {
    const VERSION: u8 = 0xa0;
    const EXTENSIONS: u8 = 0xa3;
    let fields = fields(certificate)?;
    let (_, whole, _) = element(certificate)?;
    let (_, mut rest, _) = element(whole)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    let (_, serial, _) = element(rest)?;
    let mut after_key = element(fields.key)?.2;
    let mut extensions: &[u8] = &[];
    while !after_key.is_empty() {
        let (tag, contents, rest) = element(after_key)?;
        if tag == EXTENSIONS {
            extensions = element(contents)?.1;
        }
        after_key = rest;
    }
    Some(Details {
        serial,
        issuer: fields.issuer,
        subject: fields.subject,
        extensions,
    })
}

/// The first DER element: its tag, its contents, and what follows it.
pub(super) fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
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
