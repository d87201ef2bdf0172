//! `dns` probes, against a resolver on loopback that answers as it is told.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{CAA, CNAME, MX, NS, PTR, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record};
use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Pass};
use serde_json::{Value, json};

use super::assert_sample;

/// A resolver over UDP and TCP on one port, until it is dropped.
struct Resolver {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    listening: Option<thread::JoinHandle<()>>,
}

/// What becomes of a question: bytes to send, none where it is silent; over TCP or not.
type Answering = dyn Fn(&Message, bool) -> Option<Vec<u8>> + Send + Sync;

impl Resolver {
    fn new(answer: impl Fn(&Message, bool) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").expect("loopback");
            let address = tcp.local_addr().expect("an address");
            if let Ok(udp) = UdpSocket::bind(address) {
                break (tcp, udp);
            }
        };
        let mut resolver = Self {
            address: tcp.local_addr().expect("an address"),
            asked: Arc::default(),
            stopped: Arc::default(),
            listening: None,
        };
        let answer: Arc<Answering> = Arc::new(answer);
        let (asked, stopped) = (Arc::clone(&resolver.asked), Arc::clone(&resolver.stopped));
        let over_udp = Arc::clone(&answer);
        udp.set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a timeout");
        resolver.listening = Some(thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !stopped.load(Ordering::SeqCst) {
                let Ok((length, from)) = udp.recv_from(&mut buffer) else {
                    continue;
                };
                asked.fetch_add(1, Ordering::SeqCst);
                let question = Message::from_vec(&buffer[..length]).expect("a question");
                if let Some(bytes) = over_udp(&question, false) {
                    let _ = udp.send_to(&bytes, from);
                }
            }
        }));
        let stopped = Arc::clone(&resolver.stopped);
        thread::spawn(move || {
            for mut stream in tcp.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
                let _ = stream.read_exact(&mut bytes);
                let question = Message::from_vec(&bytes).expect("a question");
                if let Some(bytes) = answer(&question, true) {
                    let length = u16::try_from(bytes.len()).expect("short enough");
                    let _ = stream.write_all(&[&length.to_be_bytes(), &bytes[..]].concat());
                }
            }
        });
        resolver
    }

    /// A resolver that answers every question with these records.
    fn with(records: Vec<RData>) -> Self {
        Self::new(move |question, _| Some(bytes(&reply(question, ResponseCode::NoError, &records))))
    }

    fn failing(code: ResponseCode) -> Self {
        Self::new(move |question, _| Some(bytes(&reply(question, code, &[]))))
    }

    fn ask(&self, kind: &str, expect: Value) -> Value {
        json!({"dns": {
            "name": "shop.example", "type": kind, "resolver": self.address.to_string(), "expect": expect,
        }})
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn reply(question: &Message, code: ResponseCode, records: &[RData]) -> Message {
    let asked = question.queries[0].clone();
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.response_code = code;
    for data in records {
        reply.add_answer(Record::from_rdata(asked.name.clone(), 60, data.clone()));
    }
    reply.add_query(asked);
    reply
}

fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().expect("bytes")
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

fn address(text: &str) -> RData {
    match text.parse().expect("an address") {
        IpAddr::V4(address) => RData::A(address.into()),
        IpAddr::V6(address) => RData::AAAA(address.into()),
    }
}

#[track_caller]
fn told(ask: Value, verdict: Verdict, reason: &str) {
    assert_sample(Path::new("/"), ask, verdict, reason);
}

// req: E2
#[test]
fn every_type_of_record_is_understood() {
    let cases = [
        ("A", address("192.0.2.7"), "192.0.2.7"),
        ("AAAA", address("2001:db8::7"), "2001:DB8:0::7"),
        (
            "CNAME",
            RData::CNAME(CNAME(name("Front.example."))),
            "front.example",
        ),
        (
            "MX",
            RData::MX(MX::new(10, name("mail.example."))),
            "10 mail.example",
        ),
        (
            "TXT",
            RData::TXT(TXT::new(vec!["v=spf1 ".into(), "-all".into()])),
            "v=spf1 -all",
        ),
        ("NS", RData::NS(NS(name("ns.example."))), "ns.example."),
        (
            "SRV",
            RData::SRV(SRV::new(10, 5, 443, name("a.example."))),
            "10 5 443 a.example",
        ),
        (
            "CAA",
            RData::CAA(CAA::new_issue(false, Some(name("ca.example.net")), vec![])),
            "0 issue \"ca.example.net\"",
        ),
        (
            "PTR",
            RData::PTR(PTR(name("shop.example."))),
            "shop.example",
        ),
    ];
    for (kind, data, written) in cases {
        // A record of another type, such as an alias on the way, is no answer.
        let other = if kind == "TXT" {
            address("192.0.2.1")
        } else {
            RData::TXT(TXT::new(vec!["x".into()]))
        };
        let resolver = Resolver::with(vec![other, data]);
        told(
            resolver.ask(kind, json!({"equals": written})),
            Pass,
            "1 of 1",
        );
        told(
            resolver.ask(kind, json!({"not_contains": written})),
            Fail,
            "expected no ",
        );
    }
}

#[test]
fn answers_are_sets_with_a_count() {
    let two = Resolver::with(vec![address("192.0.2.1"), address("192.0.2.2")]);
    let ask = |expect| two.ask("A", expect);
    told(
        ask(json!({"equals": ["192.0.2.2", "192.0.2.1"], "count": {"equals": 2}})),
        Pass,
        "2 of 2",
    );
    told(
        ask(json!({"contains": "192.0.2.2", "exists": true})),
        Pass,
        "2 of 2",
    );
    told(
        ask(json!({"equals": "192.0.2.1"})),
        Fail,
        "expected 192.0.2.1, found 192.0.2.1, 192.0.2.2",
    );
    told(
        ask(json!({"contains": ["192.0.2.1", "192.0.2.9"]})),
        Fail,
        "expected 192.0.2.9",
    );
    told(
        ask(json!({"count": {"at_least": 3}})),
        Fail,
        "expected at least 3, found 2",
    );
    told(ask(json!({"exists": false})), Fail, "expected no record");
}

#[test]
fn no_name_a_failing_resolver_and_a_silent_one_are_told_apart() {
    let nothing = Resolver::failing(ResponseCode::NXDomain);
    told(
        nothing.ask("A", json!({"exists": true})),
        Fail,
        "no such name (NXDOMAIN)",
    );
    told(nothing.ask("A", json!({"exists": false})), Pass, "1 of 1");
    let bare = Resolver::failing(ResponseCode::NoError);
    told(
        bare.ask("MX", json!({"exists": true})),
        Fail,
        "the name has no MX record",
    );
    let failing = Resolver::failing(ResponseCode::ServFail);
    told(
        failing.ask("A", json!({"exists": false})),
        Error,
        "SERVFAIL",
    );
    let refusing = Resolver::failing(ResponseCode::Refused);
    told(
        refusing.ask("A", json!({"exists": false})),
        Error,
        "REFUSED",
    );
    let silent = Resolver::new(|_, _| None);
    let mut ask = silent.ask("A", json!({"exists": false}));
    ask["timeout"] = "1s".into();
    told(ask, Error, "did not answer within 1s");
    let gone = Resolver::failing(ResponseCode::NoError).address;
    let ask = json!({"dns": {"name": "a.example", "resolver": gone.to_string(), "expect": {"exists": false}}});
    told(ask, Error, "could not be asked");
    let named = json!({"dns": {"name": "a.example", "resolver": "dns.example", "expect": {"exists": true}}});
    told(named, Error, "write its IP address");
}

#[test]
fn a_long_answer_is_asked_for_over_tcp() {
    let many: Vec<RData> = (0..200)
        .map(|it| address(&format!("192.0.2.{it}")))
        .collect();
    let resolver = Resolver::new(move |question, over_tcp| {
        let whole = reply(question, ResponseCode::NoError, &many);
        let mut cut = whole.truncate();
        cut.metadata.truncation = true;
        Some(bytes(if over_tcp { &whole } else { &cut }))
    });
    told(
        resolver.ask("A", json!({"count": {"equals": 200}})),
        Pass,
        "1 of 1",
    );
}

#[test]
fn hostile_and_lost_datagrams_decide_nothing() {
    let broken = Resolver::new(|question, _| {
        let mut bytes = question.metadata.id.to_be_bytes().to_vec();
        bytes.extend([0xff; 40]);
        Some(bytes)
    });
    told(
        broken.ask("A", json!({"exists": false})),
        Error,
        "its answer is broken",
    );
    // Another's answer is not taken for this one's.
    let stranger = Resolver::new(|question, _| {
        let mut other = reply(question, ResponseCode::NXDomain, &[]);
        other.metadata.id = other.metadata.id.wrapping_add(1);
        Some(bytes(&other))
    });
    let mut ask = stranger.ask("A", json!({"exists": false}));
    ask["timeout"] = "1s".into();
    told(ask, Error, "did not answer");
    // The first datagram is lost; the question is asked again.
    let lost = AtomicBool::new(false);
    let second = Resolver::new(move |question, _| {
        let answer = bytes(&reply(
            question,
            ResponseCode::NoError,
            &[address("192.0.2.1")],
        ));
        lost.swap(true, Ordering::SeqCst).then_some(answer)
    });
    let mut ask = second.ask("A", json!({"exists": true}));
    ask["timeout"] = "20s".into();
    told(ask, Pass, "1 of 1");
    assert_eq!(second.asked.load(Ordering::SeqCst), 2);
}
