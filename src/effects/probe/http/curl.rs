//! A `curl` line that asks the same by hand. Secrets stand in it as the probe has them: whoever shows it masks them.

use std::net::{Ipv6Addr, SocketAddr};

use super::proxy::Proxy;
use super::{USER_AGENT, oauth};
use crate::domain::probe::kinds::{HttpProbe, Part};
use crate::domain::timespan::Timespan;
use crate::effects::probe::quote;

/// A `curl` line that asks the same, run from the repository's root.
///
/// Where a redirect leads to another host, curl takes the probe's own headers along, which relgate does not.
pub(in super::super) fn repeat(http: &HttpProbe, timeout: Timespan) -> String {
    let mut line = Line::default();
    line.add(["curl", "-gsSi"]);
    proxy(http, &mut line);
    if http.decompress == Some(true) {
        line.add(["--compressed"]);
    }
    line.add(["--max-time"]);
    line.add([timeout.decimal_seconds()]);
    method(http, &mut line);
    if http.verify_tls == Some(false) {
        line.add(["-k"]);
    }
    if let Some(path) = &http.ca {
        line.add(["--cacert", path]);
    }
    if let Some(files) = &http.client_certificate {
        // A passphrase would follow a colon.
        line.add([
            "--cert",
            &files.cert.replace(':', "\\:"),
            "--key",
            &files.key,
        ]);
    }
    if let Some(path) = &http.unix {
        line.add(["--unix-socket", path]);
    }
    for (host, address) in &http.resolve {
        line.add(["--connect-to", &connect_to(host, address)]);
    }
    if let Some(redirects) = http.redirects.filter(|redirects| *redirects > 0) {
        line.add(["-L", "--max-redirs", &redirects.to_string()]);
        if http.url.starts_with("https:") {
            line.add(["--proto-redir", "=https"]);
        }
    }
    headers(http, &mut line);
    body(http, &mut line);
    line.add([&http.url]);
    let line = quote::line(line.0.iter().map(String::as_str));
    let auth = http.auth.as_ref();
    let Some(oauth) = auth.and_then(|auth| auth.oauth2.as_ref()) else {
        return line;
    };
    // The token is asked for by the shell.
    let fetch = repeat(&oauth::request(http, oauth), timeout).replacen("-gsSi", "-gsS", 1);
    let bearer = format!("\"Authorization: Bearer $({fetch} | jq -r .access_token)\"");
    line.replacen(&quote::line([TOKEN]), &bearer, 1)
}

/// What stands in a line for a header that the shell makes.
const TOKEN: &str = "Authorization: Bearer TOKEN";

#[derive(Default)]
struct Line(Vec<String>);

impl Line {
    fn add<W: AsRef<str>>(&mut self, words: impl IntoIterator<Item = W>) {
        self.0
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
    }
}

/// The probe's proxy and no other: the environment names none, and takes none away.
fn proxy(http: &HttpProbe, line: &mut Line) {
    let Some(address) = &http.proxy else {
        line.add(["--noproxy", "*"]);
        return;
    };
    // Without a port, curl would take another than addresses have.
    let whole = Proxy::new(address, None);
    let address = whole.as_ref().map_or(address.as_str(), Proxy::shown);
    line.add(["--proxy", address, "--noproxy", ""]);
    if let Some(auth) = &http.proxy_auth {
        line.add(["--proxy-user", &format!("{}:{}", auth.user, auth.password)]);
    }
}

fn has_body(http: &HttpProbe) -> bool {
    !http.payload_keys().is_empty()
}

fn method(http: &HttpProbe, line: &mut Line) {
    match http.method() {
        "GET" if !has_body(http) => {}
        // With -X curl would wait for the body that such an answer does not have.
        "HEAD" if !has_body(http) => line.add(["-I"]),
        // It comes with the data, and with -X it would outlast every redirect.
        "POST" => {}
        method => line.add(["-X", method]),
    }
}

fn headers(http: &HttpProbe, line: &mut Line) {
    if !given(http, "user-agent") {
        line.add(["-A", USER_AGENT]);
    }
    for (name, value) in &http.headers {
        let header = if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        };
        line.add(["-H", &header]);
    }
    if let Some(auth) = &http.auth {
        if let Some(basic) = &auth.basic {
            line.add(["-u", &format!("{}:{}", basic.user, basic.password)]);
        }
        if let Some(who) = &auth.digest {
            line.add(["--digest", "-u", &format!("{}:{}", who.user, who.password)]);
        }
        if auth.oauth2.is_some() {
            line.add(["-H", TOKEN]);
        }
        if let Some(token) = &auth.bearer {
            line.add(["-H", &format!("Authorization: Bearer {token}")]);
        }
    }
}

/// A value in quotes, so that curl reads nothing else in it.
fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn part(part: &Part, line: &mut Line) {
    let (mark, content) = match (&part.file, &part.value) {
        (Some(path), _) => ("@", path.as_str()),
        (None, value) => ("", value.as_deref().unwrap_or_default()),
    };
    let mut form = format!("{}={mark}{}", part.name, in_quotes(content));
    if let Some(filename) = part.filename() {
        form.push_str(&format!(";filename={}", in_quotes(filename)));
    }
    if let Some(media_type) = part.media_type() {
        form.push_str(&format!(";type={media_type}"));
    }
    line.add(["-F", &form]);
}

fn body(http: &HttpProbe, line: &mut Line) {
    for one in &http.multipart {
        part(one, line);
    }
    for (name, values) in http.form.iter().flatten() {
        for value in values.values() {
            line.add(["--data-urlencode", &format!("{name}={value}")]);
        }
    }
    if http.form.is_some() || !http.multipart.is_empty() {
        return;
    }
    let (how, what) = match (&http.body, &http.body_file) {
        (Some(body), _) => ("--data-raw", body.clone()),
        (None, Some(path)) => ("--data-binary", format!("@{path}")),
        (None, None) if http.method.as_deref() == Some("POST") => ("--data-raw", String::new()),
        (None, None) => return,
    };
    if !given(http, "content-type") {
        // Otherwise curl says that the body is a form.
        line.add(["-H", "Content-Type:"]);
    }
    line.add([how, &what]);
}

fn given(http: &HttpProbe, name: &str) -> bool {
    let mut names = http.headers.keys();
    names.any(|key| key.eq_ignore_ascii_case(name))
}

/// `host:port:address:port`; a port that is left out stays as it is.
fn connect_to(host: &str, address: &str) -> String {
    if address.parse::<SocketAddr>().is_ok() {
        format!("{host}::{address}")
    } else if address.parse::<Ipv6Addr>().is_ok() {
        format!("{host}::[{address}]:")
    } else {
        format!("{host}::{address}:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn line(value: Value) -> String {
        let mut value = value;
        value["expect"] = json!({"status": 200});
        let probe = serde_json::from_value(value).expect("a probe");
        repeat(&probe, Timespan::from_seconds(10))
    }

    #[test]
    fn a_curl_line_asks_the_same() {
        let agent = format!("-A {USER_AGENT}");
        assert_eq!(
            line(json!({"url": "http://h/a?b=c"})),
            format!("curl -gsSi --noproxy '*' --max-time 10 {agent} 'http://h/a?b=c'")
        );
        let posted = line(json!({
            "url": "https://h/", "method": "POST", "body": "it's", "verify_tls": false, "redirects": 3,
            "headers": {"X-Empty": "", "User-Agent": "me"},
        }));
        assert_eq!(
            posted,
            "curl -gsSi --noproxy '*' --max-time 10 -k -L --max-redirs 3 --proto-redir '=https' -H 'User-Agent: me' \
             -H 'X-Empty;' -H Content-Type: --data-raw 'it'\\''s' https://h/"
        );
        assert!(line(json!({"url": "http://h", "method": "HEAD"})).contains(" -I "));
        let put = line(json!({"url": "http://h", "method": "PUT", "body_file": "a b"}));
        assert!(
            put.contains(" -X PUT ") && put.contains("--data-binary '@a b'"),
            "{put}"
        );
        let post = line(json!({"url": "http://h", "method": "POST"}));
        assert!(post.contains(" --data-raw '' "), "{post}");
    }

    #[test]
    fn who_asks_and_how_is_part_of_the_line() {
        let all = line(json!({
            "url": "https://shop.example/", "ca": "ca.pem",
            "client_certificate": {"cert": "a:b.pem", "key": "k.pem"},
            "auth": {"basic": {"user": "u", "password": "p"}},
        }));
        for part in [
            " --cacert ca.pem ",
            " --cert 'a\\:b.pem' --key k.pem ",
            " -u u:p ",
        ] {
            assert!(all.contains(part), "no {part} in {all}");
        }
        let proxied = line(json!({
            "url": "http://h/", "proxy": "http://p", "proxy_auth": {"user": "u", "password": "p"},
        }));
        let by_way_of = "curl -gsSi --proxy http://p:80 --noproxy '' --proxy-user u:p --max-time";
        assert!(proxied.starts_with(by_way_of), "{proxied}");
        let bearer = line(json!({"url": "http://h/", "auth": {"bearer": "t"}}));
        assert!(
            bearer.contains(" -H 'Authorization: Bearer t' "),
            "{bearer}"
        );
        let form =
            line(json!({"url": "http://h/", "form": {"a": ["1 2", "&"]}, "unix": "run/a.sock"}));
        let sent = " --unix-socket run/a.sock ";
        let fields = " --data-urlencode 'a=1 2' --data-urlencode 'a=&' http://h/";
        assert!(form.contains(sent) && form.ends_with(fields), "{form}");
        assert!(
            !form.contains("-X") && !form.contains("Content-Type"),
            "{form}"
        );
        let parts = line(json!({"url": "http://h/", "multipart": [
            {"name": "a", "value": "x;type=y"}, {"name": "f", "file": "d/o.json", "type": "text/plain"},
        ]}));
        let all = " -F 'a=\"x;type=y\"' -F 'f=@\"d/o.json\";filename=\"o.json\";type=text/plain' http://h/";
        assert!(parts.ends_with(all), "{parts}");
        for (address, to) in [
            ("10.0.0.7", "h::10.0.0.7:"),
            ("10.0.0.7:8443", "h::10.0.0.7:8443"),
            ("::1", "'h::[::1]:'"),
            ("[::1]", "'h::[::1]:'"),
            ("[::1]:8443", "'h::[::1]:8443'"),
        ] {
            let line = line(json!({"url": "http://h/", "resolve": {"h": address}}));
            assert!(line.contains(&format!(" --connect-to {to} ")), "{line}");
        }
    }
}
