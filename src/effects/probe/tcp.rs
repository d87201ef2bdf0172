//! Asks over TCP: connects, sends, and receives what is expected.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::address::{connect, split};
use super::trouble::connection_trouble;
use super::{Context, quote};
use crate::domain::probe::judge::{Verdict, judge};
use crate::domain::probe::kinds::{Answer, TcpAnswer, TcpProbe};
use crate::domain::probe::text::Text;
use crate::domain::timespan::Timespan;

/// More than this is not read.
const CAP: usize = 64 * 1024;

/// When what was received satisfies, this long a silence shows that nothing follows which would not.
const SILENCE: Duration = Duration::from_millis(200);

/// Connects to the first address that accepts. Where an answer is expected, reads until it satisfies and nothing
/// follows, the other side closes, 64 KiB are read, or the time is over.
pub(super) async fn ask(tcp: &TcpProbe, context: &Context<'_>) -> Answer {
    let mut stream = match connect(&tcp.address, context).await {
        Ok(stream) => stream,
        Err(trouble) => return trouble,
    };
    match exchange(&mut stream, tcp, context).await {
        Ok(answer) => Answer::Tcp(answer),
        Err(error) => connection_trouble(&tcp.address, &error),
    }
}

async fn exchange(
    stream: &mut TcpStream,
    tcp: &TcpProbe,
    context: &Context<'_>,
) -> io::Result<TcpAnswer> {
    if let Some(text) = &tcp.send {
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
    }
    if tcp.expect.is_none() {
        return Ok(TcpAnswer::default());
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
    Ok(TcpAnswer {
        received: Text::decode(&all, None, all.len() >= CAP),
        truncated: all.len() >= CAP,
    })
}

fn satisfies(received: &[u8], context: &Context<'_>) -> bool {
    let answer = Answer::Tcp(TcpAnswer {
        received: Text::decode(received, None, false),
        truncated: false,
    });
    !received.is_empty() && judge(context.probe, &answer, 0).verdict == Verdict::Pass
}

/// A line that connects; what is sent is not part of it.
pub(super) fn repeat(tcp: &TcpProbe, timeout: Timespan) -> Option<String> {
    let (host, port) = split(&tcp.address)?;
    let (wait, port) = (timeout.seconds().to_string(), port.to_string());
    Some(quote::line(["nc", "-vz", "-w", &wait, host, &port]))
}
