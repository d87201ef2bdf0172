//! A small web shop to release: the service that the storefront's policy, notes and scripts deploy and take back.
//!
//! `serve` is one version of the shop, `front` the door that users come in by: it passes every connection on to the
//! version that `switch` last named, so that a new version can start beside the old one. The other commands are what
//! deploy and rollback scripts need. Everything it keeps is in one folder, the state; it knows nothing of relgate.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};

/// No process of the shop lives longer: a demonstration that was cut off leaves nothing behind for good.
const LIFETIME: Duration = Duration::from_secs(20 * 60);
/// How long to wait for a process to answer, or to be gone, in pauses of [`PAUSE`].
const PATIENCE: u32 = 400;
const PAUSE: Duration = Duration::from_millis(50);
/// The folder of the front within the state; no version has this name.
const FRONT: &str = "front";

#[derive(Parser)]
#[command(about = "A small web shop to release", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Serve one version of the shop, until it is stopped
    Serve(Serve),
    /// Pass every connection on to the current version, until it is stopped
    Front(Front),
    /// Start `serve` in the background and wait until it answers; does nothing where it runs already
    Start(Serve),
    /// Start `front` in the background and wait until it listens
    StartFront(Front),
    /// Let users come to this version
    Switch {
        version: String,
        #[command(flatten)]
        state: State,
    },
    /// Stop a version, the front, or all
    Stop {
        what: String,
        #[command(flatten)]
        state: State,
    },
    /// Switch a feature on or off
    Flag {
        name: String,
        value: Switch,
        #[command(flatten)]
        state: State,
    },
    /// Print what an address answers; exit code 1 unless it is a success
    Get { url: String },
}

#[derive(Args)]
struct State {
    /// The folder of what is running: process ids, ports, flags, settings
    #[arg(long, env = "SHOP_STATE")]
    state: PathBuf,
}

#[derive(Args)]
struct Serve {
    /// The version to serve, as packages/storefront-VERSION.conf has it
    version: String,
    /// The port on the loopback interface; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Something that is wrong with this version
    #[arg(long)]
    broken: Option<Defect>,
    #[command(flatten)]
    state: State,
}

#[derive(Args)]
struct Front {
    /// The port on the loopback interface; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[command(flatten)]
    state: State,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Defect {
    /// The home page has lost its navigation
    Nav,
    /// Every page is an error
    Errors,
    /// Every page takes three seconds
    Slow,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Task::Serve(options) => Shop::open(&options).and_then(|shop| shop.serve(options.port)),
        Task::Front(options) => serve_front(&options),
        Task::Start(options) => start(&options),
        Task::StartFront(options) => start_front(&options),
        Task::Switch { version, state } => switch(&state.state, &version),
        Task::Stop { what, state } => stop(&state.state, &what),
        Task::Flag { name, value, state } => flag(&state.state, &name, value),
        Task::Get { url } => get(&url),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "storefront: {message}");
            ExitCode::FAILURE
        }
    }
}

/// One version of the shop, as its package describes it.
struct Shop {
    version: String,
    title: String,
    navigation: Vec<String>,
    defect: Option<Defect>,
    state: PathBuf,
}

impl Shop {
    fn open(options: &Serve) -> Result<Self, String> {
        let path = PathBuf::from(format!("packages/storefront-{}.conf", options.version));
        let package = read(&path)?;
        let value = |key: &str| {
            package
                .lines()
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| name.trim() == key)
                .map(|(_, value)| value.trim().to_owned())
        };
        Ok(Self {
            version: options.version.clone(),
            title: value("title").unwrap_or_default(),
            // A package without the key has no navigation: the shop does not complain, and its users do.
            navigation: value("navigation")
                .map(|list| list.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
            defect: options.broken,
            state: options.state.state.clone(),
        })
    }

    fn serve(self, port: u16) -> Result<(), String> {
        let folder = self.state.join(&self.version);
        let shop: &'static Self = Box::leak(Box::new(self));
        listen(&folder, port, move |stream| shop.answer(stream))
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = request_line(&mut stream)?;
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        if self.defect == Some(Defect::Slow) {
            thread::sleep(Duration::from_secs(3));
        }
        let (status, kind, body) = if self.defect == Some(Defect::Errors) {
            (
                "500 Internal Server Error",
                "text/plain",
                "the basket service does not answer\n".to_owned(),
            )
        } else {
            self.page(path)
        };
        respond(&mut stream, status, kind, &body)
    }

    fn page(&self, path: &str) -> (&'static str, &'static str, String) {
        let html = "text/html; charset=utf-8";
        match path {
            "/" => ("200 OK", html, self.home()),
            "/cart" => ("200 OK", html, self.cart()),
            "/health" => (
                "200 OK",
                "application/json",
                format!("{{\"status\":\"ok\",\"version\":\"{}\"}}\n", self.version),
            ),
            "/version" => ("200 OK", "text/plain", format!("{}\n", self.version)),
            "/config" => (
                "200 OK",
                "text/plain",
                fs::read_to_string(self.state.join("shop.conf")).unwrap_or_default(),
            ),
            _ => (
                "404 Not Found",
                "text/plain",
                format!("there is no page {path}\n"),
            ),
        }
    }

    fn home(&self) -> String {
        let shown = self.defect != Some(Defect::Nav) && !self.navigation.is_empty();
        let navigation = if shown {
            let links: Vec<String> = self
                .navigation
                .iter()
                .map(|name| format!("<a href=\"/{}\">{name}</a>", name.to_lowercase()))
                .collect();
            format!("<nav>{}</nav>\n", links.join(" "))
        } else {
            String::new()
        };
        format!(
            "<!doctype html>\n<title>{title}</title>\n{navigation}<h1>{title}</h1>\n",
            title = self.title
        )
    }

    fn cart(&self) -> String {
        let flag = fs::read_to_string(self.state.join("flags/new-cart")).unwrap_or_default();
        let cart = if flag.trim() == "on" {
            "new"
        } else {
            "classic"
        };
        format!(
            "<!doctype html>\n<title>Cart</title>\n<h1>Your cart</h1>\n<p class=\"{cart}\">It is empty.</p>\n"
        )
    }
}

/// Passes connections on, whatever they carry, to the version that is current when they arrive.
fn serve_front(options: &Front) -> Result<(), String> {
    let state: &'static Path = Box::leak(options.state.state.clone().into_boxed_path());
    listen(&state.join(FRONT), options.port, move |mut client| {
        let version = fs::read_to_string(state.join("current")).unwrap_or_default();
        let backend = port_of(&state.join(version.trim())).map(TcpStream::connect);
        let Some(Ok(mut backend)) = backend else {
            request_line(&mut client)?;
            return respond(
                &mut client,
                "502 Bad Gateway",
                "text/plain",
                "no version serves\n",
            );
        };
        let (mut from, mut to) = (client.try_clone()?, backend.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        io::copy(&mut backend, &mut client)?;
        client.shutdown(Shutdown::Both)
    })
}

/// Listens on loopback, says in `folder` where and as which process, and hands every connection to `answer`.
fn listen<F>(folder: &Path, port: u16, answer: F) -> Result<(), String>
where
    F: Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    write(&folder.join("pid"), &std::process::id().to_string())?;
    write(&folder.join("port"), &address.port().to_string())?;
    thread::spawn(|| {
        thread::sleep(LIFETIME);
        std::process::exit(0);
    });
    for stream in listener.incoming().flatten() {
        let answer = answer.clone();
        // What a client does to its own connection concerns nobody else.
        thread::spawn(move || answer(stream));
    }
    Ok(())
}

fn start(options: &Serve) -> Result<(), String> {
    let state = &options.state.state;
    let mut arguments = vec![
        "serve".to_owned(),
        options.version.clone(),
        format!("--port={}", options.port),
    ];
    if let Some(defect) = options.broken.and_then(|defect| defect.to_possible_value()) {
        arguments.push(format!("--broken={}", defect.get_name()));
    }
    background(state, &options.version, &arguments)
}

fn start_front(options: &Front) -> Result<(), String> {
    let arguments = [FRONT.to_owned(), format!("--port={}", options.port)];
    background(&options.state.state, FRONT, &arguments)
}

/// Starts this program again, apart from the terminal's process group, and waits until it accepts connections.
fn background(state: &Path, name: &str, arguments: &[String]) -> Result<(), String> {
    let folder = state.join(name);
    if is_answering(&folder) {
        return Ok(());
    }
    fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    let log = folder.join("log");
    let output = fs::File::create(&log).map_err(|error| at(&log, &error))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg("--state")
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start {name}: {error}"))?;
    for _ in 0..PATIENCE {
        if is_answering(&folder) {
            return Ok(());
        }
        if let Ok(Some(_)) = child.try_wait() {
            return Err(format!("{name} ended at once: {}", read(&log)?.trim()));
        }
        thread::sleep(PAUSE);
    }
    Err(format!("{name} does not answer; see {}", log.display()))
}

fn stop(state: &Path, what: &str) -> Result<(), String> {
    if what != "all" {
        return stop_one(&state.join(what));
    }
    let folders = fs::read_dir(state).map_err(|error| at(state, &error))?;
    for folder in folders
        .flatten()
        .filter(|entry| entry.path().join("pid").exists())
    {
        stop_one(&folder.path())?;
    }
    Ok(())
}

fn stop_one(folder: &Path) -> Result<(), String> {
    let pid = fs::read_to_string(folder.join("pid")).ok();
    let pid = pid.and_then(|text| Pid::from_raw(text.trim().parse().ok()?));
    // A process id alone may by now be somebody else's: one whose port is silent is left alone.
    if let Some(pid) = pid.filter(|_| is_answering(folder)) {
        kill_process(pid, Signal::TERM).map_err(|error| format!("cannot stop {pid:?}: {error}"))?;
        let gone = (0..PATIENCE).any(|_| {
            thread::sleep(PAUSE);
            !is_answering(folder)
        });
        if !gone {
            return Err(format!("{} does not stop", folder.display()));
        }
    }
    for name in ["pid", "port"] {
        let _ = fs::remove_file(folder.join(name));
    }
    Ok(())
}

fn switch(state: &Path, version: &str) -> Result<(), String> {
    if !is_answering(&state.join(version)) {
        return Err(format!(
            "{version} does not run, so users cannot be sent to it"
        ));
    }
    write(&state.join("current"), version)
}

fn flag(state: &Path, name: &str, value: Switch) -> Result<(), String> {
    let word = if value == Switch::On { "on" } else { "off" };
    write(&state.join("flags").join(name), word)
}

fn get(url: &str) -> Result<(), String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("{url} does not begin with http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let fail = |error: io::Error| format!("{url}: {error}");
    let mut stream = TcpStream::connect(host).map_err(fail)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .map_err(fail)?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .map_err(fail)?;
    let mut response = String::new();
    stream.read_to_string(&mut response).map_err(fail)?;
    let (head, body) = response
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("{url}: no HTTP response"))?;
    io::stdout().write_all(body.as_bytes()).map_err(fail)?;
    match head.split_whitespace().nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        status => Err(format!("{url}: status {}", status.unwrap_or("unknown"))),
    }
}

/// Reads a request up to the end of its head, and returns its first line.
fn request_line(stream: &mut TcpStream) -> io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 * 1024 {
        match stream.read(&mut piece)? {
            0 => break,
            length => head.extend_from_slice(&piece[..length]),
        }
    }
    let text = String::from_utf8_lossy(&head);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn respond(stream: &mut TcpStream, status: &str, kind: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}

fn is_answering(folder: &Path) -> bool {
    port_of(folder)
        .is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}

fn port_of(folder: &Path) -> Option<SocketAddr> {
    let port: u16 = fs::read_to_string(folder.join("port"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| at(path, &error))
}

/// Writes a small file so that a reader sees the old text or the new one, never a part.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let draft = path.with_extension("new");
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&draft, format!("{text}\n")))
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
