//! Places where a test makes the process die, to prove that what is left on disk is whole.
//!
//! A build with debug assertions obeys the environment variable `RELGATE_FAILPOINT`: `ledger:written` aborts at the
//! first pass of that place, `ledger:written:3` at the third. `RELGATE_FAILPOINT_IN` names a command that alone obeys: a
//! watcher hands its environment on to the driver that it starts, and a test means one of the two. A release build has
//! none of it. A place whose name begins with `bug:` panics instead.

/// Says that the process passes the place `name`.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_name: &str) {}

/// Says that the process passes the place `name`, and aborts where `RELGATE_FAILPOINT` asks for it.
#[cfg(debug_assertions)]
pub fn hit(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSES: AtomicU64 = AtomicU64::new(0);

    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("RELGATE_FAILPOINT").ok()?;
        let only = std::env::var_os("RELGATE_FAILPOINT_IN");
        only.is_none_or(|only| std::env::args_os().any(|argument| argument == only))
            .then(|| parse(&text))
    });
    if let Some((armed, nth)) = armed
        && armed == name
        && PASSES.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        assert!(!name.starts_with("bug:"), "the failpoint {armed}");
        // For the test, which cannot see how a detached process ends.
        let said = format!("died at the failpoint {armed}:{nth}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        std::process::abort();
    }
}

/// The place and the number of the pass, from 1. Places have colons of their own; a number never is one.
#[cfg(debug_assertions)]
fn parse(text: &str) -> (String, u64) {
    match text.rsplit_once(':') {
        Some((name, nth)) if nth.parse::<u64>().is_ok() => {
            (name.to_owned(), nth.parse().unwrap_or(1))
        }
        _ => (text.to_owned(), 1),
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::parse;

    #[test]
    fn the_number_of_the_pass_is_the_first_unless_said() {
        assert_eq!(parse("ledger:written"), ("ledger:written".to_owned(), 1));
        assert_eq!(parse("ledger:written:3"), ("ledger:written".to_owned(), 3));
    }
}
