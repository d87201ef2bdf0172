//! What a test needs of the machine that it runs on. A test that passes by leaving itself out proves nothing, so what is
//! missing fails it; what a machine cannot have is named by whoever runs the tests: `RELGATE_TEST_WITHOUT=mounts,ipv6`.

use std::process::Command;

/// Whether the test is to be left out for want of a `thing`, which is there or not.
///
/// # Panics
/// It is not there, and nobody said so.
#[track_caller]
pub fn is_left_out(thing: &str, is_there: bool) -> bool {
    let without = std::env::var("RELGATE_TEST_WITHOUT").unwrap_or_default();
    let is_named = without.split(',').any(|it| it == thing);
    assert!(
        is_there || is_named,
        "this machine has no {thing}: install it, or leave out what needs it with RELGATE_TEST_WITHOUT={thing}"
    );
    if !is_there {
        eprintln!("left out: this machine has no {thing}");
    }
    !is_there
}

/// Whether a command runs and succeeds.
pub fn succeeds(program: &str, args: &[&str]) -> bool {
    let output = Command::new(program).args(args).output();
    output.is_ok_and(|it| it.status.success())
}
