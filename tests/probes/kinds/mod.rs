//! Every other kind of probe against real servers and files: its verdicts, and what its troubles are called.

mod dns;
mod file;
mod grpc;
mod junit;
mod metric;
mod offers;
mod pages;
mod starttls;
mod tcp;
mod tls;

use std::path::Path;

use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::Value;

use crate::support::{PATIENCE, probe};

/// The one sample of a probe whose files lie in `root`.
pub fn sample(root: &Path, value: Value) -> Sample {
    SystemProber::new(root)
        .sample(&[probe("one", value)], 1, Some(PATIENCE))
        .pop()
        .expect("a sample")
}

/// That a probe comes to its verdict, and says this.
#[track_caller]
pub fn assert_sample(root: &Path, value: Value, verdict: Verdict, reason: &str) {
    let told = value.to_string();
    let sample = sample(root, value);
    let said = sample.reason();
    assert_eq!(sample.verdict, verdict, "{told}: {said}");
    assert!(said.contains(reason), "{told}: {said}");
}
