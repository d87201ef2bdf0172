//! Whose turn it is: a probe is asked once what it needs has passed, so many at a time, and fewer of one host.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

use super::http::Jar;
use crate::domain::ids::ProbeId;
use crate::domain::probe::{Probe, needs};
use crate::domain::variables::{CapturedValues, Ready};
use crate::ports::Limits;

/// The turns of one sample.
pub(super) struct Turns {
    all: Semaphore,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// How it went with each probe that another needs.
    ends: BTreeMap<ProbeId, watch::Sender<Option<End>>>,
    /// Those whose turn never comes, and why.
    never: BTreeMap<ProbeId, String>,
}

/// What a probe and those before it bring along.
#[derive(Clone, Debug, Default)]
pub(super) struct Brought {
    pub(super) captured: CapturedValues,
    pub(super) cookies: Jar,
}

/// How it went with a probe: what it and those before it have captured, or that it did not pass.
#[derive(Clone)]
enum End {
    Passed(Arc<Brought>),
    NotPassed,
}

/// What allows a probe to be asked now.
pub(super) struct Permits<'a> {
    _host: Option<OwnedSemaphorePermit>,
    _all: SemaphorePermit<'a>,
}

impl Turns {
    pub(super) fn new(probes: &[Ready], limits: Limits) -> Self {
        let within = |permits: usize| permits.clamp(1, Semaphore::MAX_PERMITS);
        let concurrency = within(limits.concurrency);
        let needing: Vec<&Ready> = probes
            .iter()
            .filter(|ready| !ready.probe().needs.is_empty())
            .collect();
        let never = if needing.is_empty() {
            BTreeMap::new()
        } else {
            let probes: Vec<Probe> = probes.iter().map(|ready| ready.probe().clone()).collect();
            needs::unaskable(&probes)
        };
        let ends = needing
            .iter()
            .flat_map(|ready| &ready.probe().needs)
            .map(|need| (need.clone(), watch::Sender::new(None)))
            .collect();
        Self {
            all: Semaphore::new(concurrency),
            per_host: within(limits.per_host).min(concurrency),
            hosts: Mutex::default(),
            ends,
            never,
        }
    }

    /// Waits until all that `probe` needs has ended. Returns what was captured on the way, or what did not pass.
    pub(super) async fn needs_of(&self, probe: &Probe) -> Result<Brought, String> {
        if let Some(why) = self.never.get(&probe.id) {
            return Err(why.clone());
        }
        let mut brought = Brought::default();
        for need in &probe.needs {
            let unmet = || format!("not asked: it needs \"{need}\", which did not pass");
            let mut end = self.ends.get(need).ok_or_else(unmet)?.subscribe();
            let end = end.wait_for(Option::is_some).await;
            match end.as_deref() {
                Ok(Some(End::Passed(theirs))) => {
                    let captured = theirs.captured.iter();
                    brought
                        .captured
                        .extend(captured.map(|(name, value)| (name.clone(), value.clone())));
                    brought.cookies.extend(&theirs.cookies);
                }
                _ => return Err(unmet()),
            }
        }
        Ok(brought)
    }

    /// Whoever has this tells those that wait how it went; dropped without a word, it did not pass.
    pub(super) fn turn(&self, id: &ProbeId) -> Turn<'_> {
        Turn(self.ends.get(id))
    }

    /// Waits until the probe may be asked. A place at its host is waited for without taking one from the others.
    pub(super) async fn permits(&self, probe: &Probe) -> Option<Permits<'_>> {
        let host = match self.host(probe) {
            Some(host) => Some(host.acquire_owned().await.ok()?),
            None => None,
        };
        let all = self.all.acquire().await.ok()?;
        Some(Permits {
            _host: host,
            _all: all,
        })
    }

    fn host(&self, probe: &Probe) -> Option<Arc<Semaphore>> {
        let host = match probe.questions().as_slice() {
            [question] => question.host()?,
            _ => return None,
        };
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts
            .entry(host)
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_host)));
        Some(Arc::clone(host))
    }
}

/// The turn of one probe.
pub(super) struct Turn<'a>(Option<&'a watch::Sender<Option<End>>>);

impl Turn<'_> {
    /// It passed, and this was captured by it and those before it.
    pub(super) fn passed(self, brought: Brought) {
        if let Some(end) = self.0 {
            end.send_replace(Some(End::Passed(Arc::new(brought))));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(end) = self.0 {
            end.send_if_modified(|end| {
                let silent = end.is_none();
                if silent {
                    *end = Some(End::NotPassed);
                }
                silent
            });
        }
    }
}
