//! Asks over TCP: connects, sends, and receives what is expected.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

use super::trouble::{connection_trouble, resolution_trouble};
use super::{Context, quote};
use crate::domain::probe::judge::{Verdict, judge};
use crate::domain::probe::kinds::{Answer, TcpAnswer, TcpProbe};
use crate::domain::timespan::Timespan;

/// More than this is not read.
const CAP: usize = 64 * 1024;

/// When what was received satisfies, this long a silence shows that nothing follows which would not.
const SILENCE: Duration = Duration::from_millis(200);

/// Connects to the first address that accepts. Where an answer is expected, reads until it satisfies and nothing
/// follows, the other side closes, 64 KiB are read, or the time is over.
pub(super) async fn ask(tcp: &TcpProbe, context: &Context<'_>) -> Answer {
    let Some((host, port)) = split(&tcp.address) else {
        return Answer::Unasked(format!(
            "{:?} is no address; write host:port, such as shop.example:443 or [::1]:443",
            tcp.address
        ));
    };
    context.progress.resolving(host);
    let addresses = match lookup_host((host, port)).await {
        Ok(addresses) => addresses,
        Err(error) => return Answer::Unasked(resolution_trouble(host, &error)),
    };
    context.progress.connecting();
    let mut trouble = Answer::Unasked(format!("the name {host} has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(mut stream) => {
                context.progress.connected();
                return match exchange(&mut stream, tcp, context).await {
                    Ok(received) => Answer::Tcp(TcpAnswer { received }),
                    Err(error) => connection_trouble(&tcp.address, &error),
                };
            }
            Err(error) => {
                let answer = connection_trouble(&address.to_string(), &error);
                // That one address refuses tells more than that there is no route to another.
                if !matches!(trouble, Answer::Unserved(_)) {
                    trouble = answer;
                }
            }
        }
    }
    trouble
}

async fn exchange(
    stream: &mut TcpStream,
    tcp: &TcpProbe,
    context: &Context<'_>,
) -> io::Result<String> {
    if let Some(text) = &tcp.send {
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
    }
    if tcp.expect.is_none() {
        return Ok(String::new());
    }
    let mut all = Vec::new();
    let mut buffer = vec![0; 8 * 1024];
    while all.len() < CAP {
        let reading = stream.read(&mut buffer);
        let count = if satisfies(&all, context) {
            match tokio::time::timeout(SILENCE, reading).await {
                Ok(read) => read,
                Err(_) => break,
            }
        } else {
            reading.await
        };
        match count {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            // What came before the reset is judged; a reset instead of an answer is told.
            Err(_) if !all.is_empty() => break,
            Err(error) => return Err(error),
        }
        context.progress.received(&all);
    }
    Ok(text(&all))
}

fn satisfies(received: &[u8], context: &Context<'_>) -> bool {
    let answer = Answer::Tcp(TcpAnswer {
        received: text(received),
    });
    !received.is_empty() && judge(context.probe, &answer, 0).verdict == Verdict::Pass
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `host:port`; an IPv6 address stands in brackets.
fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.is_empty()).then_some((host, port))
}

/// A line that connects; what is sent is not part of it.
pub(super) fn repeat(tcp: &TcpProbe, timeout: Timespan) -> Option<String> {
    let (host, port) = split(&tcp.address)?;
    let (wait, port) = (timeout.seconds().to_string(), port.to_string());
    Some(quote::line(["nc", "-vz", "-w", &wait, host, &port]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(split("shop.example:443"), Some(("shop.example", 443)));
        assert_eq!(split("[::1]:80"), Some(("::1", 80)));
        for bad in [
            "", "host", "host:", ":80", "::1:80", "[::1:80", "h:0", "h:65536", "h:x",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
