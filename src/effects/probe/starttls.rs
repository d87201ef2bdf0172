//! Asks a server that begins in plain text to go on with TLS.
//!
//! SMTP (RFC 3207), IMAP and POP3 (RFC 2595), PostgreSQL (protocol 3, `SSLRequest`) and LDAP (RFC 4511, section 4.14).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::der::element;
use super::trouble::connection_trouble;
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, StartTls};

/// A longer line, or a longer message, is none of these protocols.
const LONGEST: usize = 4 * 1024;

/// More lines are no greeting and no list of what a server can do.
const MOST_LINES: usize = 100;

/// What went wrong.
enum Fault {
    Io(io::Error),
    /// What the server said instead.
    Said(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Brings a connection to where TLS begins.
///
/// # Errors
/// The answer that says why it does not.
pub(super) async fn begin<S>(stream: &mut S, with: StartTls, address: &str) -> Result<(), Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let begun = match with {
        StartTls::Smtp => smtp(stream).await,
        StartTls::Imap => imap(stream).await,
        StartTls::Pop3 => pop3(stream).await,
        StartTls::Postgres => postgres(stream).await,
        StartTls::Ldap => ldap(stream).await,
    };
    begun.map_err(|fault| match fault {
        Fault::Io(error) => connection_trouble(address, &error),
        Fault::Said(what) => Answer::Unserved(format!(
            "{address} does not begin TLS ({}): {what}",
            with.word()
        )),
    })
}

async fn smtp<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Fault> {
    reply(stream, "220").await?;
    stream.write_all(b"EHLO relgate.invalid\r\n").await?;
    let can = reply(stream, "250").await?;
    let offered = can.iter().any(|line| {
        line.get(4..)
            .is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))
    });
    if !offered {
        return Err(Fault::Said("it does not offer STARTTLS".to_owned()));
    }
    stream.write_all(b"STARTTLS\r\n").await?;
    reply(stream, "220").await.map(drop)
}

/// The lines of a reply of SMTP with the code that is wanted.
async fn reply<S: AsyncRead + Unpin>(stream: &mut S, wanted: &str) -> Result<Vec<String>, Fault> {
    let mut all = Vec::new();
    while all.len() < MOST_LINES {
        let line = line(stream).await?;
        if !line.starts_with(wanted) {
            return Err(said(&line));
        }
        let last = line.as_bytes().get(3) != Some(&b'-');
        all.push(line);
        if last {
            return Ok(all);
        }
    }
    Err(Fault::Said("its reply does not end".to_owned()))
}

async fn imap<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Fault> {
    let greeting = line(stream).await?;
    if !starts(&greeting, "* OK") {
        return Err(said(&greeting));
    }
    stream.write_all(b"a1 STARTTLS\r\n").await?;
    for _ in 0..MOST_LINES {
        let line = line(stream).await?;
        match starts(&line, "a1 ") {
            true if starts(&line, "a1 OK") => return Ok(()),
            true => return Err(said(&line)),
            // What is not asked for may come at any time.
            false => {}
        }
    }
    Err(Fault::Said("its reply does not end".to_owned()))
}

async fn pop3<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Fault> {
    for command in [None, Some(b"STLS\r\n")] {
        if let Some(command) = command {
            stream.write_all(command).await?;
        }
        let line = line(stream).await?;
        if !starts(&line, "+OK") {
            return Err(said(&line));
        }
    }
    Ok(())
}

async fn postgres<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Fault> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    stream.write_all(&SSL_REQUEST).await?;
    match stream.read_u8().await? {
        b'S' => Ok(()),
        b'N' => Err(Fault::Said("the server has TLS switched off".to_owned())),
        b'E' => Err(Fault::Said("it answers with an error".to_owned())),
        other => Err(Fault::Said(format!("it answers with byte 0x{other:02x}"))),
    }
}

async fn ldap<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Fault> {
    // LDAPMessage { messageID 1, ExtendedRequest { requestName 1.3.6.1.4.1.1466.20037 } }
    let mut request = vec![0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22];
    request.extend_from_slice(b"1.3.6.1.4.1.1466.20037");
    stream.write_all(&request).await?;
    let mut message = vec![stream.read_u8().await?, stream.read_u8().await?];
    let length = match message[1] {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => {
            let mut length = 0;
            for _ in 0..long & 0x7f {
                let digit = stream.read_u8().await?;
                message.push(digit);
                length = length << 8 | usize::from(digit);
            }
            length
        }
        _ => LONGEST + 1,
    };
    let none = || Fault::Said("its answer is no LDAP".to_owned());
    if message[0] != 0x30 || length > LONGEST {
        return Err(none());
    }
    let head = message.len();
    message.resize(head + length, 0);
    stream.read_exact(&mut message[head..]).await?;
    match ldap_result(&message).ok_or_else(none)? {
        0 => Ok(()),
        code => Err(Fault::Said(format!("it answers with the result {code}"))),
    }
}

/// The result code of an ExtendedResponse: RFC 4511, section 4.12.
fn ldap_result(message: &[u8]) -> Option<u8> {
    let (0x30, message, _) = element(message)? else {
        return None;
    };
    let (0x02, _, operation) = element(message)? else {
        return None;
    };
    let (0x78, response, _) = element(operation)? else {
        return None;
    };
    match element(response)? {
        (0x0a, [code], _) => Some(*code),
        _ => None,
    }
}

/// A line, without its end. It is read byte by byte: what follows it is TLS.
async fn line<S: AsyncRead + Unpin>(stream: &mut S) -> Result<String, Fault> {
    let mut all = Vec::new();
    while all.len() < LONGEST {
        match stream.read_u8().await? {
            b'\n' => return Ok(String::from_utf8_lossy(all.trim_ascii_end()).into_owned()),
            byte => all.push(byte),
        }
    }
    Err(said(&String::from_utf8_lossy(&all)))
}

fn starts(line: &str, with: &str) -> bool {
    line.get(..with.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(with))
}

fn said(line: &str) -> Fault {
    Fault::Said(format!("it answers {:?}", excerpt(line)))
}
