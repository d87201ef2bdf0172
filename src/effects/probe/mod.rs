//! Asks probes of the real world: so many at a time, again after a failure, none longer than it may.
//!
//! Each kind is one function of one shape in a module of its own, and one line in `ask` and in `repeat`. What an
//! answer means is decided by [`judge`]; this module only brings it. A target that was reached, or is silent, and does
//! not serve is told from a question that could not be put at all: the first is a failure, the second an error.

mod address;
mod command;
mod disk;
mod dns;
mod file;
mod grpc;
mod handshake;
mod http;
mod junit;
mod pem;
mod progress;
mod quote;
mod tcp;
mod tls;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle};

use crate::domain::probe::judge::{Answer, Attempt, Sample, Verdict, judge};
use crate::domain::probe::{Probe, Question};
use crate::effects::clock::Stopwatch;
use crate::ports::Prober;

use http::Clients;
use progress::{Progress, shown};
use tls::Trust;

/// Threads that do the asking. Probes wait more than they compute.
const MOST_THREADS: usize = 4;

/// Threads for what cannot be awaited, such as the system's resolver.
const MOST_BLOCKING_THREADS: usize = 128;

/// Asks probes from this machine.
///
/// Its threads and its trusted certificates come into being with the first probe that needs them. Connections are kept
/// within one sample at most, so that every sample reaches whatever is live at that moment. To be used outside of an
/// asynchronous runtime.
pub struct SystemProber {
    root: PathBuf,
    runtime: OnceLock<Result<Runtime, String>>,
    trust: Arc<Trust>,
}

impl SystemProber {
    /// A prober whose commands run in `root`, the repository's root.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            runtime: OnceLock::new(),
            trust: Arc::default(),
        }
    }

    fn runtime(&self) -> Result<&Runtime, &String> {
        let build = || {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads.min(MOST_THREADS))
                .max_blocking_threads(MOST_BLOCKING_THREADS)
                .thread_name("probe")
                .enable_all()
                .build()
                .map_err(|error| format!("the threads for probes could not be started: {error}"))
        };
        self.runtime.get_or_init(build).as_ref()
    }
}

impl Drop for SystemProber {
    fn drop(&mut self) {
        // The system's resolver cannot be interrupted, and is not worth waiting for.
        if let Some(Ok(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Prober for SystemProber {
    /// A command that does not end at its timeout is ended: its attempt lasts up to a second longer where it ignores
    /// TERM. A probe that panics is an error, and a bug of relgate's.
    fn sample_until(
        &self,
        probes: &[Probe],
        concurrency: usize,
        patience: Option<Duration>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Sample> {
        if probes.is_empty() {
            return Vec::new();
        }
        match self.runtime() {
            Ok(runtime) => {
                let run = Run {
                    root: self.root.clone(),
                    clients: Clients::new(self.root.clone(), Arc::clone(&self.trust)),
                    permits: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
                };
                // Reading the trusted roots takes a while on a busy machine, which is no fault of what is asked: it
                // is done before any timeout begins.
                for probe in probes {
                    http::make_ready(probe, &run.clients);
                    handshake::make_ready(probe, &run.clients);
                }
                runtime.block_on(sample_all(Arc::new(run), probes, patience, stop))
            }
            Err(trouble) => probes
                .iter()
                .map(|probe| unasked(probe, Vec::new(), trouble.clone()))
                .collect(),
        }
    }
}

/// How often it is looked whether a sample is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// What the probes of one sample share.
struct Run {
    root: PathBuf,
    clients: Clients,
    permits: Semaphore,
}

/// The attempts at one probe so far; they outlive the task that makes them.
#[derive(Clone, Default)]
struct Attempts(Arc<Mutex<Vec<Attempt>>>);

impl Attempts {
    fn push(&self, attempt: Attempt) {
        self.lock().push(attempt);
    }

    fn take(&self) -> Vec<Attempt> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Comes to an end when the patience has run out, or nobody wants the sample any more.
async fn enough(patience: Option<Duration>, stop: &(dyn Fn() -> bool + Sync)) {
    let stopped = async {
        while !stop() {
            tokio::time::sleep(LOOK).await;
        }
    };
    match patience {
        None => stopped.await,
        Some(patience) => {
            // Either way it is enough.
            let _ = tokio::time::timeout(patience, stopped).await;
        }
    }
}

async fn sample_all(
    run: Arc<Run>,
    probes: &[Probe],
    patience: Option<Duration>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Vec<Sample> {
    let mut tasks: Vec<(Attempts, JoinHandle<()>)> = probes
        .iter()
        .map(|probe| {
            let made = Attempts::default();
            let work = attempts(Arc::clone(&run), probe.clone(), made.clone());
            (made, tokio::spawn(work))
        })
        .collect();
    let mut ends: Vec<Option<Result<(), JoinError>>> = probes.iter().map(|_| None).collect();
    let all = async {
        for ((_, task), end) in tasks.iter_mut().zip(&mut ends) {
            *end = Some(task.await);
        }
    };
    let cut_off = tokio::select! {
        biased;
        () = all => false,
        () = enough(patience, stop) => true,
    };
    if cut_off {
        tasks.iter().for_each(|(_, task)| task.abort());
        for ((_, task), end) in tasks.iter_mut().zip(&mut ends) {
            if end.is_none() {
                *end = Some(task.await);
            }
        }
    }
    probes
        .iter()
        .zip(tasks)
        .zip(ends)
        .map(|((probe, (made, _)), end)| conclude(probe, made.take(), end, patience))
        .collect()
}

/// Attempts until one passes or the retries are used up. The permit is held only while it is being asked.
async fn attempts(run: Arc<Run>, probe: Probe, made: Attempts) {
    for retry in 0..=probe.retries() {
        if retry > 0 {
            tokio::time::sleep(probe.backoff().duration()).await;
        }
        let Ok(_permit) = run.permits.acquire().await else {
            return;
        };
        let attempt = attempt(&run, &probe).await;
        let passed = attempt.verdict == Verdict::Pass;
        made.push(attempt);
        if passed {
            return;
        }
    }
}

async fn attempt(run: &Run, probe: &Probe) -> Attempt {
    let watch = Stopwatch::start();
    let progress = Progress::default();
    let answer = match probe.questions().as_slice() {
        [question] if probe.asserts_something() => {
            let context = Context {
                probe,
                root: &run.root,
                clients: &run.clients,
                progress: progress.clone(),
                limit: probe.timeout().duration(),
            };
            ask(*question, &context).await
        }
        [_] => Answer::Unasked("the probe asserts nothing; add what it must `expect`".to_owned()),
        _ => Answer::Unasked("the probe does not have exactly one question".to_owned()),
    };
    Attempt {
        phases: progress.phases(),
        ..judge(probe, &answer, watch.elapsed_ms())
    }
}

/// What a kind needs to ask.
struct Context<'a> {
    probe: &'a Probe,
    root: &'a Path,
    clients: &'a Clients,
    progress: Progress,
    /// For this attempt.
    limit: Duration,
}

/// The kinds. Some end by themselves when their time is over; the others are simply dropped then, and what had been
/// reached tells the answer.
async fn ask(question: Question<'_>, context: &Context<'_>) -> Answer {
    match question {
        Question::Http(http) => within(context, http::ask(http, context)).await,
        Question::Tcp(tcp) => within(context, tcp::ask(tcp, context)).await,
        Question::Tls(tls) => within(context, handshake::ask(tls, context)).await,
        Question::Dns(dns) => dns::ask(dns, context).await,
        Question::Grpc(grpc) => within(context, grpc::ask(grpc, context)).await,
        Question::Command(command) => command::ask(command, context).await,
        Question::File(file) => file::ask(file, context).await,
        Question::Junit(junit) => junit::ask(junit, context).await,
    }
}

async fn within(context: &Context<'_>, asking: impl Future<Output = Answer>) -> Answer {
    match tokio::time::timeout(context.limit, asking).await {
        Ok(answer) => answer,
        Err(_) => context.progress.at_timeout(context.limit),
    }
}

/// A line for a shell that repeats the question by hand.
fn repeat(probe: &Probe) -> Option<String> {
    match probe.questions().as_slice() {
        [Question::Http(http)] => Some(http::repeat(http, probe.timeout())),
        [Question::Tcp(tcp)] => tcp::repeat(tcp, probe.timeout()),
        [Question::Tls(tls)] => handshake::repeat(tls, probe.timeout()),
        [Question::Dns(dns)] => Some(dns::repeat(dns)),
        [Question::Grpc(grpc)] => grpc::repeat(grpc),
        [Question::Command(command)] => Some(command::repeat(command)),
        [Question::File(file)] => Some(file::repeat(file)),
        [Question::Junit(junit)] => junit::repeat(junit),
        _ => None,
    }
}

fn conclude(
    probe: &Probe,
    attempts: Vec<Attempt>,
    end: Option<Result<(), JoinError>>,
    patience: Option<Duration>,
) -> Sample {
    let trouble = match end {
        Some(Ok(())) => match attempts.last() {
            Some(last) => {
                return Sample {
                    probe: probe.id.clone(),
                    verdict: last.verdict,
                    attempts,
                    repeat: repeat(probe),
                };
            }
            None => "it was not asked; this is a bug of relgate's".to_owned(),
        },
        Some(Err(error)) if error.is_panic() => format!(
            "asking it failed inside relgate ({}); this is a bug of relgate's",
            panic_text(error)
        ),
        Some(Err(_)) | None => {
            let patience = patience.map(shown).unwrap_or_default();
            let before = attempts
                .last()
                .map(|last| format!("; the attempt before: {}", last.reason()))
                .unwrap_or_default();
            format!("cut off, since all probes together may take {patience} at most{before}")
        }
    };
    unasked(probe, attempts, trouble)
}

fn unasked(probe: &Probe, mut attempts: Vec<Attempt>, trouble: String) -> Sample {
    attempts.push(Attempt::troubled(Verdict::Error, trouble, 0));
    Sample {
        probe: probe.id.clone(),
        verdict: Verdict::Error,
        attempts,
        repeat: repeat(probe),
    }
}

fn panic_text(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return String::new();
    };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let end = runtime.block_on(async { tokio::spawn(async { panic!("out of cheese") }).await });
        let probe: Probe =
            serde_json::from_value(serde_json::json!({"id": "a", "tcp": {"address": "x:1"}}))
                .expect("a probe");
        let sample = conclude(&probe, Vec::new(), Some(end), None);
        assert_eq!(sample.verdict, Verdict::Error);
        assert!(sample.reason().contains("out of cheese"));
    }

    #[test]
    fn nothing_is_started_for_no_probes() {
        let prober = SystemProber::new("/");
        assert_eq!(prober.sample(&[], 4, None), []);
        assert!(prober.runtime.get().is_none());
    }
}
