//! Whether the system can execute what a file holds: a script needs an interpreter, a program must be one of this machine.
//!
//! A file without either fails with ENOEXEC. Some C libraries then try a shell and some do not, so it is never relied on.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::executable::{executable, search};

/// How much of a file is looked at. The kernel reads the first 256 bytes of a script; the table of a program's parts
/// stands near its beginning.
const HEAD: u64 = 8 * 1024;

/// A script's interpreter may be a script itself; the kernel goes no further than this.
const NESTED: usize = 4;

/// The longest first line of a script that the kernel takes.
const LONGEST_LINE: usize = 255;

/// Whether the system can execute the file `path`; a relative interpreter is found from `folder`.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(super) fn check(path: &Path, folder: &Path) -> Result<(), String> {
    check_nested(path, folder, NESTED)
}

fn check_nested(path: &Path, folder: &Path, further: usize) -> Result<(), String> {
    let mut head = Vec::new();
    // A program that may be executed and not read is no script, which its interpreter could not read either.
    let Ok(_) = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)) else {
        return Ok(());
    };
    let name = path.display();
    if let Some(line) = head.strip_prefix(b"#!") {
        let interpreter = script(line, path, folder)?;
        return match further {
            0 => Err(format!(
                "{name} is a script whose interpreters are scripts too, more than {NESTED} deep"
            )),
            _ => check_nested(&interpreter, folder, further - 1),
        };
    }
    if head.is_empty() {
        return Err(format!(
            "{name} is empty; write the program, such as a script that begins with #!/bin/sh"
        ));
    }
    if binary::is_one(&head) {
        return binary::check(&head, path);
    }
    if binary::is_registered(&head, path) {
        return Ok(());
    }
    if head.starts_with(b"\xef\xbb\xbf#!") {
        return Err(format!(
            "{name} begins with a byte order mark before its #!; save it as UTF-8 without one"
        ));
    }
    Err(format!(
        "{name} is neither a program of this system nor a script with an interpreter; write #!/bin/sh, or the interpreter that it needs, as its first line"
    ))
}

/// The interpreter of a script whose first line is, without `#!`, the beginning of `text`.
fn script(text: &[u8], script: &Path, folder: &Path) -> Result<std::path::PathBuf, String> {
    let name = script.display();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.len() + 2 > LONGEST_LINE {
        return Err(format!(
            "the first line of {name} is longer than the {LONGEST_LINE} bytes that the system reads; shorten the path of its interpreter"
        ));
    }
    let line = String::from_utf8_lossy(line);
    let line = line.trim_matches([' ', '\t']);
    let (interpreter, argument) = match line.split_once([' ', '\t']) {
        Some((interpreter, argument)) => (interpreter, argument.trim_matches([' ', '\t'])),
        None => (line, ""),
    };
    if line.ends_with('\r') {
        return Err(format!(
            "the first line of {name} ends with a carriage return, which becomes part of {line:?}; save it with Unix line endings"
        ));
    }
    if interpreter.is_empty() {
        return Err(format!(
            "the first line of {name} names no interpreter; write #!/bin/sh, or the one that it needs"
        ));
    }
    let found = executable(&folder.join(interpreter)).map_err(|why| {
        let what = if folder.join(interpreter).exists() {
            "cannot be used"
        } else {
            "does not exist"
        };
        format!("its interpreter {interpreter}, named in the first line of {name}, {what} ({why})")
    })?;
    if Path::new(interpreter)
        .file_name()
        .is_some_and(|it| it == "env")
    {
        searched(argument)
            .map_err(|why| format!("its interpreter, named in the first line of {name}: {why}"))?;
    }
    Ok(found)
}

/// Whether `env` finds the program that its argument names.
fn searched(argument: &str) -> Result<(), String> {
    // The system hands all that follows `env` on as one argument; only with -S does it become several.
    let split = argument
        .strip_prefix("-S")
        .or_else(|| argument.strip_prefix("--split-string="));
    let words: Vec<&str> = match split {
        Some(words) => words.split_whitespace().collect(),
        None if cfg!(target_os = "macos") => argument.split_whitespace().collect(),
        None if argument.contains([' ', '\t']) && !argument.starts_with('-') => {
            return Err(format!(
                "env would look for a program called {argument:?}; write env -S {argument}"
            ));
        }
        None if argument.is_empty() => Vec::new(),
        None => vec![argument],
    };
    let program = words
        .into_iter()
        .find(|word| !word.starts_with('-') && !word.contains('='));
    match program {
        Some(program) if program.contains('/') => executable(Path::new(program)).map(drop),
        Some(program) => search(program).map(drop),
        // Options alone: what they make of the rest is not guessed at.
        None if argument.starts_with('-') => Ok(()),
        None => Err("env is given no program".to_owned()),
    }
}

#[cfg(target_os = "linux")]
mod binary {
    //! ELF, and what the kernel was told to execute beside it (`binfmt_misc`).

    use super::{Path, fs};

    /// `e_machine` of what this machine executes: its own, and the smaller one of the same family.
    const MACHINES: &[u16] = if cfg!(target_arch = "x86_64") {
        &[62, 3]
    } else if cfg!(target_arch = "aarch64") {
        &[183, 40]
    } else {
        &[]
    };

    pub(super) fn is_one(head: &[u8]) -> bool {
        head.starts_with(b"\x7fELF")
    }

    pub(super) fn check(head: &[u8], path: &Path) -> Result<(), String> {
        let name = path.display();
        let Some(machine) = number(head, 18, 2) else {
            return Err(format!("{name} is cut off: it is no whole program"));
        };
        let ours = MACHINES.is_empty() || MACHINES.iter().any(|it| u64::from(*it) == machine);
        // The second condition: numbers in it are written the other way round.
        if (!ours || head.get(5) == Some(&2)) && !is_registered(head, path) {
            return Err(format!(
                "{name} is a program of another kind of machine (ELF machine {machine}); this one is {}",
                std::env::consts::ARCH
            ));
        }
        match loader(head) {
            Some(loader) if !Path::new(&loader).exists() => Err(format!(
                "{name} needs {loader}, which does not exist here; install it, or use a static build"
            )),
            _ => Ok(()),
        }
    }

    /// The dynamic loader that a 64-bit program names.
    fn loader(head: &[u8]) -> Option<String> {
        const INTERPRETER: u64 = 3;
        if head.get(4..6) != Some(&[2, 1]) {
            return None;
        }
        let (table, size, count) = (
            number(head, 32, 8)?,
            number(head, 54, 2)?,
            number(head, 56, 2)?,
        );
        let part = (0..count).find_map(|index| {
            let at = usize::try_from(table.checked_add(index * size)?).ok()?;
            (number(head, at, 4)? == INTERPRETER).then_some(at)
        })?;
        let from = usize::try_from(number(head, part + 8, 8)?).ok()?;
        let length = usize::try_from(number(head, part + 32, 8)?).ok()?;
        let bytes = head.get(from..from.checked_add(length)?)?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// A little-endian number of `length` bytes.
    fn number(head: &[u8], at: usize, length: usize) -> Option<u64> {
        let bytes = head.get(at..at.checked_add(length)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    }

    /// Whether the kernel was told of an interpreter for such files.
    pub(super) fn is_registered(head: &[u8], path: &Path) -> bool {
        let entries = fs::read_dir("/proc/sys/fs/binfmt_misc")
            .into_iter()
            .flatten()
            .flatten();
        let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
        let extension = path.extension().map(|it| it.to_string_lossy().into_owned());
        texts
            .into_iter()
            .any(|text| matches(&text, head, extension.as_deref()))
    }

    /// Whether the entry `text` is about a file with this beginning or extension.
    pub(super) fn matches(text: &str, head: &[u8], extension: Option<&str>) -> bool {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| value.trim().to_owned())
        };
        if !text.starts_with("enabled") {
            return false;
        }
        if let Some(wanted) = value("extension .") {
            return extension == Some(wanted.as_str());
        }
        let Some(magic) = value("magic ").and_then(|it| bytes(&it)) else {
            return false;
        };
        let mask = value("mask ").and_then(|it| bytes(&it));
        let at: usize = value("offset ").and_then(|it| it.parse().ok()).unwrap_or(0);
        let Some(found) = head.get(at..at.saturating_add(magic.len())) else {
            return false;
        };
        let masked = |index: usize, byte: u8| {
            byte & mask
                .as_ref()
                .and_then(|mask| mask.get(index))
                .unwrap_or(&0xff)
        };
        let pairs = found.iter().zip(&magic).enumerate();
        !magic.is_empty()
            && pairs
                .into_iter()
                .all(|(index, (a, b))| masked(index, *a) == masked(index, *b))
    }

    fn bytes(hex: &str) -> Option<Vec<u8>> {
        let digits: Option<Vec<u8>> = hex
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
        Some(
            digits
                .chunks(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect(),
        )
    }
}

#[cfg(not(target_os = "linux"))]
mod binary {
    //! Mach-O: only that it is one is looked at.

    use super::Path;

    pub(super) fn is_one(head: &[u8]) -> bool {
        const MAGICS: [[u8; 4]; 5] = [
            [0xcf, 0xfa, 0xed, 0xfe],
            [0xce, 0xfa, 0xed, 0xfe],
            [0xca, 0xfe, 0xba, 0xbe],
            [0xca, 0xfe, 0xba, 0xbf],
            [0x7f, b'E', b'L', b'F'],
        ];
        MAGICS.iter().any(|magic| head.starts_with(magic))
    }

    pub(super) fn check(_: &[u8], _: &Path) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn is_registered(_: &[u8], _: &Path) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn checked(bytes: &[u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("program");
        fs::write(&path, bytes).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permitted");
        check(&path, folder.path())
    }

    #[test]
    fn scripts_need_an_interpreter_that_is_there() {
        for good in [
            "#!/bin/sh\ntrue\n",
            "#! /bin/sh -e\ntrue\n",
            "#!/usr/bin/env sh\n",
            "#!/usr/bin/env -S sh -e\n",
            "#!/usr/bin/env -S A=b sh -e\n",
        ] {
            assert_eq!(checked(good.as_bytes()), Ok(()), "{good}");
        }
        for (bad, reason) in [
            ("", "is empty"),
            ("echo back\n", "write #!/bin/sh"),
            ("\u{feff}#!/bin/sh\n", "byte order mark"),
            ("#!\n", "names no interpreter"),
            ("#! \t\n", "names no interpreter"),
            ("#!/bin/sh\r\ntrue\r\n", "carriage return"),
            ("#!/usr/bin/env sh\r\n", "carriage return"),
            ("#!/bin/sh -e\r\n", "carriage return"),
            ("#!/no/such/python -u\n", "/no/such/python"),
            ("#!/etc/passwd\n", "cannot be used"),
            ("#!/bin\n", "cannot be used"),
            ("#!no-such-sh\n", "does not exist"),
            ("#!/usr/bin/env no-such-python\n", "no-such-python"),
            ("#!/usr/bin/env -S no-such-python -u\n", "no-such-python"),
            ("#!/usr/bin/env /no/such/python\n", "/no/such/python"),
            ("#!/usr/bin/env\n", "no program"),
        ] {
            let why = checked(bad.as_bytes()).expect_err(bad);
            assert!(why.contains(reason), "{bad:?}: {why}");
        }
        let long = format!("#!/{}/sh\n", "x".repeat(300));
        assert!(
            checked(long.as_bytes())
                .expect_err("long")
                .contains("longer than")
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn env_is_given_one_argument() {
        let why = checked(b"#!/usr/bin/env sh -e\n").expect_err("one argument");
        assert!(why.contains("env -S sh -e"), "{why}");
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn programs_must_be_of_this_machine() {
        let own = fs::read("/proc/self/exe").expect("this program");
        assert_eq!(checked(&own), Ok(()));
        let with = |at: usize, byte: u8| {
            let mut bytes = own[..4096].to_vec();
            bytes[at] = byte;
            bytes
        };
        assert!(
            checked(&with(18, 243))
                .expect_err("riscv")
                .contains("another kind")
        );
        assert!(
            checked(&with(5, 2))
                .expect_err("big-endian")
                .contains("another kind")
        );
        assert!(checked(&own[..10]).expect_err("cut").contains("cut off"));
        let loader = own
            .windows(7)
            .position(|it| it == b"/lib64/")
            .expect("a loader");
        assert!(
            checked(&with(loader + 1, b'X'))
                .expect_err("loader")
                .contains("/Xib64/")
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_may_have_been_told_of_others() {
        let jar = "enabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n";
        assert!(binary::matches(jar, b"PK", Some("jar")));
        assert!(!binary::matches(jar, b"PK", Some("zip")));
        let arm = "enabled\ninterpreter /usr/bin/qemu\nflags: F\noffset 0\nmagic 7f454c46\nmask ffffff00\n";
        assert!(binary::matches(arm, b"\x7fELX...", None));
        assert!(!binary::matches(arm, b"\x7fEXX...", None));
        assert!(!binary::matches(
            &arm.replace("enabled", "disabled"),
            b"\x7fELF",
            None
        ));
        assert!(!binary::matches("enabled\n", b"\x7fELF", None));
    }
}
