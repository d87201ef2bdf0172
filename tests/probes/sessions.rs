//! Cookies: kept over redirects and for the probes that need one another, where they say so, and captured by name.

use std::io::Write;

use relgate::domain::probe::judge::{Sample, Verdict};
use serde_json::{Value, json};

use crate::control::{LIMITS, ask};
use crate::support::{Server, probe, read_request};

/// A shop: `/login` sets a session and redirects, `/home` and `/cart` want it.
fn shop() -> Server {
    Server::new(|mut stream| {
        while let Some(head) = read_request(&mut stream) {
            let known = head.lines().any(|line| {
                let line = line.to_ascii_lowercase();
                line.starts_with("cookie: ") && line.contains("sid=s3ss10n-0f-ana")
            });
            let (status, more) = match head.split(' ').nth(1) {
                Some("/login") => (
                    "302 Found",
                    "Location: /home\r\nSet-Cookie: lang=en; Path=/\r\nSet-Cookie: SID=s3ss10n-0f-ana; Path=/; HttpOnly\r\n",
                ),
                _ if known => ("200 OK", ""),
                _ => ("403 Forbidden", ""),
            };
            let answer = format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    })
}

fn both(server: &Server, login: Value, cart: Value) -> Vec<Sample> {
    let http = |path: &str, more: Value| {
        let mut http = json!({"url": format!("{}{path}", server.url()), "expect": {"status": 200}});
        for (key, value) in more.as_object().expect("an object") {
            http[key] = value.clone();
        }
        http
    };
    let capture = json!({"session": {"cookie": "SID"}});
    let login = json!({"http": http("login", login), "capture": capture});
    let cart = json!({"http": http("cart", cart), "needs": ["login"]});
    ask(&[probe("login", login), probe("cart", cart)], LIMITS).samples
}

#[test]
fn a_session_lasts_over_redirects_and_needs_where_the_probes_say_so() {
    use Verdict::{Fail, Inconclusive, Pass};
    let shop = shop();
    let keeps = || json!({"cookies": true, "redirects": 3});
    for (login, cart, expected) in [
        (keeps(), json!({"cookies": true}), [Pass, Pass]),
        // Each says it for itself.
        (keeps(), json!({}), [Pass, Fail]),
        (
            json!({"redirects": 3}),
            json!({"cookies": true}),
            [Fail, Inconclusive],
        ),
        // The cookie was captured on the way, and is written by hand.
        (
            keeps(),
            json!({"headers": {"Cookie": "SID=${capture:session}"}}),
            [Pass, Pass],
        ),
        (
            keeps(),
            json!({"cookies": true, "headers": {"Cookie": "own=1"}}),
            [Pass, Pass],
        ),
    ] {
        let all = both(&shop, login.clone(), cart.clone());
        let found = [all[0].verdict, all[1].verdict];
        let said = format!("{login} {cart}: {} / {}", all[0].reason(), all[1].reason());
        assert_eq!(found, expected, "{said}");
        assert!(!said.contains("s3ss10n"), "{said}");
        let shown = serde_json::to_string(&all[0].attempts).expect("JSON");
        assert!(!shown.contains("s3ss10n"), "{shown}");
    }
}
