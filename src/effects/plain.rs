//! Files that relgate writes in a team's repository, and reads back.
//!
//! Whoever can write in the repository must not get relgate to write elsewhere, or to wait: nothing goes through a link,
//! neither a file's nor a folder's; what is opened is a plain file with one name; and a pipe is not waited for.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, fstat, linkat, mkdirat, openat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

/// What a new file or folder may be used for, before the umask takes its part away.
const FILE: Mode = Mode::from_raw_mode(0o666);
const FOLDER: Mode = Mode::from_raw_mode(0o777);

const FOLDER_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const FILE_FLAGS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens the file `path` to add to it; it and its folders are made where they are not there. `root` itself is found as
/// the system finds it, and nothing below it through a link. A `path` outside of `root` is found from its own folder.
///
/// # Errors
/// What is in the way.
pub fn append(root: &Path, path: &Path) -> io::Result<File> {
    let (root, path) = split(root, path);
    let (folder, name) = place(&root, &path, &mut Vec::new())?;
    let flags = FILE_FLAGS | OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
    open(folder.as_fd(), name, flags)
}

/// Opens the plain file `path` to read it; below `root`, nothing is found through a link.
///
/// # Errors
/// What is in the way; of kind `NotFound` where there is no such file.
pub fn read(root: &Path, path: &Path) -> io::Result<File> {
    let (root, path) = split(root, path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut folder = open_root(&root)?;
    for part in parts(path.parent().unwrap_or(Path::new("")))? {
        folder = enter(folder.as_fd(), part)?;
    }
    open(folder.as_fd(), Path::new(name), FILE_FLAGS | OFlags::RDONLY)
}

/// Writes the new file `path` whole, durable when it returns, never over anything; what was made for it is added to
/// `made`, so that it can be taken back.
///
/// # Errors
/// What is in the way; of kind `AlreadyExists` where there is something of that name, a link too.
pub fn create(root: &Path, path: &Path, bytes: &[u8], made: &mut Vec<Made>) -> io::Result<()> {
    let (root, path) = split(root, path);
    let (folder, name) = place(&root, &path, made)?;
    write(folder, name, bytes, false)?;
    made.push(Made::File(root.join(&path)));
    Ok(())
}

/// Writes the file `name` in `folder` whole, in the place of a plain file of that name; the folder is made where it is not
/// there, and may itself be no link.
///
/// # Errors
/// What is in the way.
pub fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let full = std::path::absolute(folder)?.join(name);
    let root = full.ancestors().nth(2).unwrap_or(Path::new("/"));
    let inner = full.strip_prefix(root).unwrap_or(&full);
    let (folder, name) = place(root, inner, &mut Vec::new())?;
    match kind(folder.as_fd(), name) {
        None | Some(FileType::RegularFile) => write(folder, name, bytes, true),
        Some(FileType::Symlink) => Err(is_link(name)),
        Some(_) => Err(no_file(name)),
    }
}

/// Writes a file beside its place, and then puts it there; only with `over` in the place of another.
fn write(folder: OwnedFd, name: &Path, bytes: &[u8], over: bool) -> io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let temporary = loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".tmp-{}-{count}", std::process::id());
        let flags = FILE_FLAGS | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        match openat(&folder, &name, flags, FILE) {
            Ok(file) => break (name, File::from(file)),
            // A process of the same number left it behind.
            Err(Errno::EXIST) if count < 10_000 => {}
            Err(error) => return Err(error.into()),
        }
    };
    let (temporary, mut file) = temporary;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| match over {
        true => Ok(renameat(&folder, &temporary, &folder, name)?),
        false => Ok(link(&folder, &temporary, name)?),
    });
    let _ = unlinkat(&folder, &temporary, AtFlags::empty());
    placed?;
    File::from(folder).sync_all()
}

fn link(folder: &OwnedFd, temporary: &str, name: &Path) -> Result<(), Errno> {
    match linkat(folder, temporary, folder, name, AtFlags::empty()) {
        // A disk without hard links.
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS) => {
            renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE)
        }
        linked => linked,
    }
}

/// Something that was not there before.
#[derive(Debug)]
pub enum Made {
    /// A file.
    File(PathBuf),
    /// A folder.
    Folder(PathBuf),
}

fn split(root: &Path, path: &Path) -> (PathBuf, PathBuf) {
    match path.strip_prefix(root) {
        Ok(inner) => (root.to_owned(), inner.to_owned()),
        Err(_) if path.is_relative() => (root.to_owned(), path.to_owned()),
        Err(_) => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            let name = path.strip_prefix(folder).unwrap_or(path);
            (folder.to_owned(), name.to_owned())
        }
    }
}

/// The folder that `path` lies in, made where it is not there, and the name in it.
fn place<'a>(root: &Path, path: &'a Path, made: &mut Vec<Made>) -> io::Result<(OwnedFd, &'a Path)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut folder = open_root(root)?;
    let mut walked = root.to_owned();
    for part in parts(path.parent().unwrap_or(Path::new("")))? {
        walked.push(part);
        match mkdirat(&folder, part, FOLDER) {
            Ok(()) => made.push(Made::Folder(walked.clone())),
            // Where it can be entered it need not be made: the disk may be read-only.
            Err(error) => match enter(folder.as_fd(), part) {
                Err(inner) if inner.kind() == io::ErrorKind::NotFound => return Err(error.into()),
                entered => {
                    folder = entered?;
                    continue;
                }
            },
        }
        folder = enter(folder.as_fd(), part)?;
    }
    Ok((folder, Path::new(name)))
}

fn open_root(root: &Path) -> io::Result<OwnedFd> {
    let root = match root.as_os_str().is_empty() {
        true => Path::new("."),
        false => root,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(root, flags, Mode::empty())?)
}

fn parts(path: &Path) -> io::Result<Vec<&Path>> {
    let part = |component: Component<'_>| matches!(component, Component::Normal(_));
    let walked = path.components().filter(|it| *it != Component::CurDir);
    let parts: Vec<Component<'_>> = walked.collect();
    match parts.iter().all(|it| part(*it)) {
        true => Ok(path.iter().filter(|it| *it != ".").map(Path::new).collect()),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn enter(folder: BorrowedFd<'_>, name: &Path) -> io::Result<OwnedFd> {
    openat(folder, name, FOLDER_FLAGS, Mode::empty()).map_err(|error| match kind(folder, name) {
        Some(FileType::Symlink) => is_link(name),
        _ => error.into(),
    })
}

fn open(folder: BorrowedFd<'_>, name: &Path, flags: OFlags) -> io::Result<File> {
    // Opening some devices does something already.
    match kind(folder, name) {
        None | Some(FileType::RegularFile) => {}
        Some(FileType::Symlink) => return Err(is_link(name)),
        Some(_) => return Err(no_file(name)),
    }
    let file = openat(folder, name, flags, FILE)?;
    let about = fstat(&file)?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
        return Err(no_file(name));
    }
    if about.st_nlink > 1 {
        return Err(io::Error::other(format!(
            "{} has another name elsewhere (a hard link)",
            name.display()
        )));
    }
    Ok(file.into())
}

fn kind(folder: BorrowedFd<'_>, name: &Path) -> Option<FileType> {
    let about = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(about.st_mode))
}

fn is_link(name: &Path) -> io::Error {
    io::Error::other(format!(
        "{} is a symbolic link, and relgate writes through none",
        name.display()
    ))
}

fn no_file(name: &Path) -> io::Error {
    io::Error::other(format!("{} is not a plain file", name.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    fn site() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("root/ledger")).expect("folders");
        fs::create_dir(folder.path().join("elsewhere")).expect("a folder");
        let root = folder.path().join("root");
        (folder, root)
    }

    fn fifo(path: &Path) {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.expect("mkfifo runs").success());
    }

    #[test]
    fn a_file_is_appended_to_and_read_back() {
        let (_folder, root) = site();
        let path = root.join("ledger/output/x.log");
        for text in ["one\n", "two\n"] {
            let mut file = append(&root, &path).expect("opened");
            file.write_all(text.as_bytes()).expect("written");
        }
        let mut text = String::new();
        let mut file = read(&root, &path).expect("there");
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "one\ntwo\n");
        let missing = read(&root, &root.join("ledger/output/y.log")).expect_err("none");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn nothing_is_written_through_a_link_or_into_what_is_no_file() {
        let (folder, root) = site();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(elsewhere.join("kept"), "kept").expect("written");
        let output = root.join("ledger/output");
        fs::create_dir(&output).expect("a folder");
        symlink(elsewhere.join("kept"), output.join("link")).expect("linked");
        symlink(elsewhere.join("new"), output.join("dangling")).expect("linked");
        symlink(&elsewhere, root.join("folder")).expect("linked");
        symlink(elsewhere.join("none"), root.join("nowhere")).expect("linked");
        fs::hard_link(elsewhere.join("kept"), output.join("hard")).expect("linked");
        fifo(&output.join("pipe"));
        fs::create_dir(output.join("folder")).expect("a folder");
        let _listens = UnixListener::bind(output.join("socket")).expect("bound");
        for (name, why) in [
            ("ledger/output/link", "symbolic link"),
            ("ledger/output/dangling", "symbolic link"),
            ("folder/x", "symbolic link"),
            ("folder/inner/x", "symbolic link"),
            ("nowhere/x", "symbolic link"),
            ("ledger/output/hard", "hard link"),
            ("ledger/output/pipe", "not a plain file"),
            ("ledger/output/folder", "not a plain file"),
            ("ledger/output/socket", "not a plain file"),
            ("ledger/output/pipe/x", "Not a directory"),
        ] {
            let error = append(&root, &root.join(name)).expect_err(name);
            assert!(error.to_string().contains(why), "{name}: {error}");
            assert!(read(&root, &root.join(name)).is_err(), "{name} was read");
            let created = create(&root, &root.join(name), b"x", &mut Vec::new());
            assert!(created.is_err(), "{name} was written");
        }
        // With a reader a pipe could be opened.
        let reads = OFlags::RDONLY | OFlags::NONBLOCK;
        let _reader = rustix::fs::open(output.join("pipe"), reads, Mode::empty()).expect("opened");
        assert!(append(&root, &output.join("pipe")).is_err());
        assert_eq!(fs::read(elsewhere.join("kept")).expect("there"), b"kept");
        assert_eq!(fs::read_dir(&elsewhere).expect("a folder").count(), 1);
        assert!(append(&root, Path::new("../x")).is_err());
    }

    #[test]
    fn a_new_file_is_written_whole_and_never_over_another() {
        let (_folder, root) = site();
        let path = root.join("a/b/c.txt");
        let mut made = Vec::new();
        create(&root, &path, b"text", &mut made).expect("written");
        assert_eq!(made.len(), 3, "{made:?}");
        let again = create(&root, &path, b"other", &mut Vec::new()).expect_err("there");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("there"), b"text");
        assert_eq!(fs::read_dir(root.join("a/b")).expect("a folder").count(), 1);
        let plain = root.join("plain");
        fs::write(&plain, "").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "the umask decides");
    }

    #[test]
    fn a_file_is_replaced_and_a_link_is_not() {
        let (folder, root) = site();
        for text in ["one", "two"] {
            replace(&root.join("man"), "x.1", text.as_bytes()).expect("written");
            assert_eq!(
                fs::read(root.join("man/x.1")).expect("there"),
                text.as_bytes()
            );
        }
        let elsewhere = folder.path().join("elsewhere");
        symlink(elsewhere.join("y"), root.join("man/y.1")).expect("linked");
        symlink(&elsewhere, root.join("link")).expect("linked");
        assert!(replace(&root.join("man"), "y.1", b"y").is_err());
        assert!(replace(&root.join("link"), "y", b"y").is_err());
        assert_eq!(fs::read_dir(&elsewhere).expect("a folder").count(), 0);
    }

    #[test]
    fn a_root_may_itself_be_a_link() {
        let (folder, root) = site();
        let link = folder.path().join("link");
        symlink(&root, &link).expect("linked");
        append(&link, &link.join("ledger/x")).expect("opened");
        assert!(root.join("ledger/x").is_file());
    }
}
