//! What is sent in forms and parts, and servers behind a unix socket.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use relgate::domain::probe::files::FileUse;
use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use crate::shop::{Repository, read_body};
use crate::support::{PATIENCE, Server, probe, read_request, response};

fn ask(repository: &Repository, http: Value) -> Sample {
    let probe = probe("one", json!({"http": http}));
    let prober = SystemProber::new(repository.path());
    let mut samples = prober.sample(&[probe], 1, Some(PATIENCE));
    samples.pop().expect("a sample")
}

/// A server that answers with what it was sent.
fn echo() -> Server {
    Server::new(|mut stream| {
        while let Some(head) = read_request(&mut stream) {
            let all = format!("{head}{}", read_body(&head, &mut stream));
            let _ = stream.write_all(response("200 OK", &all).as_bytes());
        }
    })
}

#[test]
fn a_form_and_parts_are_sent_as_what_they_are() {
    let (server, repository) = (echo(), Repository::new());
    repository.write("order.json", "{\"id\": 7}");
    let parts = json!([
        {"name": "note", "value": "hello"},
        {"name": "order", "file": "order.json", "type": "application/json"},
    ]);
    for (sent, received) in [
        (
            json!({"form": {"user": "ana & ben", "tag": ["a", "b"]}}),
            vec![
                "POST / ",
                "content-type: application/x-www-form-urlencoded\r\n",
                "\r\n\r\ntag=a&tag=b&user=ana+%26+ben",
            ],
        ),
        (
            json!({"form": {"a": "b"}, "method": "PUT", "headers": {"Content-Type": "text/plain"}}),
            vec!["PUT / ", "content-type: text/plain\r\n", "\r\n\r\na=b"],
        ),
        (
            json!({"multipart": parts}),
            vec![
                "POST / ",
                "content-type: multipart/form-data; boundary=relgate-",
                "form-data; name=\"note\"\r\n\r\nhello\r\n--relgate-",
                "form-data; name=\"order\"; filename=\"order.json\"\r\nContent-Type: application/json\r\n\r\n{\"id\": 7}\r\n--relgate-",
            ],
        ),
    ] {
        let mut http = sent.clone();
        http["url"] = server.url().into();
        http["expect"] = json!({"body": {"contains": received}});
        let sample = ask(&repository, http);
        assert_eq!(sample.verdict, Verdict::Pass, "{sent}: {}", sample.reason());
    }
}

#[test]
fn a_part_stays_in_the_repository_and_follows_no_link() {
    let (server, repository) = (echo(), Repository::new());
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("secret"), "s3cr3t").expect("written");
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, repository.path().join(name)).expect("a link");
    };
    link(&outside.path().join("secret"), "link");
    link(outside.path(), "folder");
    repository.write("real", "fine");
    link(Path::new("real"), "inner");
    let prober = SystemProber::new(repository.path());
    for (file, why) in [
        ("real", None),
        ("link", Some("a link leads there")),
        ("inner", Some("a link leads there")),
        ("folder/secret", Some("a link leads there")),
        ("../secret", Some("leaves the repository")),
        ("nowhere", Some("No such file")),
        (".", Some("cannot be read")),
    ] {
        let parts = json!([{"name": "a", "file": file}]);
        let sample = ask(
            &repository,
            json!({"url": server.url(), "multipart": parts, "expect": {"status": 200}}),
        );
        let wanted = if why.is_some() {
            Verdict::Error
        } else {
            Verdict::Pass
        };
        let reason = sample.reason();
        assert_eq!(sample.verdict, wanted, "{file}: {reason}");
        assert!(reason.contains(why.unwrap_or("hold")), "{file}: {reason}");
        let usable = prober.can_use(file, FileUse::Part);
        assert_eq!(usable.is_ok(), why.is_none(), "{file}: {usable:?}");
    }
}

#[test]
fn a_server_behind_a_socket_is_asked_as_the_address_says() {
    let repository = Repository::new();
    let path = repository.path().join("app.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while let Some(head) = read_request(&mut stream) {
                    if head.starts_with("GET /end") {
                        return;
                    }
                    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
                    let answer = match head.starts_with("GET /away") {
                        true => elsewhere.to_owned(),
                        false => response("200 OK", &head),
                    };
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
    let gone = UnixListener::bind(repository.path().join("gone.sock")).expect("a socket");
    drop(gone);
    repository.write("file", "no socket");
    let long = format!("{}.sock", "a".repeat(120));
    let body = json!({"body": {"contains": ["GET /x HTTP/1.1\r\n", "host: shop.example\r\n"]}});
    let any = json!({"status": 200});
    for (unix, url, expect, verdict, why) in [
        (
            "app.sock",
            "http://shop.example/x",
            &body,
            Verdict::Pass,
            "hold",
        ),
        (
            path.to_str().expect("UTF-8"),
            "http://shop.example/x",
            &body,
            Verdict::Pass,
            "hold",
        ),
        (
            "app.sock",
            "http://shop.example/end",
            &any,
            Verdict::Fail,
            "without an answer",
        ),
        // Another origin is not asked over the socket.
        (
            "app.sock",
            "http://shop.example/away",
            &any,
            Verdict::Fail,
            "127.0.0.1:1 refused",
        ),
        (
            "gone.sock",
            "http://shop.example/",
            &any,
            Verdict::Fail,
            "refused the connection",
        ),
        (
            "nowhere.sock",
            "http://shop.example/",
            &any,
            Verdict::Fail,
            "there is no such socket",
        ),
        (
            "file",
            "http://shop.example/",
            &any,
            Verdict::Fail,
            "refused the connection",
        ),
        (
            &long,
            "http://shop.example/",
            &any,
            Verdict::Error,
            "longer than 107 bytes",
        ),
    ] {
        let http = json!({"url": url, "unix": unix, "redirects": 1, "expect": expect});
        let sample = ask(&repository, http);
        let reason = sample.reason();
        assert_eq!(sample.verdict, verdict, "{unix} {url}: {reason}");
        assert!(reason.contains(why), "{unix} {url}: {reason}");
    }
}
