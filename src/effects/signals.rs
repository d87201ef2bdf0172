//! INT, TERM and HUP, turned into a question: does somebody want this process to stop?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// Whether a signal asked this process to stop.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    wanted: Arc<AtomicBool>,
    forgotten: Arc<AtomicBool>,
}

impl Signals {
    /// No signal is caught yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on INT, TERM and HUP no longer end the process: they are remembered.
    pub fn catch(&self) {
        let wanted = Arc::clone(&self.wanted);
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
            else {
                return;
            };
            runtime.block_on(async {
                let kinds = [
                    SignalKind::interrupt(),
                    SignalKind::terminate(),
                    SignalKind::hangup(),
                ];
                let mut streams: Vec<_> = kinds
                    .into_iter()
                    .filter_map(|kind| signal(kind).ok())
                    .collect();
                let _ = ready.send(());
                let [one, two, three] = streams.as_mut_slice() else {
                    return;
                };
                loop {
                    tokio::select! {
                        _ = one.recv() => {}
                        _ = two.recv() => {}
                        _ = three.recv() => {}
                    }
                    wanted.store(true, Ordering::SeqCst);
                }
            });
        });
        // A signal that comes before the handlers are in place would end the process.
        let _ = is_ready.recv();
    }

    /// Signals are caught and mean nothing.
    pub fn forget(&self) {
        self.forgotten.store(true, Ordering::SeqCst);
    }

    /// Whether somebody wants this process to stop.
    pub fn stop_wanted(&self) -> bool {
        !self.forgotten.load(Ordering::SeqCst) && self.wanted.load(Ordering::SeqCst)
    }
}
