//! INT, TERM and HUP, turned into a question: does somebody want this process to stop?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

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

    /// From now on INT, TERM and HUP no longer end the process: they are remembered. No thread is needed for it.
    pub fn catch(&self) {
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // It fails for signals that cannot be caught, and these can.
            let _ = flag::register(signal, Arc::clone(&self.wanted));
        }
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
