//! Holds a dialogue: sends and receives step by step, and ends at the first step that does not hold.

use std::io;

use super::super::Context;
use super::super::handshake;
use super::wire::Wire;
use super::{CAP, SILENCE, Secure};
use crate::domain::probe::kinds::{Answer, Ending, Expected, Received, TcpAnswer, Turn};
use crate::domain::probe::text::Text;

/// What a dialogue is held with.
pub(super) struct How<'a> {
    pub(super) address: &'a str,
    /// How TLS is begun, where it is at a step.
    pub(super) secure: Option<&'a Secure>,
    pub(super) context: &'a Context<'a>,
}

/// Holds the dialogue.
///
/// # Errors
/// The answer that says why it broke before anything was received that could be judged.
pub(super) async fn hold(
    wire: &mut Wire,
    turns: &[Turn<'_>],
    how: &How<'_>,
) -> Result<TcpAnswer, Answer> {
    let mut answer = TcpAnswer::default();
    // All that was received since something was sent.
    let mut since = Vec::new();
    for turn in turns {
        match turn {
            Turn::Send(bytes) => {
                since.clear();
                if let Err(error) = wire.write(bytes).await {
                    return broken(answer, error, how);
                }
            }
            Turn::StartTls => {
                // What came in plain text is no part of what follows.
                since.clear();
                if let Some(secure) = how.secure {
                    wire.secure(secure).await?;
                }
            }
            Turn::Expect(expected) => {
                match receive(wire, expected, (&mut since, &answer), how).await {
                    Ok(ending) => answer = with(&answer, &since, ending),
                    Err(error) => return broken(answer, error, how),
                }
                let last = answer.steps.last();
                if last.is_some_and(|last| last.ending != Ending::Satisfied) {
                    return Ok(answer);
                }
            }
        }
    }
    Ok(answer)
}

/// What broke is told; after a step that was received, that one is judged as well.
fn broken(answer: TcpAnswer, error: io::Error, how: &How<'_>) -> Result<TcpAnswer, Answer> {
    let number = answer.steps.len();
    match handshake::trouble(how.address, &error) {
        Answer::Unserved(text) if number > 0 => Err(Answer::Unserved(format!(
            "{text}, after {number} of its answers"
        ))),
        trouble => Err(trouble),
    }
}

/// Reads until what came since something was sent is what is expected, or no more comes.
async fn receive(
    wire: &mut Wire,
    expected: &Expected<'_>,
    (since, before): (&mut Vec<u8>, &TcpAnswer),
    how: &How<'_>,
) -> io::Result<Ending> {
    let progress = &how.context.progress;
    let mut buffer = vec![0; 8 * 1024];
    loop {
        let satisfied = expected.is_satisfied(since);
        if satisfied && !expected.may_be_spoilt() {
            return Ok(Ending::Satisfied);
        }
        if since.len() >= CAP {
            return Ok(Ending::Cap);
        }
        // Where nothing was received at all, it is told how far it came instead.
        if !since.is_empty() || !before.steps.is_empty() {
            progress.received(with(before, since, Ending::Time));
        }
        let reading = wire.read(&mut buffer);
        let count = match satisfied {
            false => reading.await,
            true => match tokio::time::timeout(SILENCE, reading).await {
                Ok(read) => read,
                Err(_) => return Ok(Ending::Satisfied),
            },
        };
        match count {
            Ok(0) if satisfied => return Ok(Ending::Satisfied),
            Ok(0) => return Ok(Ending::Closed),
            Ok(count) => since.extend_from_slice(&buffer[..count]),
            Err(_) if satisfied => return Ok(Ending::Satisfied),
            // What came before a reset is judged.
            Err(_) if !since.is_empty() => return Ok(Ending::Closed),
            Err(error) => return Err(error),
        }
    }
}

/// An answer with one step more.
fn with(before: &TcpAnswer, bytes: &[u8], ending: Ending) -> TcpAnswer {
    let cut = matches!(ending, Ending::Cap | Ending::Time);
    let mut answer = TcpAnswer {
        received: Text::decode(bytes, None, cut),
        truncated: cut,
        steps: before.steps.clone(),
    };
    answer.steps.push(Received {
        bytes: bytes.to_vec(),
        ending,
    });
    answer
}
