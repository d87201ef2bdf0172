//! Asks over TCP, with or without TLS: connects, sends, and receives what is expected.

mod dialogue;
mod wire;

use std::time::Duration;

use super::address::{connect, parse, split};
use super::handshake::{self, server_name};
use super::tls::Terms;
use super::{Context, quote};
use crate::domain::probe::judge::{Verdict, judge};
use crate::domain::probe::kinds::{Answer, TcpAnswer, TcpProbe, TlsTerms, Turn};
use crate::domain::probe::text::Text;
use crate::domain::timespan::Timespan;
use wire::Wire;

/// More than this is not read.
const CAP: usize = 64 * 1024;

/// When what was received satisfies, this long a silence shows that nothing follows which would not.
const SILENCE: Duration = Duration::from_millis(200);

/// Connects to the first address that accepts. Where an answer is expected, reads until it satisfies and nothing
/// follows, the other side closes, 64 KiB are read, or the time is over.
pub(super) async fn ask(tcp: &TcpProbe, context: &Context<'_>) -> Answer {
    match exchange(tcp, context).await {
        Ok(answer) => Answer::Tcp(answer),
        Err(trouble) => trouble,
    }
}

async fn exchange(tcp: &TcpProbe, context: &Context<'_>) -> Result<TcpAnswer, Answer> {
    let turns = turns(tcp).map_err(Answer::Unasked)?;
    let terms = tcp.tls_terms();
    let secure = match (&terms, tcp.begins_plain()) {
        (None, true) => Some(Secure::new(tcp, &TlsTerms::default(), context)?),
        (None, false) => None,
        (Some(terms), _) => Some(Secure::new(tcp, terms, context)?),
    };
    let mut wire = Wire::new(connect(&tcp.address, context).await?);
    if let Some(secure) = &secure
        && !tcp.begins_plain()
    {
        context.progress.shaking();
        wire.secure(secure).await?;
        context.progress.connected();
    }
    let answer = if turns.is_empty() {
        once(&mut wire, tcp, context).await?
    } else {
        let how = dialogue::How {
            address: &tcp.address,
            secure: secure.as_ref(),
            context,
        };
        dialogue::hold(&mut wire, &turns, &how).await?
    };
    let expects = tcp.expect.is_some() || !answer.steps.is_empty();
    if secure.is_some_and(|it| it.shows) && !expects {
        wire.accepted(&tcp.address).await?;
    }
    Ok(answer)
}

/// The steps of a dialogue.
fn turns(tcp: &TcpProbe) -> Result<Vec<Turn<'_>>, String> {
    if !tcp.steps.is_empty() && (tcp.send.is_some() || tcp.expect.is_some()) {
        return Err("the probe has `steps`, and `send` or `expect` beside them".to_owned());
    }
    let numbered = tcp.steps.iter().enumerate();
    numbered
        .map(|(index, step)| {
            let number = index + 1;
            step.turn().map_err(|why| format!("step {number}: {why}"))
        })
        .collect()
}

/// How TLS is begun over a connection.
struct Secure {
    config: rustls::ClientConfig,
    name: rustls::pki_types::ServerName<'static>,
    address: String,
    /// Whether a certificate is shown to the server.
    shows: bool,
}

impl Secure {
    fn new(tcp: &TcpProbe, terms: &TlsTerms, context: &Context<'_>) -> Result<Self, Answer> {
        let (host, _) = parse(&tcp.address)?;
        let name = terms.server_name.as_deref().unwrap_or(host);
        let shown = terms.client_certificate.as_ref();
        let on = Terms::of(terms.verify_tls, terms.ca.as_ref(), shown);
        let config = context.clients.tls(&on).map_err(Answer::Unasked)?;
        let mut config = rustls::ClientConfig::clone(&config);
        // What is spoken over it is not HTTP, as far as is known.
        config.alpn_protocols.clear();
        Ok(Self {
            config,
            name: server_name(name).map_err(Answer::Unasked)?,
            address: tcp.address.clone(),
            shows: shown.is_some(),
        })
    }
}

async fn once(wire: &mut Wire, tcp: &TcpProbe, context: &Context<'_>) -> Result<TcpAnswer, Answer> {
    let broken = |error: std::io::Error| handshake::trouble(&tcp.address, &error);
    if let Some(text) = &tcp.send {
        wire.write(text.as_bytes()).await.map_err(broken)?;
    }
    if tcp.expect.is_none() {
        return Ok(TcpAnswer::default());
    }
    let mut all = Vec::new();
    let mut buffer = vec![0; 8 * 1024];
    while all.len() < CAP {
        let reading = wire.read(&mut buffer);
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
            Err(error) => return Err(broken(error)),
        }
        context.progress.received(answer(&all, true));
    }
    Ok(answer(&all, all.len() >= CAP))
}

fn answer(received: &[u8], truncated: bool) -> TcpAnswer {
    TcpAnswer {
        received: Text::decode(received, None, truncated),
        truncated,
        steps: Vec::new(),
    }
}

fn satisfies(received: &[u8], context: &Context<'_>) -> bool {
    let answer = Answer::Tcp(answer(received, false));
    !received.is_empty() && judge(context.probe, &answer, 0).verdict == Verdict::Pass
}

/// A line that connects; what is sent is not part of it.
pub(super) fn repeat(tcp: &TcpProbe, timeout: Timespan) -> Option<String> {
    if let Some(terms) = tcp.tls_terms()
        && !tcp.begins_plain()
    {
        let (name, shown) = (&terms.server_name, &terms.client_certificate);
        let mut words = handshake::client(&tcp.address, name.as_deref(), shown.as_ref())?;
        if let Some(ca) = &terms.ca {
            words.extend(["-CAfile", ca]);
        }
        return Some(quote::line(words));
    }
    let (host, port) = split(&tcp.address)?;
    let (wait, port) = (timeout.seconds_begun().to_string(), port.to_string());
    Some(quote::line(["nc", "-vz", "-w", &wait, host, &port]))
}
