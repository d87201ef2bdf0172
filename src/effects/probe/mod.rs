//! Asks probes of the real world: so many at a time, again after a failure, none longer than it may.
//!
//! Each kind is one function of one shape in a module of its own, and one line in `ask` and in `repeat`. What an
//! answer means is decided by [`crate::domain::probe::judge`]; this module only brings it. A target that was reached, or
//! is silent, and does not serve is told from a question that could not be put at all: the first is a failure, the
//! second an error.

mod address;
mod certificate;
mod command;
mod der;
mod disk;
mod dns;
mod explain;
mod file;
mod glob;
mod grpc;
mod handshake;
mod http;
mod identity;
mod junit;
mod metric;
mod named;
mod offer;
mod pem;
mod progress;
mod sample;
mod starttls;
mod tcp;
mod tls;
mod trouble;
mod turns;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::domain::ids::ProbeId;
use crate::domain::probe::capture::{self, Captured};
use crate::domain::probe::files::FileUse;
use crate::domain::probe::judge::{Answer, Attempt, Sample, Verdict, hold, settle};
use crate::domain::probe::retry::{Tried, asked_pause};
use crate::domain::probe::{Probe, Question};
use crate::domain::quote;
use crate::domain::running::Sight;
use crate::domain::variables::{Ready, Secrets};
use crate::effects::clock::Stopwatch;
use crate::ports::{Asked, Limits, Onlooker, Prober};

pub use der::expires as read_expiry;
pub use dns::read as read_dns_message;
pub use grpc::status_in as read_health_message;

use http::{Clients, Jar, Tokens};
use progress::{Progress, shown};
use sample::{conclude, panicked, unasked};
use tls::Trust;
use turns::{Brought, Turns};

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
    tokens: Arc<Tokens>,
    on_callers_thread: bool,
}

impl SystemProber {
    /// A prober whose commands run in `root`, the repository's root.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            runtime: OnceLock::new(),
            trust: Arc::default(),
            tokens: Arc::default(),
            on_callers_thread: false,
        }
    }

    /// The same, with no threads of its own but for what cannot be awaited: what asks few probes is not kept from it by a
    /// limit of threads.
    pub fn on_callers_thread(mut self) -> Self {
        self.on_callers_thread = true;
        self
    }

    fn runtime(&self) -> Result<&Runtime, &String> {
        let build = || {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            let mut builder = match self.on_callers_thread {
                true => tokio::runtime::Builder::new_current_thread(),
                false => tokio::runtime::Builder::new_multi_thread(),
            };
            builder
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
    fn can_use(&self, path: &str, used_as: FileUse) -> Result<(), String> {
        named::can_use(&self.root, path, used_as)
    }

    /// A command that does not end at its timeout is ended: its attempt lasts up to a second longer where it ignores
    /// TERM. A probe that panics is an error, and a bug of relgate's.
    fn sample_until(
        &self,
        probes: &[Ready],
        limits: Limits,
        stop: &(dyn Fn() -> bool + Sync),
        onlooker: &Arc<dyn Onlooker>,
    ) -> Asked {
        if probes.is_empty() {
            return Asked::default();
        }
        match self.runtime() {
            Ok(runtime) => {
                let run = Arc::new(Run {
                    root: self.root.clone(),
                    clients: Clients::new(self.root.clone(), Arc::clone(&self.trust))
                        .with_tokens(Arc::clone(&self.tokens)),
                    turns: Turns::new(probes, limits),
                    secrets: Mutex::default(),
                    onlooker: Arc::clone(onlooker),
                });
                // Reading the trusted roots takes a while on a busy machine, which is no fault of what is asked: it
                // is done before any timeout begins.
                for ready in probes {
                    http::make_ready(ready.probe(), &run.clients);
                    handshake::make_ready(ready.probe(), &run.clients);
                    metric::make_ready(ready.probe(), &run.clients);
                }
                let all = sample_all(Arc::clone(&run), probes, limits.patience, stop);
                let samples = runtime.block_on(all);
                let secrets = run.secrets().clone();
                Asked { samples, secrets }
            }
            Err(trouble) => Asked {
                samples: probes
                    .iter()
                    .map(|ready| unasked(ready.probe(), Vec::new(), trouble.clone()))
                    .collect(),
                secrets: Secrets::default(),
            },
        }
    }
}

/// An answer of this many bytes is weighed apart.
const LONG_ANSWER: usize = 2 * 1024;

/// A cookie of this many bytes may say who asks, and is not shown.
const SHORTEST_SESSION: usize = 8;

/// How often it is looked whether a sample is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// What the probes of one sample share.
struct Run {
    root: PathBuf,
    clients: Clients,
    turns: Turns,
    /// What was captured and must not be shown.
    secrets: Mutex<Secrets>,
    onlooker: Arc<dyn Onlooker>,
}

impl Run {
    /// Adds to what must not be shown.
    fn conceal(&self, secrets: &Secrets) {
        if !secrets.is_empty() {
            self.secrets().extend(secrets);
            self.onlooker.sees(&Sight::Secrets(secrets));
        }
    }

    fn sees_attempt(&self, probe: &ProbeId, attempt: &Attempt, again: bool) {
        self.onlooker.sees(&Sight::Attempted {
            probe,
            attempt,
            again,
        });
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was done about one probe so far; it outlives the task that does it.
#[derive(Clone, Default)]
struct Doing(Arc<Mutex<Done>>);

#[derive(Default)]
struct Done {
    attempts: Vec<Attempt>,
    /// The probe as it is asked, with all its values; none where it was not asked.
    asked: Option<Arc<Probe>>,
}

impl Doing {
    fn push(&self, attempt: Attempt) {
        self.lock().attempts.push(attempt);
    }

    fn begin(&self, probe: &Arc<Probe>) {
        self.lock().asked = Some(Arc::clone(probe));
    }

    fn take(&self) -> Done {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Done> {
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
    probes: &[Ready],
    patience: Option<Duration>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Vec<Sample> {
    // Each task has a handle, so that the end of the last one is heard once: to wait for one after the other would wake
    // this thread up for each.
    let (working, mut all_ended) = mpsc::channel::<()>(1);
    let mut tasks: Vec<(Doing, JoinHandle<()>)> = probes
        .iter()
        .map(|ready| {
            let doing = Doing::default();
            let work = in_turn(Arc::clone(&run), ready.clone(), doing.clone());
            let working = working.clone();
            let task = tokio::spawn(async move {
                work.await;
                drop(working);
            });
            (doing, task)
        })
        .collect();
    drop(working);
    tokio::select! {
        biased;
        _ = all_ended.recv() => {}
        () = enough(patience, stop) => tasks.iter().for_each(|(_, task)| task.abort()),
    }
    let mut samples = Vec::with_capacity(probes.len());
    for (ready, (doing, task)) in probes.iter().zip(&mut tasks) {
        let end = task.await;
        samples.push(conclude(ready.probe(), doing.take(), end, patience));
    }
    samples
}

/// Asks a probe once what it needs has passed, and tells those that need it.
async fn in_turn(run: Arc<Run>, ready: Ready, doing: Doing) {
    let id = &ready.probe().id;
    let turn = run.turns.turn(id);
    let give_up = |attempt: Attempt| {
        run.sees_attempt(id, &attempt, false);
        doing.push(attempt);
    };
    let mut brought = match run.turns.needs_of(ready.probe()).await {
        Ok(brought) => brought,
        Err(unmet) => {
            return give_up(Attempt::troubled(Verdict::Inconclusive, unmet, 0));
        }
    };
    let probe = match ready.complete(&brought.captured) {
        Ok((probe, its)) => {
            run.conceal(&its);
            probe
        }
        Err(error) => {
            return give_up(Attempt::troubled(Verdict::Error, error.to_string(), 0));
        }
    };
    doing.begin(&probe);
    if let Some(own) = attempts(&run, &probe, &brought.cookies, &doing).await {
        brought.captured.extend(own.captured);
        brought.cookies = own.cookies;
        turn.passed(brought);
    }
}

/// Attempts until one passes, or none is worth another, or the retries are used up. A permit is held only while it is
/// being asked. Returns what was captured where one passed.
async fn attempts(run: &Run, probe: &Arc<Probe>, cookies: &Jar, doing: &Doing) -> Option<Brought> {
    let mut asked_pause = None;
    for retry in 0..=probe.retries() {
        if retry > 0 {
            tokio::time::sleep(probe.pause(retry, asked_pause)).await;
        }
        let weighed = {
            let _permits = run.turns.permits(probe).await?;
            run.onlooker.sees(&Sight::Asking {
                probe: &probe.id,
                attempt: retry + 1,
            });
            // Thousands may wait for their turn, and need no room for asking until then.
            Box::pin(attempt(run, probe, cookies)).await
        };
        let passed = weighed.attempt.verdict == Verdict::Pass;
        let again = !passed && weighed.again && retry < probe.retries();
        run.sees_attempt(&probe.id, &weighed.attempt, again);
        doing.push(weighed.attempt);
        if passed {
            return Some(Brought {
                captured: weighed.captured.values,
                cookies: weighed.cookies,
            });
        }
        if !weighed.again {
            return None;
        }
        asked_pause = weighed.asked_pause;
    }
    None
}

async fn attempt(run: &Run, probe: &Arc<Probe>, cookies: &Jar) -> Weighed {
    let watch = Stopwatch::start();
    let progress = Progress::default();
    let jar = Mutex::new(cookies.clone());
    let learned = Mutex::default();
    let answer = match probe.questions().as_slice() {
        [question] if probe.asserts_something() => {
            let context = Context {
                probe,
                root: &run.root,
                clients: &run.clients,
                progress: progress.clone(),
                jar: &jar,
                learned: &learned,
                limit: probe.timeout().duration(),
            };
            ask(*question, &context).await
        }
        [_] => Answer::Unasked("the probe asserts nothing; add what it must `expect`".to_owned()),
        _ => Answer::Unasked("the probe does not have exactly one question".to_owned()),
    };
    let took_ms = watch.elapsed_ms();
    let phases = progress.phases();
    let size = answer.told().text.map_or(0, |text| text.shown().len());
    let mut weighed = if size < LONG_ANSWER {
        Weighed::new(probe, &answer, took_ms)
    } else {
        // What is asserted about a long answer may take long to find out, and could not be cut off here.
        let theirs = Arc::clone(probe);
        let weighing = tokio::task::spawn_blocking(move || Weighed::new(&theirs, &answer, took_ms));
        let limit = probe.timeout().duration();
        match tokio::time::timeout(limit, weighing).await {
            Ok(Ok(weighed)) => weighed,
            Ok(Err(error)) => Weighed::failed(Verdict::Error, panicked(error), took_ms),
            Err(_) => {
                let why = format!(
                    "what is expected of the answer took longer than {} to find out",
                    shown(limit)
                );
                Weighed::failed(Verdict::Inconclusive, why, took_ms)
            }
        }
    };
    let mut captured = Secrets::default();
    for name in &weighed.captured.secret {
        if let Some(value) = weighed.captured.values.get(name) {
            captured.add(&value.text);
        }
    }
    for value in learned.into_inner().unwrap_or_else(PoisonError::into_inner) {
        captured.add(&value);
    }
    weighed.cookies = jar.into_inner().unwrap_or_else(PoisonError::into_inner);
    for value in weighed.cookies.values() {
        // A shorter one is rather `en` or `true` than who somebody is.
        if value.len() >= SHORTEST_SESSION {
            captured.add(value);
        }
    }
    run.conceal(&captured);
    weighed.attempt.phases = phases;
    weighed
}

/// An attempt, and what follows from it.
struct Weighed {
    attempt: Attempt,
    captured: Captured,
    /// Those that were kept before, and on the way.
    cookies: Jar,
    /// Whether another attempt is worth it.
    again: bool,
    /// The pause that the answer asks for.
    asked_pause: Option<Duration>,
}

impl Weighed {
    fn new(probe: &Probe, answer: &Answer, took_ms: u64) -> Self {
        let held = hold(probe, answer, took_ms);
        let unanswered = matches!(answer, Answer::Unserved(_) | Answer::Unasked(_));
        let tried = Tried {
            answer,
            verdict: held.verdict,
            timed_out: unanswered && took_ms >= probe.timeout().milliseconds(),
        };
        Self {
            again: probe.is_retried(tried),
            asked_pause: asked_pause(answer),
            captured: capture::take(probe, answer).0,
            cookies: Jar::default(),
            attempt: settle(probe, answer, held),
        }
    }

    fn failed(verdict: Verdict, trouble: String, took_ms: u64) -> Self {
        Self {
            attempt: Attempt::troubled(verdict, trouble, took_ms),
            captured: Captured::default(),
            cookies: Jar::default(),
            again: false,
            asked_pause: None,
        }
    }
}

/// What a kind needs to ask.
struct Context<'a> {
    probe: &'a Probe,
    root: &'a Path,
    clients: &'a Clients,
    progress: Progress,
    /// The cookies that are kept.
    jar: &'a Mutex<Jar>,
    /// What was learned on the way and must not be shown.
    learned: &'a Mutex<Vec<String>>,
    /// For this attempt.
    limit: Duration,
}

impl Context<'_> {
    fn learned(&self, secret: &str) {
        let mut all = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(secret.to_owned());
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kinds. Some end by themselves when their time is over; the others are simply dropped then, and what had been
/// reached tells the answer. None takes the room of another that needs more.
async fn ask(question: Question<'_>, context: &Context<'_>) -> Answer {
    match question {
        Question::Http(http) => within(context, Box::pin(http::ask(http, context))).await,
        Question::Tcp(tcp) => within(context, Box::pin(tcp::ask(tcp, context))).await,
        Question::Tls(tls) => within(context, Box::pin(handshake::ask(tls, context))).await,
        Question::Dns(dns) => Box::pin(dns::ask(dns, context)).await,
        Question::Grpc(grpc) => within(context, Box::pin(grpc::ask(grpc, context))).await,
        Question::Command(command) => Box::pin(command::ask(command, context)).await,
        Question::File(file) => Box::pin(file::ask(file, context)).await,
        Question::Junit(junit) => Box::pin(junit::ask(junit, context)).await,
        Question::Metric(metric) => Box::pin(metric::ask(metric, context)).await,
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
        [Question::Metric(metric)] => metric::repeat(metric, probe.timeout()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_started_for_no_probes() {
        let prober = SystemProber::new("/");
        assert_eq!(prober.sample(&[], 4, None), []);
        assert!(prober.runtime.get().is_none());
    }
}
