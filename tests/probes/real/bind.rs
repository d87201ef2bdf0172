//! BIND: chains of names, every type of record, and all the ways of having no answer.

use std::process::Command;

use relgate::domain::probe::judge::Verdict::{Error, Fail, Pass};
use serde_json::{Value, json};

use super::{Process, listens, play, ports, program};

const ZONE: &str = r#"$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
www CNAME front
front CNAME edge.front
edge.front A 192.0.2.1
edge.front A 192.0.2.2
six AAAA 2001:db8::7
@ MX 10 mail
@ MX 20 backup.mail
@ TXT "v=spf1 -all"
long TXT "first half, " "second half"
_sip._tcp SRV 10 5 443 edge.front
gone CNAME nowhere
round CNAME trip
trip CNAME round
out CNAME www.elsewhere.example.
"#;

#[test]
fn what_people_ask_of_bind_has_its_verdict() {
    let named = program("named", "bind9");
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let [port] = ports::<1>();
    let at = root.display();
    // More than one datagram holds.
    let many: String = (0..90)
        .map(|index| format!("many TXT \"{index:03}-{}\"\n", "x".repeat(60)))
        .collect();
    let write = |name: &str, text: &str| std::fs::write(root.join(name), text).expect("written");
    write("shop.zone", &format!("{ZONE}{many}"));
    write(
        "back.zone",
        "$TTL 60\n@ IN SOA ns.shop.example. h 1 3600 600 86400 60\n@ NS ns.shop.example.\n1 PTR edge.front.shop.example.\n",
    );
    write(
        "named.conf",
        &format!(
            "options {{ directory \"{at}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; pid-file \"{at}/pid\"; session-keyfile \"{at}/key\"; lock-file none; }};
controls {{}};
zone \"shop.example\" {{ type master; file \"shop.zone\"; }};
zone \"2.0.192.in-addr.arpa\" {{ type master; file \"back.zone\"; }};
zone \"broken.example\" {{ type master; file \"missing.zone\"; }};
"
        ),
    );
    let mut command = Command::new(named);
    command.arg("-g").arg("-c").arg(root.join("named.conf"));
    let mut process = Process::start(&mut command, root);
    process.wait_until(|| listens(port));
    let resolver = format!("127.0.0.1:{port}");
    let ask = |name: &str, kind: &str, expect: Value| json!({"dns": {"name": name, "type": kind, "resolver": resolver, "expect": expect}});
    // It listens before it has read its zones.
    process.wait_until(|| {
        let asked = ask("ns.shop.example.", "A", json!({"exists": true}));
        crate::kinds::sample(root, asked).verdict == Pass
    });
    let exists = |wanted: bool| json!({"exists": wanted});
    let both = json!({"equals": ["192.0.2.2", "192.0.2.1"]});
    play(
        root,
        [
            (ask("www.shop.example.", "A", both.clone()), Pass, "1 of 1"),
            (ask("edge.front.shop.example.", "A", both), Pass, "1 of 1"),
            (
                ask("www.shop.example.", "A", json!({"count": {"equals": 2}})),
                Pass,
                "1 of 1",
            ),
            (
                ask("www.shop.example.", "A", json!({"equals": "192.0.2.1"})),
                Fail,
                "192.0.2.2",
            ),
            (
                ask(
                    "www.shop.example.",
                    "CNAME",
                    json!({"equals": "front.shop.example"}),
                ),
                Pass,
                "1 of 1",
            ),
            (
                ask(
                    "six.shop.example.",
                    "AAAA",
                    json!({"equals": "2001:db8::7"}),
                ),
                Pass,
                "1 of 1",
            ),
            (
                ask(
                    "shop.example.",
                    "MX",
                    json!({"contains": "10 mail.shop.example"}),
                ),
                Pass,
                "1 of 1",
            ),
            (
                ask("shop.example.", "TXT", json!({"equals": "v=spf1 -all"})),
                Pass,
                "1 of 1",
            ),
            (
                ask(
                    "long.shop.example.",
                    "TXT",
                    json!({"equals": "first half, second half"}),
                ),
                Pass,
                "1 of 1",
            ),
            (
                ask(
                    "_sip._tcp.shop.example.",
                    "SRV",
                    json!({"equals": "10 5 443 edge.front.shop.example"}),
                ),
                Pass,
                "1 of 1",
            ),
            (
                ask(
                    "192.0.2.1",
                    "PTR",
                    json!({"equals": "edge.front.shop.example"}),
                ),
                Pass,
                "1 of 1",
            ),
            (
                ask("shop.example.", "NS", json!({"equals": "ns.shop.example"})),
                Pass,
                "1 of 1",
            ),
            // It is asked again over TCP.
            (
                ask(
                    "many.shop.example.",
                    "TXT",
                    json!({"count": {"equals": 90}}),
                ),
                Pass,
                "1 of 1",
            ),
            (
                ask("nothing.shop.example.", "A", exists(true)),
                Fail,
                "no such name",
            ),
            (
                ask("nothing.shop.example.", "A", exists(false)),
                Pass,
                "1 of 1",
            ),
            // The name is there, and has no such record.
            (ask("six.shop.example.", "A", exists(true)), Fail, ""),
            (ask("six.shop.example.", "A", exists(false)), Pass, "1 of 1"),
            (ask("gone.shop.example.", "A", exists(true)), Fail, ""),
            (
                ask("round.shop.example.", "A", exists(true)),
                Error,
                "SERVFAIL",
            ),
            (
                ask("www.broken.example.", "A", exists(true)),
                Error,
                "SERVFAIL",
            ),
            (
                ask("www.broken.example.", "A", exists(false)),
                Error,
                "SERVFAIL",
            ),
            (
                ask("www.elsewhere.example.", "A", exists(false)),
                Error,
                "refuse",
            ),
        ],
    );
}
