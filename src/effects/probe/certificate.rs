//! Reads what a certificate says of itself: whom it is for, who issued it, its serial number and its names (RFC 5280).

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use rustls::pki_types::CertificateDer;

use super::der::{self, element};
use crate::domain::ids::Digest;
use crate::domain::probe::kinds::Certificate;

/// What the first of the certificates that were shown says, and when the first of all of them ends. What cannot be read is
/// left out.
pub(super) fn read(shown: &[CertificateDer<'_>], now: DateTime<Utc>) -> Certificate {
    let Some(own) = shown.first() else {
        return Certificate::default();
    };
    let left = |one: &CertificateDer<'_>| Some((der::expires(one)? - now).num_seconds());
    let ends: Option<Vec<i64>> = shown.iter().map(left).collect();
    let said = der::details(own);
    let digest = Digest::of(own).to_string();
    let fingerprint = digest.strip_prefix("sha256:").unwrap_or(&digest);
    Certificate {
        subject: said.as_ref().and_then(|it| distinguished(it.subject)),
        issuer: said.as_ref().and_then(|it| distinguished(it.issuer)),
        serial: said.as_ref().map(|it| serial(it.serial)),
        names: said.as_ref().and_then(|it| names(it.extensions)),
        fingerprint: fingerprint.to_owned(),
        seconds_left: left(own),
        chain_seconds_left: ends.and_then(|ends| ends.into_iter().min()),
    }
}

/// Without the zero that only says that the number is positive.
fn serial(bytes: &[u8]) -> String {
    let bytes = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        bytes => bytes,
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Types of attributes that have a short name: RFC 4514, section 3, and what is usual beside it.
const ATTRIBUTES: [(&[u8], &str); 12] = [
    (b"\x55\x04\x03", "CN"),
    (b"\x55\x04\x04", "SN"),
    (b"\x55\x04\x05", "serialNumber"),
    (b"\x55\x04\x06", "C"),
    (b"\x55\x04\x07", "L"),
    (b"\x55\x04\x08", "ST"),
    (b"\x55\x04\x09", "STREET"),
    (b"\x55\x04\x0a", "O"),
    (b"\x55\x04\x0b", "OU"),
    (b"\x55\x04\x61", "organizationIdentifier"),
    (b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "emailAddress"),
];

/// A distinguished name in the order in which it is written: `C=US, O=Shop, CN=shop.example`. A comma in a value has a
/// backslash before it.
fn distinguished(mut contents: &[u8]) -> Option<String> {
    const SET: u8 = 0x31;
    const SEQUENCE: u8 = 0x30;
    const OBJECT: u8 = 0x06;
    let mut parts = Vec::new();
    while !contents.is_empty() {
        let (SET, mut relative, rest) = element(contents)? else {
            return None;
        };
        contents = rest;
        let mut several = Vec::new();
        while !relative.is_empty() {
            let (SEQUENCE, attribute, rest) = element(relative)? else {
                return None;
            };
            relative = rest;
            let (OBJECT, kind, value) = element(attribute)? else {
                return None;
            };
            let (tag, value, _) = element(value)?;
            let value = text(tag, value)?.replace('\\', "\\\\").replace(',', "\\,");
            several.push(format!("{}={value}", attribute_name(kind)?));
        }
        parts.push(several.join("+"));
    }
    Some(parts.join(", "))
}

fn attribute_name(kind: &[u8]) -> Option<String> {
    if let Some((_, name)) = ATTRIBUTES.iter().find(|(known, _)| *known == kind) {
        return Some((*name).to_owned());
    }
    // An object identifier: its first two numbers share a byte, and the others are written seven bits at a time.
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for byte in kind {
        number = number
            .checked_mul(128)?
            .checked_add(u64::from(byte & 0x7f))?;
        if *byte < 0x80 {
            numbers.push(number);
            number = 0;
        }
    }
    let (first, rest) = numbers.split_first()?;
    let top = (*first / 40).min(2);
    let mut words = vec![top.to_string(), (first - top * 40).to_string()];
    words.extend(rest.iter().map(u64::to_string));
    Some(words.join("."))
}

/// A string of ASN.1.
fn text(tag: u8, bytes: &[u8]) -> Option<String> {
    match tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => String::from_utf8(bytes.to_vec()).ok(),
        // TeletexString, which in practice is Latin-1.
        0x14 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        // BMPString.
        0x1e => {
            let units: Vec<u16> = bytes
                .chunks(2)
                .map(|unit| <[u8; 2]>::try_from(unit).map(u16::from_be_bytes).ok())
                .collect::<Option<_>>()?;
            String::from_utf16(&units).ok()
        }
        _ => None,
    }
}

/// The names in the extension subjectAltName (RFC 5280, section 4.2.1.6): hosts, addresses, mailboxes and URIs; empty
/// where there is no such extension. `None` where it cannot be read.
fn names(mut extensions: &[u8]) -> Option<Vec<String>> {
    const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";
    const BOOLEAN: u8 = 0x01;
    const OCTETS: u8 = 0x04;
    let mut all = Vec::new();
    while !extensions.is_empty() {
        let (_, extension, rest) = element(extensions)?;
        extensions = rest;
        let (_, kind, mut value) = element(extension)?;
        if kind != SUBJECT_ALT_NAME {
            continue;
        }
        if value.first() == Some(&BOOLEAN) {
            value = element(value)?.2;
        }
        let (OCTETS, octets, _) = element(value)? else {
            return None;
        };
        let (_, mut names, _) = element(octets)?;
        while !names.is_empty() {
            let (tag, name, rest) = element(names)?;
            names = rest;
            match tag {
                0x81 | 0x82 | 0x86 => all.push(std::str::from_utf8(name).ok()?.to_owned()),
                0x87 => all.push(address(name)?),
                // What it is else is no name that anything is asked by.
                _ => {}
            }
        }
    }
    Some(all)
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(sixteen).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType, SerialNumber};

    fn issued() -> CertificateDer<'static> {
        let names = ["shop.example", "*.shop.example", "192.0.2.7", "2001:db8::1"];
        let mut params =
            CertificateParams::new(names.map(str::to_owned).to_vec()).expect("parameters");
        let mailbox = "a@shop.example".try_into().expect("a mailbox");
        params.subject_alt_names.push(SanType::Rfc822Name(mailbox));
        params.serial_number = Some(SerialNumber::from_slice(&[0x80, 0x0b]));
        let name = &mut params.distinguished_name;
        *name = rcgen::DistinguishedName::new();
        name.push(DnType::CountryName, "DE");
        name.push(DnType::OrganizationName, "Läden, Söhne");
        let bmp = DnValue::BmpString("ö1".try_into().expect("a text"));
        name.push(DnType::OrganizationalUnitName, bmp);
        name.push(DnType::CustomDnType(vec![2, 5, 4, 999]), "odd");
        name.push(DnType::CommonName, "shop.example");
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("issued").der().clone()
    }

    #[test]
    fn a_certificate_says_whom_it_is_for() {
        let found = read(&[issued()], DateTime::UNIX_EPOCH);
        let name = "C=DE, O=Läden\\, Söhne, OU=ö1, 2.5.4.999=odd, CN=shop.example";
        assert_eq!(found.subject.as_deref(), Some(name));
        assert_eq!(found.issuer, found.subject);
        assert_eq!(found.serial.as_deref(), Some("800b"));
        let names = [
            "shop.example",
            "*.shop.example",
            "192.0.2.7",
            "2001:db8::1",
            "a@shop.example",
        ];
        assert_eq!(found.names, Some(names.map(str::to_owned).to_vec()));
        assert_eq!(found.fingerprint.len(), 64);
        assert!(found.seconds_left.is_some() && found.chain_seconds_left == found.seconds_left);
    }

    #[test]
    fn the_first_end_of_the_chain_counts_and_one_that_cannot_be_read_spoils_it() {
        let short = {
            let mut params = CertificateParams::new(vec!["a".to_owned()]).expect("parameters");
            params.not_after = rcgen::date_time_ymd(2030, 1, 1);
            let key = KeyPair::generate().expect("a key");
            params.self_signed(&key).expect("issued").der().clone()
        };
        let both = read(&[issued(), short.clone()], DateTime::UNIX_EPOCH);
        assert!(both.chain_seconds_left < both.seconds_left);
        let broken = CertificateDer::from(vec![0x30, 0]);
        let spoilt = read(&[short, broken.clone()], DateTime::UNIX_EPOCH);
        assert!(spoilt.seconds_left.is_some() && spoilt.chain_seconds_left.is_none());
        let nothing = read(&[broken], DateTime::UNIX_EPOCH);
        assert!(nothing.subject.is_none() && nothing.names.is_none());
        assert_eq!(read(&[], DateTime::UNIX_EPOCH), Certificate::default());
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_bytes_panic(at in 0..2_000_usize, bytes in prop::collection::vec(any::<u8>(), 1..6)) {
            let mut der = issued().to_vec();
            let at = at % der.len();
            let end = der.len().min(at + bytes.len());
            der[at..end].copy_from_slice(&bytes[..end - at]);
            let _ = read(&[CertificateDer::from(der)], DateTime::UNIX_EPOCH);
            let _ = read(&[CertificateDer::from(bytes)], DateTime::UNIX_EPOCH);
        }
    }
}
