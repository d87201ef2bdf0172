//! Small servers on loopback that behave well and badly, and probes that ask them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use relgate::domain::probe::Probe;
use relgate::domain::probe::judge::Sample;
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

/// A server that hands every connection to a function, each in a thread of its own, until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub accepted: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    pub fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", serve).expect("loopback")
    }

    /// A server at another address; `None` where this machine has no such address.
    pub fn at(address: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        let server = Self {
            address: listener.local_addr().expect("an address"),
            accepted: Arc::default(),
            stopped: Arc::default(),
        };
        let (accepted, stopped) = (Arc::clone(&server.accepted), Arc::clone(&server.stopped));
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                accepted.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });
        Some(server)
    }

    /// A server that reads a request and writes `answer`, as often as it is asked; with `close`, only once.
    pub fn answering(answer: impl Into<Vec<u8>>, close: bool) -> Self {
        let answer = answer.into();
        Self::new(move |mut stream| {
            while read_request(&mut stream).is_some() {
                if stream.write_all(&answer).is_err() || close {
                    return;
                }
            }
        })
    }

    /// A server that answers every request with this status and body.
    pub fn http(status: &str, body: &str) -> Self {
        Self::answering(response(status, body), false)
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes it up, so that it sees that it is stopped.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// A whole response.
pub fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The head of a request; `None` where there is no further one.
pub fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Writes `piece` again and again, with a pause between, until the other side is gone.
pub fn drip(stream: &mut TcpStream, piece: &[u8], pause: Duration) {
    while stream.write_all(piece).is_ok() {
        thread::sleep(pause);
    }
}

/// Keeps the connection open, and says nothing, until the other side is gone.
pub fn hold(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// No test waits longer for its answers, whatever goes wrong.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn probe(id: &str, value: Value) -> Probe {
    let mut value = value;
    value["id"] = id.into();
    if value["timeout"].is_null() {
        value["timeout"] = "2s".into();
    }
    serde_json::from_value(value).expect("a probe")
}

pub fn get(url: &str) -> Value {
    json!({"http": {"url": url, "expect": {"status": 200}}})
}

pub fn samples(probes: &[Probe]) -> Vec<Sample> {
    SystemProber::new(std::env::temp_dir()).sample(probes, 16, Some(PATIENCE))
}

/// The address of a server that is gone.
pub fn refused() -> Server {
    let server = Server::new(|_| {});
    let address = server.address;
    drop(server);
    // The thread is woken up by the drop, and lets go of the address.
    while TcpStream::connect(address).is_ok() {
        thread::yield_now();
    }
    let mut gone = Server::new(|_| {});
    gone.address = address;
    gone
}
