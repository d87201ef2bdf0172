//! The storefront's play is run whole, against this build: it ends well, leaves nothing behind, and is not fooled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The example, as `cargo test` builds it beside the tests; built here where only this test was asked for.
fn storefront() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("the folder of the build profile");
    let program = profile.join("examples/storefront");
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--example", "storefront"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.is_ok_and(|status| status.success()));
    }
    assert!(
        program.exists(),
        "there is no {}: cargo build --example storefront",
        program.display()
    );
    program
}

/// Plays with `relgate`, from the root of the file system, and all temporary files in `folder`.
fn play(relgate: &Path, folder: &Path) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/storefront/play.sh");
    assert_cmd::Command::new("sh")
        .arg(script)
        .current_dir("/")
        .env("RELGATE", relgate)
        .env("STOREFRONT", storefront())
        .env("TMPDIR", folder)
        .timeout(Duration::from_secs(120))
        .output()
        .expect("the play was run")
}

/// The command lines of the processes that have something to do with `folder`; none where the system does not list
/// them as files.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder.as_ref()))
        .collect()
}

fn left_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the temporary folder");
    entries.flatten().map(|entry| entry.path()).collect()
}

#[test]
fn a_whole_release_plays_to_its_rollback() {
    // req: A6, req: A9, req: A10, req: A13, req: E7, req: E8
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = play(Path::new(env!("CARGO_BIN_EXE_relgate")), folder.path());
    let story = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{story}\n{errors}");
    assert!(
        story.contains("[exit 5: rolled back, and verified]"),
        "{story}"
    );
    assert!(
        story.ends_with("with its documented exit code\n"),
        "{story}"
    );
    assert!(!errors.contains("panicked"), "{errors}");
    assert_eq!(left_in(folder.path()), Vec::<PathBuf>::new());
    assert_eq!(processes_in(folder.path()), Vec::<String>::new());
}

#[test]
fn the_play_fails_at_the_first_exit_code_that_is_not_documented() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let always_well = folder.path().join("relgate");
    fs::write(&always_well, "#!/bin/sh\nexit 0\n").expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&always_well, mode).expect("the script may be executed");
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let output = play(&always_well, &temporary);
    let story = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{story}");
    assert!(story.contains("[exit 0, where 3 is documented]"), "{story}");
    assert_eq!(left_in(&temporary), Vec::<PathBuf>::new());
    assert_eq!(processes_in(&temporary), Vec::<String>::new());
}
