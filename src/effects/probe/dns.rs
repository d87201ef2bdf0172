//! Asks a resolver about a name, over UDP, and over TCP where the answer is too long for that.
//!
//! What a name has, or that there is no such name, is an answer. A resolver that fails, refuses or is silent has not
//! said anything about the name: that is an error, and each of the three is told from the others.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::progress::shown;
use super::{Context, address, quote};
use crate::domain::probe::kinds::{Answer, DnsAnswer, DnsProbe, DnsRecordType};
use crate::domain::probe::text::Text;

/// How long one resolver is waited for before the next one, or the same again, is asked: a datagram may get lost.
const TRY: Duration = Duration::from_secs(2);

/// The longest datagram that is asked for: longer ones are taken apart on the way, and lost.
const LONGEST_DATAGRAM: u16 = 1232;

const PORT: u16 = 53;

/// Where the system names its resolvers.
const SYSTEM: &str = "/etc/resolv.conf";

/// Asks until a resolver answers or the time is over.
pub(super) async fn ask(dns: &DnsProbe, context: &Context<'_>) -> Answer {
    let (resolvers, query) = match prepare(dns) {
        Ok(prepared) => prepared,
        Err(trouble) => return Answer::Unasked(trouble),
    };
    match tokio::time::timeout(context.limit, ask_all(&resolvers, &query)).await {
        Ok(Ok(reply)) => Answer::Dns(told(&reply, &query.name, dns.record_type())),
        Ok(Err(trouble)) => Answer::Unasked(trouble),
        Err(_) => {
            let names: Vec<String> = resolvers.iter().map(ToString::to_string).collect();
            Answer::Unasked(format!(
                "the resolver {} did not answer within {}",
                names.join(" or "),
                shown(context.limit)
            ))
        }
    }
}

fn prepare(dns: &DnsProbe) -> Result<(Vec<SocketAddr>, Query), String> {
    let resolvers = match &dns.resolver {
        Some(resolver) => vec![socket_address(resolver)?],
        None => system_resolvers(&fs::read_to_string(SYSTEM).unwrap_or_default()),
    };
    if resolvers.is_empty() {
        return Err(format!(
            "the system names no resolver in {SYSTEM}; write `resolver: ADDRESS`"
        ));
    }
    let name = match dns.name.parse::<IpAddr>() {
        Ok(address) if dns.record_type() == DnsRecordType::Ptr => Ok(Name::from(address)),
        _ if dns.name.is_ascii() => Name::from_ascii(&dns.name),
        _ => Name::from_utf8(&dns.name),
    };
    let mut name = name.map_err(|error| format!("{:?} cannot be a name: {error}", dns.name))?;
    name.set_fqdn(true);
    Ok((resolvers, Query::query(name, wire_type(dns.record_type()))))
}

fn socket_address(resolver: &str) -> Result<SocketAddr, String> {
    let bare = resolver.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, PORT));
    }
    address::split(resolver)
        .and_then(|(host, port)| Some(SocketAddr::new(host.parse().ok()?, port)))
        .ok_or_else(|| {
            format!("{resolver:?} is no resolver; write its IP address, such as 192.0.2.53 or 192.0.2.53:5353")
        })
}

/// The resolvers that a `resolv.conf` names, in order.
fn system_resolvers(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().map(str::split_whitespace);
    lines
        .filter_map(|mut words| {
            let address = (words.next()? == "nameserver").then(|| words.next())??;
            Some(SocketAddr::new(address.parse().ok()?, PORT))
        })
        .collect()
}

fn wire_type(kind: DnsRecordType) -> RecordType {
    match kind {
        DnsRecordType::A => RecordType::A,
        DnsRecordType::Aaaa => RecordType::AAAA,
        DnsRecordType::Cname => RecordType::CNAME,
        DnsRecordType::Mx => RecordType::MX,
        DnsRecordType::Txt => RecordType::TXT,
        DnsRecordType::Ns => RecordType::NS,
        DnsRecordType::Srv => RecordType::SRV,
        DnsRecordType::Caa => RecordType::CAA,
        DnsRecordType::Ptr => RecordType::PTR,
    }
}

/// The names that are `asked` and what stands in for it: the aliases of the answer, one after the other.
fn chain<'a>(reply: &'a Message, asked: &'a Name) -> Vec<&'a Name> {
    let mut names = vec![asked];
    let is_known = |names: &[&Name], name: &Name| names.iter().any(|it| it.eq_ignore_root(name));
    while let Some(owner) = names.last() {
        let alias = reply.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name.eq_ignore_root(owner) => Some(&target.0),
            _ => None,
        });
        match alias {
            Some(target) if !is_known(&names, target) => names.push(target),
            _ => break,
        }
    }
    names
}

/// The records of the name that was asked for, and of the names that stand in for it: what else a resolver sends along is
/// another's.
fn told(reply: &Message, asked: &Name, kind: DnsRecordType) -> DnsAnswer {
    let wanted = wire_type(kind);
    let owners = match wanted {
        // An alias that another alias leads to is that one's.
        RecordType::CNAME => vec![asked],
        _ => chain(reply, asked),
    };
    let mut answer = DnsAnswer {
        no_such_name: reply.metadata.response_code == ResponseCode::NXDomain,
        ..DnsAnswer::default()
    };
    for record in &reply.answers {
        let is_owned = owners.iter().any(|it| it.eq_ignore_root(&record.name));
        if is_owned && record.record_type() == wanted {
            let text = record_text(&record.data);
            answer.records.push(kind.plain(text.shown()));
            answer.flaw = answer.flaw.or(text.read().err().map(str::to_owned));
        }
    }
    answer
}

/// A record as it is shown. A text is one whatever its pieces, and its bytes may be anything.
fn record_text(data: &RData) -> Text {
    match data {
        RData::TXT(text) => Text::decode(&text.txt_data.concat(), None, false),
        RData::CAA(caa) => {
            let value = Text::decode(&caa.value, None, false);
            let shown = format!("{} {} \"{}\"", caa.flags(), caa.tag, value.shown());
            value.within(shown)
        }
        other => Text::from(other.to_string()),
    }
}

/// What the bytes of a datagram, or of a message over TCP, answer to `dns`, whatever the id that they bear; `None` where
/// they answer something else.
///
/// # Errors
/// What is wrong with the question, or that the bytes are no message.
pub fn read(dns: &DnsProbe, bytes: &[u8]) -> Result<Option<DnsAnswer>, String> {
    let (_, query) = prepare(dns)?;
    let name = query.name.clone();
    let mut request = Message::query();
    request.add_query(query);
    if let Some(id) = bytes.first_chunk() {
        request.metadata.id = u16::from_be_bytes(*id);
    }
    let reply = reply_to(&request, bytes).map_err(|error| error.to_string())?;
    Ok(reply.map(|reply| told(&reply, &name, dns.record_type())))
}

/// Asks one resolver after the other, and all again where they are silent.
async fn ask_all(resolvers: &[SocketAddr], query: &Query) -> Result<Message, String> {
    loop {
        let mut silent = false;
        let mut trouble = String::new();
        for resolver in resolvers {
            match tokio::time::timeout(TRY, ask_one(*resolver, query)).await {
                Err(_) => silent = true,
                Ok(Ok(reply)) => match reply.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => return Ok(reply),
                    code => trouble = refusal(*resolver, code),
                },
                Ok(Err(error)) => {
                    trouble = format!("the resolver {resolver} could not be asked: {error}");
                }
            }
        }
        // What one of them said tells more than the silence of another.
        if !silent || !trouble.is_empty() {
            return Err(trouble);
        }
    }
}

fn refusal(resolver: SocketAddr, code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => {
            format!("the resolver {resolver} failed to find out (SERVFAIL)")
        }
        ResponseCode::Refused => format!("the resolver {resolver} refuses to answer (REFUSED)"),
        code => format!("the resolver {resolver} answered with an error: {code}"),
    }
}

async fn ask_one(resolver: SocketAddr, query: &Query) -> io::Result<Message> {
    let mut request = Message::query();
    request.metadata.recursion_desired = true;
    request.add_query(query.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(LONGEST_DATAGRAM);
    request.set_edns(edns);
    let bytes = request.to_vec().map_err(io::Error::other)?;
    let local: IpAddr = match resolver {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connected, so that only this resolver's datagrams are received.
    let socket = UdpSocket::bind((local, 0)).await?;
    socket.connect(resolver).await?;
    socket.send(&bytes).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let reply = loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(reply) = reply_to(&request, &buffer[..length])? {
            break reply;
        }
    };
    if reply.metadata.truncation {
        over_tcp(resolver, &request, &bytes).await
    } else {
        Ok(reply)
    }
}

async fn over_tcp(resolver: SocketAddr, request: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(resolver).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), bytes].concat())
        .await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    reply_to(request, &buffer)?.ok_or_else(|| io::Error::other("it answered another question"))
}

/// The reply in `bytes`; `None` where they answer something else.
fn reply_to(request: &Message, bytes: &[u8]) -> io::Result<Option<Message>> {
    if bytes.get(..2) != Some(&request.metadata.id.to_be_bytes()) {
        return Ok(None);
    }
    let reply = Message::from_vec(bytes)
        .map_err(|error| io::Error::other(format!("its answer is broken: {error}")))?;
    let same = |asked: &Query, told: &Query| {
        asked.name.eq_ignore_root(&told.name) && asked.query_type == told.query_type
    };
    let fits = match (request.queries.as_slice(), reply.queries.as_slice()) {
        ([asked], [told]) => same(asked, told),
        // A server that failed early need not repeat the question.
        ([_], []) => reply.metadata.response_code != ResponseCode::NoError,
        _ => false,
    };
    Ok((fits && reply.metadata.message_type == MessageType::Response).then_some(reply))
}

/// A line that asks the same.
pub(super) fn repeat(dns: &DnsProbe) -> String {
    let kind = dns.record_type().word();
    let server = dns.resolver.as_ref().map(|it| socket_address(it));
    let mut words = vec!["dig".to_owned()];
    if let Some(Ok(server)) = server {
        words.push(format!("@{}", server.ip()));
        words.extend(["-p".to_owned(), server.port().to_string()]);
    }
    if kind == "PTR" && dns.name.parse::<IpAddr>().is_ok() {
        words.extend(["-x".to_owned(), dns.name.clone()]);
    } else {
        words.extend([dns.name.clone(), kind.to_owned()]);
    }
    quote::line(words.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probe(value: serde_json::Value) -> DnsProbe {
        let mut value = value;
        value["expect"] = serde_json::json!({"exists": true});
        serde_json::from_value(value).expect("a probe")
    }

    #[test]
    fn resolvers_are_addresses_with_or_without_a_port() {
        let shown = |text: &str| socket_address(text).map(|it| it.to_string());
        assert_eq!(shown("192.0.2.1").as_deref(), Ok("192.0.2.1:53"));
        assert_eq!(shown("192.0.2.1:5353").as_deref(), Ok("192.0.2.1:5353"));
        assert_eq!(shown("::1").as_deref(), Ok("[::1]:53"));
        assert_eq!(shown("[::1]:5353").as_deref(), Ok("[::1]:5353"));
        for bad in [
            "",
            "dns.example",
            "dns.example:53",
            "192.0.2.1:x",
            "192.0.2.1:0",
        ] {
            assert!(shown(bad).is_err(), "{bad}");
        }
        let text = "# nameserver 9.9.9.9\nnameserver 192.0.2.1\nsearch a b\nnameserver\t::1\nnameserver bad\n";
        let found: Vec<String> = system_resolvers(text)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["192.0.2.1:53", "[::1]:53"]);
    }

    #[test]
    fn names_are_full_and_an_address_is_asked_for_backwards() {
        let name = |value| prepare(&probe(value)).map(|(_, query)| query.name.to_string());
        let resolver = "192.0.2.1";
        let plain = serde_json::json!({"name": "_sip._tcp.shop.example", "resolver": resolver});
        assert_eq!(name(plain).as_deref(), Ok("_sip._tcp.shop.example."));
        let address = serde_json::json!({"name": "192.0.2.7", "type": "PTR", "resolver": resolver});
        assert_eq!(name(address).as_deref(), Ok("7.2.0.192.in-addr.arpa."));
        let long = serde_json::json!({"name": "a".repeat(64), "resolver": resolver});
        assert!(name(long).is_err());
    }

    #[test]
    fn a_text_record_whose_bytes_are_no_text_satisfies_nothing_about_text() {
        use crate::domain::probe::judge::{Verdict, judge};
        use hickory_proto::rr::Record;
        use hickory_proto::rr::rdata::TXT;

        let verdict = |pieces: Vec<&[u8]>, expect: serde_json::Value| {
            let probe = serde_json::json!({
                "id": "p", "dns": {"name": "shop.example", "type": "TXT", "expect": expect},
            });
            let probe = serde_json::from_value(probe).expect("a probe");
            let mut message = Message::query();
            for text in [vec![b"fine".as_slice()], pieces] {
                let data = RData::TXT(TXT::from_bytes(text));
                message.add_answer(Record::from_rdata(Name::root(), 60, data));
            }
            let answer = Answer::Dns(told(&message, &Name::root(), DnsRecordType::Txt));
            let attempt = judge(&probe, &answer, 0);
            (attempt.verdict, attempt.reason())
        };
        for expect in [
            serde_json::json!({"not_contains": "ok"}),
            serde_json::json!({"contains": "fine"}),
            serde_json::json!({"equals": ["fine", "caf\u{fffd}"]}),
        ] {
            let (verdict, why) = verdict(vec![b"caf\xe9"], expect);
            assert_eq!(verdict, Verdict::Fail);
            assert!(why.contains("byte 0xe9 at offset 3 is not UTF-8"), "{why}");
        }
        let count = serde_json::json!({"count": {"equals": 2}, "exists": true});
        assert_eq!(verdict(vec![b"caf\xe9"], count).0, Verdict::Pass);
        // A character may lie in two pieces.
        let whole = serde_json::json!({"contains": "gr\u{fc}n"});
        assert_eq!(verdict(vec![b"gr\xc3", b"\xbcn"], whole).0, Verdict::Pass);
    }

    #[test]
    fn only_records_of_the_name_and_of_what_stands_in_for_it_count() {
        use hickory_proto::rr::Record;
        use hickory_proto::rr::rdata::{A, CNAME};

        let name = |text: &str| Name::from_ascii(text).expect("a name");
        let found = |asked: &str, kind, records: &[(&str, &str)]| {
            let mut message = Message::query();
            for (owner, data) in records {
                let data = match data.parse() {
                    Ok(address) => RData::A(A(address)),
                    Err(_) => RData::CNAME(CNAME(name(data))),
                };
                message.add_answer(Record::from_rdata(name(owner), 60, data));
            }
            told(&message, &name(asked), kind).records
        };
        let chained = [
            ("B.example.", "c.example."),
            ("a.example.", "b.example."),
            ("C.example.", "192.0.2.7"),
            ("evil.example.", "192.0.2.66"),
        ];
        let (a, cname) = (DnsRecordType::A, DnsRecordType::Cname);
        assert_eq!(found("a.example", a, &chained), ["192.0.2.7"]);
        assert_eq!(found("a.example.", cname, &chained), ["b.example"]);
        assert_eq!(found("evil.example.", a, &chained), ["192.0.2.66"]);
        assert_eq!(found("d.example.", a, &chained), [""; 0]);
        let circle = [("a.example.", "b.example."), ("b.example.", "a.example.")];
        assert_eq!(found("a.example.", a, &circle), [""; 0]);
    }

    #[test]
    fn a_line_asks_the_same() {
        let line = |value| repeat(&probe(value));
        assert_eq!(
            line(serde_json::json!({"name": "shop.example"})),
            "dig shop.example A"
        );
        assert_eq!(
            line(serde_json::json!({"name": "::1", "type": "PTR", "resolver": "[::1]:54"})),
            "dig @::1 -p 54 -x ::1"
        );
    }

    #[test]
    fn only_an_answer_to_the_question_is_taken() {
        let mut request = Message::query();
        let name = Name::from_ascii("shop.example.").expect("a name");
        request.add_query(Query::query(name.clone(), RecordType::A));
        let reply = |name: &Name, kind, id: u16| {
            let mut reply = Message::response(id, request.metadata.op_code);
            reply.add_query(Query::query(name.clone(), kind));
            let bytes = reply.to_vec().expect("bytes");
            reply_to(&request, &bytes).expect("well formed").is_some()
        };
        let id = request.metadata.id;
        let other = Name::from_ascii("pay.example.").expect("a name");
        assert!(reply(&name, RecordType::A, id));
        assert!(!reply(&name, RecordType::AAAA, id));
        assert!(!reply(&other, RecordType::A, id));
        assert!(!reply(&name, RecordType::A, id.wrapping_add(1)));
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_datagram_panics(rest in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut request = Message::query();
            request.add_query(Query::query(Name::root(), RecordType::A));
            let mut bytes = request.metadata.id.to_be_bytes().to_vec();
            bytes.extend(rest);
            let _ = reply_to(&request, &bytes);
        }
    }
}
