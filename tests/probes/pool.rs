//! Connections that are used again: one that the server closes, in whatever way and at whatever moment, decides nothing,
//! and what does something is never sent twice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::shop::{Repository, read_body, terms};
use crate::support::{PATIENCE, Server, probe, read_request, response};

/// What a server does with a connection, once it has answered one request over it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// It answers all that follows.
    Goes,
    Closes,
    ClosesHalf,
    Resets,
    /// What it sends unasked stands right behind the response.
    SendsMore,
    /// It comes a moment later.
    SendsMoreLater,
    /// The 408 of servers that close what is idle.
    SaysTimeout,
    /// It says that it closes, and does not.
    SaysClose,
    SaysMax,
    IsOld,
    /// With the next request.
    ClosesAtNext,
    ResetsAtNext,
    TimeoutAtNext,
    HalfAnswersNext,
}

const LATE: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
const TIMEOUT: &str =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A reset instead of an end.
fn reset(socket: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).expect("set");
}

/// How far server and probes have come, so that neither is ahead of the other.
#[derive(Default)]
struct Steps {
    /// Requests that the server has read.
    read: AtomicUsize,
    /// Responses that the probes have read.
    seen: AtomicUsize,
    /// Responses after which the server has done what it does then.
    done: AtomicUsize,
}

fn wait(step: &AtomicUsize, count: usize) {
    let end = Instant::now() + PATIENCE;
    while step.load(Ordering::SeqCst) < count && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Answers one request, does what comes then, and answers others where it may. Returns whether the connection is to be
/// closed before the next step.
fn serve<S: Read + Write>(stream: &mut S, socket: &TcpStream, then: Then, steps: &Steps) -> bool {
    let next = |stream: &mut S| {
        let head = read_request(stream)?;
        read_body(&head, stream);
        steps.read.fetch_add(1, Ordering::SeqCst);
        Some(())
    };
    let write = |stream: &mut S, text: &str| {
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.flush();
    };
    let ok = response("200 OK", "ok");
    let saying = |more: &str| ok.replace("\r\n\r\n", &format!("\r\n{more}\r\n\r\n"));
    if next(stream).is_none() {
        return false;
    }
    let before = steps.done.load(Ordering::SeqCst);
    match then {
        Then::SendsMore => write(stream, &format!("{ok}{LATE}")),
        Then::SaysClose => write(stream, &saying("Connection: close")),
        Then::SaysMax => write(stream, &saying("Keep-Alive: timeout=5, max=0")),
        Then::IsOld => write(stream, &ok.replace("HTTP/1.1", "HTTP/1.0")),
        _ => write(stream, &ok),
    }
    wait(&steps.seen, before + 1);
    match then {
        Then::Closes => return true,
        Then::Resets => {
            reset(socket);
            return true;
        }
        Then::ClosesHalf => drop(socket.shutdown(Shutdown::Write)),
        Then::SendsMoreLater => write(stream, LATE),
        Then::SaysTimeout => write(stream, TIMEOUT),
        _ => {}
    }
    steps.done.fetch_add(1, Ordering::SeqCst);
    while next(stream).is_some() {
        match then {
            Then::ClosesAtNext => return false,
            Then::ResetsAtNext => {
                reset(socket);
                return false;
            }
            Then::TimeoutAtNext => {
                write(stream, TIMEOUT);
                return false;
            }
            Then::HalfAnswersNext => {
                write(stream, "HTTP/1.1 200 O");
                return false;
            }
            _ => write(stream, &ok),
        }
        steps.done.fetch_add(1, Ordering::SeqCst);
    }
    false
}

fn server(repository: &Repository, then: Then, secure: bool) -> (Server, Arc<Steps>) {
    let steps = Arc::new(Steps::default());
    let theirs = Arc::clone(&steps);
    let certified = repository.authority.certify("shop.example", |_| {});
    let terms = Arc::new(terms(&certified, None));
    let server = Server::new(move |mut stream| {
        stream.set_nodelay(true).expect("set");
        let socket = stream.try_clone().expect("a handle");
        let closes = if secure {
            let connection = ServerConnection::new(Arc::clone(&terms)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            serve(&mut stream, &socket, then, &theirs)
        } else {
            let closes = serve(&mut stream, &socket, then, &theirs);
            drop(stream);
            closes
        };
        drop(socket);
        if closes {
            theirs.done.fetch_add(1, Ordering::SeqCst);
        }
    });
    (server, steps)
}

/// Asks five times, one after the other; before the next the server has done what it does.
fn ask(
    repository: &Repository,
    (server, steps): (&Server, &Arc<Steps>),
    secure: bool,
    method: &str,
) -> Vec<Sample> {
    let url = if secure {
        format!("https://shop.example:{}/", server.address.port())
    } else {
        server.url()
    };
    let steps = Arc::clone(steps);
    let pause = Server::new(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let seen = steps.seen.fetch_add(1, Ordering::SeqCst) + 1;
            wait(&steps.done, seen);
            let _ = stream.write_all(response("200 OK", "").as_bytes());
        }
    });
    let mut probes = Vec::new();
    let mut before: Vec<String> = Vec::new();
    for number in 0..5 {
        let mut http = json!({"url": url, "method": method, "expect": {"status": 200}});
        if secure {
            http["ca"] = "ca.pem".into();
            http["resolve"] = json!({"shop.example": "127.0.0.1"});
        }
        let mut add = |id: String, http: Value| {
            probes.push(probe(&id, json!({"http": http, "needs": before})));
            before = vec![id];
        };
        add(format!("p{number}"), http);
        let paused = json!({"url": pause.url(), "expect": {"status": 200}});
        add(format!("pause{number}"), paused);
    }
    let prober = SystemProber::new(repository.path());
    let samples = prober.sample(&probes, 1, Some(PATIENCE));
    samples.into_iter().step_by(2).collect()
}

#[test]
fn a_connection_that_the_server_closes_is_not_used_again_and_decides_nothing() {
    let repository = Repository::new();
    // With the connections that five requests take, and how many requests the server reads.
    for (then, connections, read) in [
        (Then::Goes, 1, 5),
        (Then::Closes, 5, 5),
        (Then::ClosesHalf, 5, 5),
        (Then::Resets, 5, 5),
        (Then::SendsMore, 5, 5),
        (Then::SendsMoreLater, 5, 5),
        (Then::SaysTimeout, 5, 5),
        (Then::SaysClose, 5, 5),
        (Then::SaysMax, 5, 5),
        (Then::IsOld, 5, 5),
        // Two requests on each but the last: the second is sent again over a new one.
        (Then::ClosesAtNext, 5, 9),
        (Then::ResetsAtNext, 5, 9),
        (Then::TimeoutAtNext, 5, 9),
    ] {
        for secure in [false, true] {
            let (server, steps) = server(&repository, then, secure);
            for sample in ask(&repository, (&server, &steps), secure, "GET") {
                let reason = sample.reason();
                assert_eq!(
                    sample.verdict,
                    Verdict::Pass,
                    "{then:?}, {secure}: {reason}"
                );
                assert_eq!(sample.attempts.len(), 1, "{then:?}");
            }
            let accepted = server.accepted.load(Ordering::SeqCst);
            let found = (accepted, steps.read.load(Ordering::SeqCst));
            assert_eq!(found, (connections, read), "{then:?}, {secure}");
        }
    }
}

#[test]
fn what_does_something_is_sent_once_however_the_server_closes() {
    let repository = Repository::new();
    for then in [
        Then::Goes,
        Then::Closes,
        Then::ClosesAtNext,
        Then::ResetsAtNext,
        Then::SendsMore,
    ] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let (server, steps) = server(&repository, then, false);
            for sample in ask(&repository, (&server, &steps), false, method) {
                assert_eq!(
                    sample.verdict,
                    Verdict::Pass,
                    "{then:?}: {}",
                    sample.reason()
                );
            }
            assert_eq!(steps.read.load(Ordering::SeqCst), 5, "{then:?} {method}");
        }
    }
}

#[test]
fn a_response_that_has_begun_decides_over_a_connection_that_was_used_before_too() {
    let repository = Repository::new();
    for secure in [false, true] {
        let (server, steps) = server(&repository, Then::HalfAnswersNext, secure);
        let samples = ask(&repository, (&server, &steps), secure, "GET");
        let verdicts: Vec<Verdict> = samples.iter().map(|it| it.verdict).collect();
        // What needs it is not asked.
        let rest = [Verdict::Inconclusive; 3];
        assert_eq!(verdicts[..2], [Verdict::Pass, Verdict::Fail]);
        assert_eq!(verdicts[2..], rest);
        assert_eq!(steps.read.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn a_page_of_monitoring_is_fetched_over_a_new_connection_where_the_old_one_was_closed() {
    let repository = Repository::new();
    for then in [
        Then::Goes,
        Then::Closes,
        Then::ClosesAtNext,
        Then::ResetsAtNext,
    ] {
        let server = Server::new(move |mut stream| {
            let socket = stream.try_clone().expect("a handle");
            let page = response("200 OK", "{\"rate\": 1}");
            for number in 0.. {
                if read_request(&mut stream).is_none() {
                    return;
                }
                if number > 0 && then != Then::Goes {
                    if then == Then::ResetsAtNext {
                        reset(&socket);
                    }
                    return;
                }
                let _ = stream.write_all(page.as_bytes());
                if then == Then::Closes {
                    return;
                }
            }
        });
        let probes: Vec<_> = (0..5)
            .map(|number| {
                let json = json!({"url": server.url(), "path": "$.rate"});
                let metric = json!({"json": json, "expect": {"equals": 1}});
                probe(&format!("p{number}"), json!({"metric": metric}))
            })
            .collect();
        for sample in SystemProber::new(repository.path()).sample(&probes, 1, Some(PATIENCE)) {
            assert_eq!(
                sample.verdict,
                Verdict::Pass,
                "{then:?}: {}",
                sample.reason()
            );
        }
    }
}
