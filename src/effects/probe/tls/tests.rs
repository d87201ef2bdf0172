use super::*;
use crate::effects::probe::der::expires;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConnection, Connection, ServerConfig, ServerConnection};
use std::sync::Mutex;

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
    let mut params = CertificateParams::new(vec!["shop.example".to_owned()]).expect("parameters");
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
    config(
        trusting(authority.roots(), Vec::new()).expect("a verifier"),
        None,
    )
    .expect("a configuration")
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
fn a_certificate_that_is_its_own_authority_is_accepted_for_its_name_and_time() {
    let meet = |adjust: fn(&mut CertificateParams), name, named: bool| {
        let server = server(None, adjust);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&shown);
        // What it shows is learned first, as a team saves it in a file.
        let looking = Weighing {
            verifier: Arc::new(Everything(provider())),
            weigh: move |certificate: &CertificateDer<'_>, _: &ServerName<'_>, verified| {
                kept.lock()
                    .expect("alone")
                    .push(certificate.clone().into_owned());
                verified
            },
        };
        let client = config(Arc::new(looking), None).expect("a configuration");
        shake(client, server.clone(), "shop.example").expect("everything is accepted");
        let own = shown.lock().expect("alone").clone();
        let mut roots = RootCertStore::empty();
        roots.add(own[0].clone()).expect("a root");
        let own = if named { own } else { Vec::new() };
        let client = config(trusting(roots, own).expect("a verifier"), None);
        shake(client.expect("a configuration"), server, name)
    };
    let plain = |_: &mut CertificateParams| {};
    let authority = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    let expired = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(2021, 2, 3);
    };
    assert_eq!(meet(plain, "shop.example", true), Ok(()));
    assert_eq!(meet(authority, "shop.example", true), Ok(()));
    for (result, why) in [
        (meet(authority, "pay.example", true), "found shop.example"),
        (meet(plain, "pay.example", true), "found shop.example"),
        (meet(expired, "shop.example", true), "expired on 2021-02-03"),
        (
            meet(authority, "shop.example", false),
            "is that of an authority",
        ),
    ] {
        let text = result.expect_err(why);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_short_rsa_key_is_measured() {
    let der = CertificateDer::from_pem_slice(WEAK.as_bytes()).expect("a certificate");
    assert_eq!(rsa_bits(&der), Some(1024));
    let weak = weak_among([("its", &der)]).expect("too weak");
    assert!(explain(&weak).contains("its RSA key has 1024 bits"));
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(Vec::new()).expect("parameters");
    let strong = params.self_signed(&key).expect("a certificate");
    assert_eq!(rsa_bits(strong.der()), None);
}

/// Made by `openssl req -x509 -newkey rsa:1024`.
const WEAK: &str = "-----BEGIN CERTIFICATE-----\n\
    MIICIzCCAYygAwIBAgIUY3n88FymI3/l/GfozxceF5JitmIwDQYJKoZIhvcNAQEL\n\
    BQAwFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMB4XDTI2MTEyODExMjMyNFoXDTM2\n\
    MTEyNTExMjMyNFowFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMIGfMA0GCSqGSIb3\n\
    DQEBAQUAA4GNADCBiQKBgQCXya18/5QLNfF9VT0aFy2/lHQH7IABk6AptF5gCrvV\n\
    86n538VnxI4vu3LDi0hgfcck0R8m7/v9Mnz3QlQbbNaMyF0L6MuwWfFaSewejSaE\n\
    NztjLBwS3t/5FqdBUpPB/AWLHzQDVwIIgKkcWw0VCHe8J7RIQjG/biNr2R+MLanF\n\
    4wIDAQABo2wwajAdBgNVHQ4EFgQUNgo7EQUL9JI1Oz8Jtxa+KMICiJcwHwYDVR0j\n\
    BBgwFoAUNgo7EQUL9JI1Oz8Jtxa+KMICiJcwDwYDVR0TAQH/BAUwAwEB/zAXBgNV\n\
    HREEEDAOggxzaG9wLmV4YW1wbGUwDQYJKoZIhvcNAQELBQADgYEATjxgEEtX1f+I\n\
    lmb8Te5mEQNNswEd50dhR7mF2dvlyN6jcqFSfddPnOBuKUnnPD69TZXhC/24V4SU\n\
    aoXrzUovtjTsrq3Jj0LMCjE/MgIGPY2hXOVOFmo9ya31PbPUBWEbp9g5LvKI0RnZ\n\
    VQDatmdo0ylCmypK6wGG9/zq/OtI/XQ=\n\
    -----END CERTIFICATE-----";

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
