//! Asks by running a command: its exit code and what it writes.
//!
//! The command runs in a process group of its own with standard input closed. Nothing of its group outlives the
//! answer; a process that it put into a session of its own does, unless the command ran out of time.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::progress::shown;
use super::{Context, quote};
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, CommandAnswer, CommandProbe};
use crate::domain::probe::text::Text;
use crate::effects::process::group::{Family, MARK, marks_with, new_mark};
use crate::effects::process::program;

/// More of each output than this is read and thrown away.
const CAP: usize = 64 * 1024;

/// How long output is awaited after the command has ended.
const DRAINING: Duration = Duration::from_millis(500);

/// What a command is given between TERM and KILL.
const GRACE: Duration = Duration::from_secs(1);

/// Runs the command to its end, or ends it at its time.
pub(super) async fn ask(command: &CommandProbe, context: &Context<'_>) -> Answer {
    let Some((name, arguments)) = command.argv.split_first() else {
        return Answer::Unasked(
            "the command is empty; write a program and its arguments".to_owned(),
        );
    };
    let mark = new_mark();
    let spawned = Command::new(program::place(name, context.root))
        .arg0(name)
        .args(arguments)
        .envs(&command.env)
        .env(MARK, marks_with(&[], &mark))
        .current_dir(context.root)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            return Answer::Unasked(program::start_failure(name, context.root, &error));
        }
    };
    let mut leash = Leash(child.id().map(|leader| Family::new(leader, mark)));
    let mut stdout = Captured::begin(child.stdout.take());
    let mut stderr = Captured::begin(child.stderr.take());
    let ended = tokio::time::timeout(context.limit, child.wait()).await;
    let status = match ended {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            return Answer::Unasked(format!("the end of {name:?} could not be awaited: {error}"));
        }
        Err(_) => {
            leash.end(child).await;
            let wrote = excerpt(stderr.text().shown().trim());
            let wrote = if wrote.is_empty() {
                excerpt(stdout.text().shown().trim())
            } else {
                wrote
            };
            let wrote = if wrote.is_empty() {
                String::new()
            } else {
                format!("; it wrote: {wrote}")
            };
            return Answer::Unserved(format!(
                "it did not end within {} and was ended{wrote}",
                shown(context.limit)
            ));
        }
    };
    // A child that keeps the output open is not waited for; once it is gone, what it wrote is whole.
    for cleared in [false, true] {
        if cleared {
            leash.clear_group();
        }
        let drained = async {
            stdout.done().await;
            stderr.done().await;
        };
        let _ = tokio::time::timeout(DRAINING, drained).await;
    }
    Answer::Command(CommandAnswer {
        exit: status.code(),
        signal: std::os::unix::process::ExitStatusExt::signal(&status),
        stdout: stdout.text(),
        stderr: stderr.text(),
        stdout_cut: stdout.cut(),
        stderr_cut: stderr.cut(),
    })
}

/// Holds what the command started: an attempt that is cut off leaves nothing behind.
struct Leash(Option<Family>);

impl Leash {
    /// TERM, up to a second, KILL. The leader is reaped afterwards, so that its id stays its own until then.
    async fn end(&mut self, child: Child) {
        if let Some(family) = &self.0 {
            let mut family = family.clone();
            let ending = tokio::task::spawn_blocking(move || {
                family.end(GRACE, &mut thread::sleep);
            });
            // It only fails where the runtime ends, and then the leash ends the family.
            if ending.await.is_ok() {
                self.0 = None;
            }
        }
        drop(child);
    }

    fn clear_group(&mut self) {
        if let Some(mut family) = self.0.take() {
            family.kill_group();
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if let Some(family) = &mut self.0 {
            family.signal(Signal::KILL);
        }
    }
}

/// One output, read to its end, its beginning kept. Dropped, it is read no further.
struct Captured {
    kept: Arc<Mutex<Vec<u8>>>,
    /// Whether more was written than is kept.
    flooded: Arc<AtomicBool>,
    ended: bool,
    reading: JoinHandle<()>,
}

impl Captured {
    fn begin(output: Option<impl AsyncRead + Unpin + Send + 'static>) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let flooded = Arc::new(AtomicBool::new(false));
        let (sink, over) = (Arc::clone(&kept), Arc::clone(&flooded));
        let reading = tokio::spawn(async move {
            let Some(mut output) = output else {
                return;
            };
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = output.read(&mut buffer).await {
                let mut kept = sink.lock().unwrap_or_else(PoisonError::into_inner);
                let room = CAP - kept.len();
                kept.extend_from_slice(&buffer[..count.min(room)]);
                if count > room {
                    over.store(true, Ordering::SeqCst);
                }
            }
        });
        Self {
            kept,
            flooded,
            ended: false,
            reading,
        }
    }

    async fn done(&mut self) {
        // It fails only where it was stopped, and then what was kept is what there is.
        if !self.ended {
            let _ = (&mut self.reading).await;
            self.ended = true;
        }
    }

    /// Why what was kept is not all, where it is not.
    fn cut(&self) -> Option<String> {
        if self.flooded.load(Ordering::SeqCst) {
            Some(format!("only the first {} KiB are read", CAP / 1024))
        } else if !self.ended {
            Some("a process that it left behind still holds the output".to_owned())
        } else {
            None
        }
    }

    fn text(&self) -> Text {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Text::decode(&kept, None, self.cut().is_some())
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// A line that runs the same in the repository's root.
pub(super) fn repeat(command: &CommandProbe) -> String {
    let environment = command
        .env
        .iter()
        .map(|(name, value)| format!("{name}={} ", quote::word(value)));
    let argv = quote::line(command.argv.iter().map(String::as_str));
    environment.chain([argv]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_repeats_the_command() {
        let command: CommandProbe = serde_json::from_value(serde_json::json!({
            "argv": ["./smoke.sh", "--name", "a b"],
            "env": {"MODE": "it's"},
            "expect": {"exit": 0},
        }))
        .expect("a probe");
        assert_eq!(repeat(&command), "MODE='it'\\''s' ./smoke.sh --name 'a b'");
    }
}
