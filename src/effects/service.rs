//! Talking to the service manager that started this process, where one did (`sd_notify`).

use sd_notify::NotifyState;

/// Everything is in place, and the watch has begun.
pub fn ready() {
    // Nobody may be listening, and nothing depends on it.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

/// This process lives, and says in one line what it does.
pub fn alive(status: &str) {
    let _ = sd_notify::notify(&[NotifyState::Watchdog, NotifyState::Status(status)]);
}

/// The process is about to end because it was asked to.
pub fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}
