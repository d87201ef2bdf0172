//! nginx: HTTP/1.1 and HTTP/2, keep-alive, client certificates, old versions of TLS, and its mail proxy.

use std::process::Command;

use rcgen::date_time_ymd;
use relgate::domain::probe::judge::Verdict::{self, Fail, Pass};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use super::{Process, listens, play, ports, program, write_certified};
use crate::shop::Repository;
use crate::support::{PATIENCE, probe};

const MAIL: &str = "/usr/lib/nginx/modules/ngx_mail_module.so";

/// nginx, and the ports of its servers.
struct Nginx {
    files: Repository,
    plain: u16,
    secure: u16,
    strict: u16,
    old: u16,
    expired: u16,
    smtp: u16,
    imap: u16,
    pop3: u16,
    _process: Process,
}

impl Nginx {
    fn new() -> Self {
        let nginx = program("nginx", "nginx");
        assert!(
            std::path::Path::new(MAIL).is_file(),
            "nginx's mail proxy is not installed; apt-get install libnginx-mod-mail"
        );
        let files = Repository::new();
        write_certified(
            &files,
            "server",
            &files.authority.certify("127.0.0.1", |_| {}),
        );
        let past = files.authority.certify("127.0.0.1", |params| {
            params.not_after = date_time_ymd(2021, 2, 3)
        });
        write_certified(&files, "past", &past);
        files.write("private.txt", "in");
        files.write("users", "shop:{PLAIN}pa55w0rd\n");
        let [plain, secure, strict, old, expired, smtp, imap, pop3] = ports::<8>();
        let root = files.path().display();
        let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};"))
            .join("\n");
        let tls = |name: &str| {
            format!("ssl_certificate {root}/{name}.pem; ssl_certificate_key {root}/{name}.key;")
        };
        let (server, past) = (tls("server"), tls("past"));
        let mail = |port: u16, protocol: &str| {
            format!("server {{ listen 127.0.0.1:{port}; protocol {protocol}; starttls on; }}\n")
        };
        let mails = [mail(smtp, "smtp"), mail(imap, "imap"), mail(pop3, "pop3")].concat();
        files.write(
            "nginx.conf",
            &format!(
                "load_module {MAIL};
daemon off; master_process off; pid {root}/pid; error_log stderr;
events {{}}
http {{
  {temp}
  access_log off; default_type text/plain;
  server {{
    listen 127.0.0.1:{plain}; keepalive_requests 3; gzip on; gzip_types text/plain; gzip_min_length 1;
    location / {{ return 200 \"ready $server_protocol $http_x_who [$http_authorization]\"; }}
    location /503 {{ return 503 busy; }}
    location /moved {{ return 302 https://127.0.0.1:{secure}/; }}
    location /near {{ return 301 /; }}
    location /private {{ auth_basic shop; auth_basic_user_file {root}/users; alias {root}/private.txt; }}
    location /none {{ return 204; }}
    location /cookie {{ add_header Set-Cookie \"SID=abcdefgh; Path=/\"; return 302 /sees; }}
    location /sees {{ return 200 \"sees $cookie_SID\"; }}
    location /silent {{ return 444; }}
  }}
  server {{
    listen 127.0.0.1:{secure} ssl http2; {server} ssl_protocols TLSv1.2 TLSv1.3;
    location / {{ return 200 \"ready $server_protocol $ssl_protocol [$http_authorization]\"; }}
  }}
  server {{
    listen 127.0.0.1:{strict} ssl; {server} ssl_verify_client on; ssl_client_certificate {root}/ca.pem;
    location / {{ return 200 \"ready $ssl_client_s_dn\"; }}
  }}
  server {{
    listen 127.0.0.1:{old} ssl; {server} ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;
    location / {{ return 200 old; }}
  }}
  server {{ listen 127.0.0.1:{expired} ssl; {past} location / {{ return 200 late; }} }}
}}
mail {{
  server_name mail.example; auth_http 127.0.0.1:{plain}/; {server} ssl_protocols TLSv1.2 TLSv1.3;
  {mails}
}}
"
            ),
        );
        let mut command = Command::new(nginx);
        let conf = files.path().join("nginx.conf");
        command
            .arg("-p")
            .arg(files.path())
            .arg("-e")
            .arg("stderr")
            .arg("-c")
            .arg(conf);
        let mut process = Process::start(&mut command, files.path());
        process.wait_until(|| listens(plain) && listens(pop3));
        Self {
            files,
            plain,
            secure,
            strict,
            old,
            expired,
            smtp,
            imap,
            pop3,
            _process: process,
        }
    }
}

fn merged(mut value: Value, more: &Value) -> Value {
    for (key, given) in more.as_object().expect("an object") {
        value[key] = given.clone();
    }
    value
}

fn http(port: u16, path: &str, more: Value) -> Value {
    let asked = json!({"url": format!("http://127.0.0.1:{port}{path}"), "expect": {"status": 200}});
    json!({"http": merged(asked, &more)})
}

fn https(port: u16, more: Value) -> Value {
    let url = format!("https://127.0.0.1:{port}/");
    let asked = json!({"url": url, "ca": "ca.pem", "expect": {"status": 200}});
    json!({"http": merged(asked, &more)})
}

fn tls(port: u16, more: Value) -> Value {
    let asked = json!({"address": format!("127.0.0.1:{port}"), "ca": "ca.pem"});
    json!({"tls": merged(asked, &more)})
}

fn body(contains: &str) -> Value {
    json!({"expect": {"status": 200, "body": {"contains": contains}}})
}

fn plain_cases(nginx: &Nginx) -> Vec<(Value, Verdict, &'static str)> {
    let who = |password: &str| json!({"auth": {"basic": {"user": "shop", "password": password}}});
    let bearer = json!({"auth": {"bearer": "t0k3n"}});
    let moved = |expect: &str| {
        let base = json!({"ca": "ca.pem", "redirects": 1});
        merged(merged(base, &bearer), &body(expect))
    };
    let p = nginx.plain;
    vec![
        (http(p, "/", body("ready HTTP/1.1")), Pass, "2 of 2"),
        (http(p, "/503", json!({})), Fail, "expected 200, found 503"),
        (
            http(p, "/moved", json!({})),
            Fail,
            "redirects to https://127.0.0.1",
        ),
        // Another origin is told nothing of who asks.
        (
            http(p, "/moved", moved("ready HTTP/2.0 TLSv1.3 []")),
            Pass,
            "2 of 2",
        ),
        (
            http(
                p,
                "/near",
                merged(
                    json!({"redirects": 1, "auth": bearer["auth"]}),
                    &body("[Bearer t0k3n]"),
                ),
            ),
            Pass,
            "2 of 2",
        ),
        (http(p, "/private", who("pa55w0rd")), Pass, "1 of 1"),
        (http(p, "/private", who("other")), Fail, "found 401"),
        (http(p, "/private", json!({})), Fail, "found 401"),
        (
            http(
                p,
                "/private",
                json!({"auth": {"digest": {"user": "shop", "password": "pa55w0rd"}}}),
            ),
            Fail,
            "found 401",
        ),
        (
            http(
                p,
                "/none",
                json!({"expect": {"status": 204, "body": {"equals": ""}}}),
            ),
            Pass,
            "2 of 2",
        ),
        (
            http(
                p,
                "/cookie",
                merged(
                    json!({"redirects": 1, "cookies": true}),
                    &body("sees abcdefgh"),
                ),
            ),
            Pass,
            "2 of 2",
        ),
        (http(p, "/silent", json!({})), Fail, "closed the connection"),
        (
            http(
                p,
                "/",
                merged(
                    json!({"headers": {"X-Who": "me"}, "decompress": true}),
                    &body("ready HTTP/1.1 me"),
                ),
            ),
            Pass,
            "2 of 2",
        ),
        (
            http(
                p,
                "/",
                merged(
                    json!({"headers": {"Accept-Encoding": "gzip"}}),
                    &body("ready"),
                ),
            ),
            Fail,
            "compressed (gzip)",
        ),
    ]
}

fn secure_cases(nginx: &Nginx) -> Vec<(Value, Verdict, &'static str)> {
    let shown = |name: &str| json!({"client_certificate": {"cert": format!("{name}.pem"), "key": format!("{name}.key")}});
    let (s, strict) = (nginx.secure, nginx.strict);
    let refuses = |versions: &[&str]| json!({"expect": {"refuses": versions}});
    vec![
        (https(s, body("ready HTTP/2.0 TLSv1.3")), Pass, "2 of 2"),
        (https(s, json!({"ca": null})), Fail, "issuer is not trusted"),
        (
            https(nginx.expired, json!({})),
            Fail,
            "expired on 2021-02-03",
        ),
        (http(s, "/", json!({})), Fail, "found 400"),
        (https(nginx.plain, json!({})), Fail, "the answer is not TLS"),
        // It asks in TLS, and refuses in HTTP.
        (
            https(
                strict,
                json!({"expect": {"status": 400, "body": {"contains": "No required SSL certificate"}}}),
            ),
            Pass,
            "2 of 2",
        ),
        (
            https(strict, merged(shown("client"), &body("ready"))),
            Pass,
            "2 of 2",
        ),
        (https(strict, shown("other")), Fail, "found 400"),
        (tls(strict, shown("client")), Pass, "2 of 2"),
        (
            tls(
                s,
                json!({"expect": {
                    "version": "tls1.3", "names": "127.0.0.1", "issuer": {"contains": "the shop's authority"},
                    "refuses": ["ssl3.0", "tls1.0", "tls1.1"], "chain_expires_in": "12h",
                }}),
            ),
            Pass,
            "9 of 9",
        ),
        (
            tls(s, refuses(&["tls1.2"])),
            Fail,
            "refuses tls1.2: expected refused, found it goes on",
        ),
        (tls(nginx.old, refuses(&["ssl3.0"])), Pass, "3 of 3"),
        (
            tls(nginx.old, refuses(&["tls1.0"])),
            Fail,
            "refuses tls1.0: expected refused, found it goes on",
        ),
        (
            tls(nginx.old, refuses(&["tls1.1"])),
            Fail,
            "refuses tls1.1: expected refused, found it goes on",
        ),
        (
            tls(nginx.old, json!({"expect": {"version": "tls1.3"}})),
            Fail,
            "found tls1.2",
        ),
        (
            tls(nginx.expired, json!({"expect": {"expires_in": "1h"}})),
            Fail,
            "ago",
        ),
    ]
}

fn mail_cases(nginx: &Nginx) -> Vec<(Value, Verdict, &'static str)> {
    let dialogue = |port: u16, steps: Value| json!({"tcp": {"address": format!("127.0.0.1:{port}"), "tls": {"ca": "ca.pem"}, "steps": steps}});
    let mut all: Vec<_> = [
        (nginx.smtp, "smtp"),
        (nginx.imap, "imap"),
        (nginx.pop3, "pop3"),
    ]
    .into_iter()
    .map(|(port, with)| {
        let refuses = json!({"starttls": with, "expect": {"version": "tls1.3", "refuses": ["tls1.0", "tls1.1"]}});
        (tls(port, refuses), Pass, "5 of 5")
    })
    .collect();
    all.push((tls(nginx.imap, json!({"starttls": "smtp"})), Fail, "* OK"));
    all.push((tls(nginx.smtp, json!({})), Fail, "the answer is not TLS"));
    all.push((
        dialogue(
            nginx.smtp,
            json!([
                {"expect": {"matches": "^220 mail.example"}},
                {"send": "EHLO me\r\n"},
                {"expect": {"matches": "(?m)^250 ", "contains": "STARTTLS"}},
                {"send": "STARTTLS\r\n"},
                {"expect": {"matches": "^220 "}},
                {"starttls": true},
                {"send": "EHLO me\r\n"},
                // Once TLS is spoken it is not offered again.
                {"expect": {"matches": "(?m)^250 ", "not_contains": "STARTTLS"}},
            ]),
        ),
        Pass,
        "7 of 7",
    ));
    let nonsense = json!([
        {"expect": {"contains": "+OK"}}, {"send": "NONSENSE\r\n"}, {"expect": {"contains": "+OK"}},
    ]);
    let mut plain = dialogue(nginx.pop3, nonsense);
    plain["tcp"]["tls"] = false.into();
    let found = "step 3 contains: expected \"+OK\", found \"-ERR";
    all.push((plain, Fail, found));
    all
}

#[test]
fn what_people_ask_of_nginx_has_its_verdict() {
    let nginx = Nginx::new();
    let root = nginx.files.path();
    play(root, plain_cases(&nginx));
    play(root, secure_cases(&nginx));
    let mut mails = mail_cases(&nginx);
    // It waits for more of what it does not know.
    for (asked, verdict, _) in &mut mails {
        if *verdict == Fail {
            asked["timeout"] = "2s".into();
        }
    }
    play(root, mails);
    // It closes a connection after three requests: none of many fails for it.
    let get = http(nginx.plain, "/", json!({}));
    let many: Vec<_> = (0..60)
        .map(|index| probe(&format!("p{index}"), get.clone()))
        .collect();
    let samples = SystemProber::new(root).sample(&many, 4, Some(PATIENCE));
    for sample in samples {
        assert_eq!(sample.verdict, Pass, "{}", sample.reason());
    }
}
