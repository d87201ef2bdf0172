//! Offers a server one old version of TLS and nothing newer, to see whether it refuses.
//!
//! The library speaks none of them: the first message is written here, and of the answer only that is read which says
//! whether the server goes on: an alert, or its own first message. A server that says neither, or refuses for a reason that
//! need not be the version, is offered the newest one in the same words: only where it goes on with that has it refused the
//! old one. Nothing is ever sent over such a connection.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};
use rustls::AlertDescription;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::explain::alert;
use super::trouble::connection_trouble;
use super::{Context, address, starttls};
use crate::domain::probe::kinds::{Answer, Offer, OldVersion, StartTls};

/// Where versions are offered.
pub(super) struct Asking<'a> {
    pub(super) address: &'a str,
    /// The name that is asked for.
    pub(super) name: &'a str,
    pub(super) starttls: Option<StartTls>,
    pub(super) context: &'a Context<'a>,
}

/// What a first message offers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Old(OldVersion),
    /// TLS 1.2 and 1.3.
    Newest,
}

/// What a server says to a first message.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// It goes on, in this version.
    Hello(u16),
    /// It refuses.
    Alert(u8),
    /// It closed the connection.
    Closed,
    /// It answered with something else.
    Else(u8),
}

impl Asking<'_> {
    /// What came of offering each of the versions.
    ///
    /// # Errors
    /// The answer that says why it cannot be known.
    pub(super) async fn all(&self, versions: &[OldVersion]) -> Result<Vec<Offer>, Answer> {
        let mut all = Vec::new();
        let mut goes_on_newest = None;
        for version in versions.iter().copied() {
            let said = self.say(Version::Old(version)).await?;
            let refused = match &said {
                Said::Hello(agreed) => Err(agreed_on(version, *agreed)),
                Said::Alert(code) if is_about_version(*code) => Ok(told(&said)),
                said => {
                    let newest = match goes_on_newest {
                        Some(known) => known,
                        None => {
                            let newest = self.say(Version::Newest).await?;
                            matches!(newest, Said::Hello(_))
                        }
                    };
                    goes_on_newest = Some(newest);
                    let is_else = matches!(said, Said::Else(_));
                    if is_else || !newest {
                        return Err(Answer::Unasked(self.unknown(version, &told(said))));
                    }
                    Ok(format!("{}; it goes on with newer ones", told(said)))
                }
            };
            all.push(Offer { version, refused });
        }
        Ok(all)
    }

    fn unknown(&self, version: OldVersion, why: &str) -> String {
        format!(
            "whether {} refuses {} cannot be known: {why}",
            self.address,
            version.word()
        )
    }

    async fn say(&self, version: Version) -> Result<Said, Answer> {
        let mut stream = address::connect(self.address, self.context).await?;
        let what = match version {
            Version::Old(version) => format!(
                "whether {} refuses {} cannot be known",
                self.address,
                version.word()
            ),
            Version::Newest => format!("whether {} speaks TLS cannot be known", self.address),
        };
        self.context.progress.finding_out(what);
        if let Some(with) = self.starttls {
            starttls::begin(&mut stream, with, self.address).await?;
        }
        let mut random = [0; 32];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Answer::Unasked("this machine gives no random numbers".to_owned()))?;
        let hello = hello(version, self.name, &random);
        match exchange(&mut stream, &hello).await {
            Ok(said) => Ok(said),
            Err(error) if is_closed(&error) => Ok(Said::Closed),
            Err(error) => Err(connection_trouble(self.address, &error)),
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

async fn exchange(stream: &mut TcpStream, hello: &[u8]) -> io::Result<Said> {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const SERVER_HELLO: u8 = 2;
    const WARNING: u8 = 1;
    const CLOSE_NOTIFY: u8 = 0;
    stream.write_all(hello).await?;
    // A warning may come before: that it knows no such name.
    for _ in 0..8 {
        let mut head = [0; 5];
        stream.read_exact(&mut head).await?;
        let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
        match (head[0], length) {
            (ALERT, 2..) => {
                let mut said = vec![0; length];
                stream.read_exact(&mut said).await?;
                if said[0] != WARNING || said[1] == CLOSE_NOTIFY {
                    return Ok(Said::Alert(said[1]));
                }
            }
            // Its type, a length of three bytes, and the version.
            (HANDSHAKE, 6..) => {
                let mut begin = [0; 6];
                stream.read_exact(&mut begin).await?;
                return Ok(match begin {
                    [SERVER_HELLO, _, _, _, major, minor] => {
                        Said::Hello(u16::from_be_bytes([major, minor]))
                    }
                    _ => Said::Else(HANDSHAKE),
                });
            }
            (other, _) => return Ok(Said::Else(other)),
        }
    }
    Ok(Said::Else(ALERT))
}

/// Whether an alert says that it is the version which is refused: RFC 8446, section 6.2, and RFC 7507.
fn is_about_version(code: u8) -> bool {
    matches!(
        AlertDescription::from(code),
        AlertDescription::ProtocolVersion | AlertDescription::InappropriateFallback
    )
}

fn told(said: &Said) -> String {
    match said {
        Said::Alert(code) => match AlertDescription::from(*code) {
            AlertDescription::ProtocolVersion => "the alert \"protocol version\"".to_owned(),
            AlertDescription::HandshakeFailure => "the alert \"handshake failure\"".to_owned(),
            other => format!("the alert {}", alert(other)),
        },
        Said::Closed => "it closed the connection".to_owned(),
        Said::Hello(version) => format!("it goes on with {}", name(*version)),
        Said::Else(first) => format!("its answer is no TLS (it begins with the byte {first})"),
    }
}

fn agreed_on(version: OldVersion, agreed: u16) -> String {
    if agreed == number(version) {
        "it goes on with it".to_owned()
    } else {
        format!("it goes on with {} instead", name(agreed))
    }
}

const fn number(version: OldVersion) -> u16 {
    match version {
        OldVersion::Ssl30 => 0x0300,
        OldVersion::Tls10 => 0x0301,
        OldVersion::Tls11 => 0x0302,
        OldVersion::Tls12 => 0x0303,
    }
}

fn name(number: u16) -> String {
    match number {
        0x0300 => "ssl3.0".to_owned(),
        0x0301..=0x0304 => format!("tls1.{}", number - 0x0301),
        other => format!("version 0x{other:04x}"),
    }
}

/// Every suite that a server of any age could take: those of TLS 1.3, with forward secrecy, without, with weak ciphers, for
/// export, without authentication, without encryption.
const SUITES: [u16; 92] = [
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0xccaa, 0x009c, 0x009d,
    0x009e, 0x009f, 0x00a2, 0x00a3, 0xc023, 0xc024, 0xc027, 0xc028, 0x003c, 0x003d, 0x0067, 0x006b,
    0x0040, 0x006a, 0xc009, 0xc00a, 0xc013, 0xc014, 0xc007, 0xc008, 0xc011, 0xc012, 0xc004, 0xc005,
    0xc00e, 0xc00f, 0xc002, 0xc003, 0xc00c, 0xc00d, 0x002f, 0x0035, 0x000a, 0x0004, 0x0005, 0x0007,
    0x0009, 0x0033, 0x0039, 0x0016, 0x0015, 0x0032, 0x0038, 0x0013, 0x0012, 0x0041, 0x0084, 0x0045,
    0x0088, 0x0044, 0x0087, 0x0096, 0x009a, 0x0099, 0x0030, 0x0036, 0x0031, 0x0037, 0x0003, 0x0006,
    0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0019, 0x0017, 0x0018, 0x001a, 0x001b, 0x0034, 0x003a,
    0xc016, 0xc017, 0xc018, 0xc019, 0x0001, 0x0002, 0xc006, 0xc010,
];

/// A ClientHello that offers this and nothing newer, in a record of its own: RFC 5246, section 7.4.1.2, and RFC 8446,
/// section 4.1.2.
fn hello(version: Version, name: &str, random: &[u8; 32]) -> Vec<u8> {
    let highest = match version {
        Version::Old(old) => number(old),
        Version::Newest => 0x0303,
    };
    let mut body = highest.to_be_bytes().to_vec();
    body.extend_from_slice(random);
    // No session.
    body.push(0);
    let suites = SUITES.iter().flat_map(|suite| suite.to_be_bytes());
    // That it may negotiate again, as a suite: RFC 5746, section 3.3.
    let suites: Vec<u8> = suites.chain(0x00ff_u16.to_be_bytes()).collect();
    body.extend(sized::<2>(&suites));
    // No compression.
    body.extend([1, 0]);
    if highest > 0x0300 {
        body.extend(sized::<2>(&extensions(version, name)));
    }
    let mut message = vec![1];
    message.extend(sized::<3>(&body));
    // The record's own version is no newer than the first that has one (RFC 8446, appendix D.1).
    let mut record = vec![22];
    record.extend(highest.min(0x0301).to_be_bytes());
    record.extend(sized::<2>(&message));
    record
}

fn extensions(version: Version, name: &str) -> Vec<u8> {
    const SERVER_NAME: u16 = 0;
    const GROUPS: u16 = 10;
    const POINT_FORMATS: u16 = 11;
    const SIGNATURES: u16 = 13;
    const EXTENDED_MASTER_SECRET: u16 = 23;
    const VERSIONS: u16 = 43;
    const EXCHANGE_MODES: u16 = 45;
    const KEY_SHARES: u16 = 51;
    let mut all = Vec::new();
    let mut add = |kind: u16, contents: &[u8]| {
        all.extend(kind.to_be_bytes());
        all.extend(sized::<2>(contents));
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    // An address is no name: RFC 6066, section 3.
    if bare.parse::<std::net::IpAddr>().is_err() {
        let mut entry = vec![0];
        entry.extend(sized::<2>(bare.as_bytes()));
        add(SERVER_NAME, &sized::<2>(&entry));
    }
    let numbers = |all: &[u16]| {
        sized::<2>(
            &all.iter()
                .flat_map(|it| it.to_be_bytes())
                .collect::<Vec<u8>>(),
        )
    };
    add(
        GROUPS,
        &numbers(&[29, 23, 24, 25, 30, 22, 21, 19, 256, 257]),
    );
    add(POINT_FORMATS, &sized::<1>(&[0, 1, 2]));
    add(EXTENDED_MASTER_SECRET, &[]);
    if matches!(version, Version::Newest | Version::Old(OldVersion::Tls12)) {
        add(
            SIGNATURES,
            &numbers(&[
                0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a,
                0x080b, 0x0401, 0x0501, 0x0601, 0x0301, 0x0303, 0x0201, 0x0203, 0x0202, 0x0402,
            ]),
        );
    }
    if version == Version::Newest {
        add(VERSIONS, &sized::<1>(&[3, 4, 3, 3]));
        add(EXCHANGE_MODES, &sized::<1>(&[1]));
        // None is given: the server asks for the one that it wants (section 4.2.8), and that is an answer.
        add(KEY_SHARES, &sized::<2>(&[]));
    }
    all
}

/// The bytes with their number before them, in so many bytes.
fn sized<const N: usize>(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut all = length[4 - N..].to_vec();
    all.extend_from_slice(bytes);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_has_the_lengths_that_it_says() {
        for version in [
            Version::Old(OldVersion::Ssl30),
            Version::Old(OldVersion::Tls10),
            Version::Old(OldVersion::Tls11),
            Version::Old(OldVersion::Tls12),
            Version::Newest,
        ] {
            let hello = hello(version, "shop.example", &[7; 32]);
            assert_eq!(hello[0], 22);
            let record = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            assert_eq!(record, hello.len() - 5);
            let message = usize::from(u16::from_be_bytes([hello[7], hello[8]]));
            assert_eq!((hello[5], hello[6], message), (1, 0, record - 4));
            let named = hello.windows(12).any(|part| part == b"shop.example");
            assert_eq!(named, version != Version::Old(OldVersion::Ssl30));
        }
        let address = hello(Version::Newest, "127.0.0.1", &[7; 32]);
        assert!(!address.windows(9).any(|part| part == b"127.0.0.1"));
    }

    #[test]
    fn only_an_alert_about_the_version_says_by_itself_that_it_is_refused() {
        let about: Vec<u8> = (0..=u8::MAX)
            .filter(|code| is_about_version(*code))
            .collect();
        assert_eq!(about, [70, 86]);
        assert_eq!(agreed_on(OldVersion::Tls11, 0x0302), "it goes on with it");
        assert_eq!(
            agreed_on(OldVersion::Tls11, 0x0301),
            "it goes on with tls1.0 instead"
        );
        assert_eq!(name(0x7f12), "version 0x7f12");
    }
}
