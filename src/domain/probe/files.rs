//! The files that a probe names beside what it asks about: they are there before anything is asked, or it cannot be.

use std::borrow::Cow;

use super::Probe;
use super::json::schema::SchemaSource;
use super::kinds::Auth;

/// What a file is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileUse {
    /// The authorities that certificates are held against, in PEM.
    Authorities,
    /// The certificate that the asking side shows, in PEM.
    Certificate,
    /// Its key, in PEM.
    Key,
    /// What is sent.
    Body,
    /// A part of what is sent; no link leads to it.
    Part,
    /// A JSON Schema.
    Schema,
    /// The program that a command starts: a path, or a name that is searched for.
    Program,
}

/// A file that a probe names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile<'a> {
    /// Where the probe names it, below the probe: `/http/ca`.
    pub at: Cow<'static, str>,
    /// Its path, perhaps with variables in it.
    pub path: &'a str,
    /// What it is used as.
    pub used_as: FileUse,
}

impl Probe {
    /// The files that it names, those not counted that it asks about, or that a test run is yet to write.
    pub fn files<'a>(&'a self) -> Vec<NamedFile<'a>> {
        let mut files = Vec::new();
        let mut add = |at, path: Option<&'a String>, used_as| {
            files.extend(path.map(|path| NamedFile {
                at: Cow::Borrowed(at),
                path,
                used_as,
            }));
        };
        let http = self.http.as_ref();
        let shown = http.and_then(|http| http.client_certificate.as_ref());
        add(
            "/http/ca",
            http.and_then(|it| it.ca.as_ref()),
            FileUse::Authorities,
        );
        add(
            "/http/client_certificate/cert",
            shown.map(|it| &it.cert),
            FileUse::Certificate,
        );
        add(
            "/http/client_certificate/key",
            shown.map(|it| &it.key),
            FileUse::Key,
        );
        add(
            "/http/body_file",
            http.and_then(|it| it.body_file.as_ref()),
            FileUse::Body,
        );
        let metric = self.metric.as_ref();
        let oauth2 = |auth: Option<&'a Auth>| auth.and_then(|auth| auth.oauth2.as_ref());
        let of_http = oauth2(http.and_then(|it| it.auth.as_ref()));
        let of_metric = oauth2(metric.and_then(|it| it.auth.as_ref()));
        for (ca, cert, key, oauth2) in [
            (
                "/http/auth/oauth2/ca",
                "/http/auth/oauth2/client_certificate/cert",
                "/http/auth/oauth2/client_certificate/key",
                of_http,
            ),
            (
                "/metric/auth/oauth2/ca",
                "/metric/auth/oauth2/client_certificate/cert",
                "/metric/auth/oauth2/client_certificate/key",
                of_metric,
            ),
        ] {
            let shown = oauth2.and_then(|it| it.client_certificate.as_ref());
            add(
                ca,
                oauth2.and_then(|it| it.ca.as_ref()),
                FileUse::Authorities,
            );
            add(cert, shown.map(|it| &it.cert), FileUse::Certificate);
            add(key, shown.map(|it| &it.key), FileUse::Key);
        }
        let grpc = self.grpc.as_ref();
        let shown = grpc.and_then(|grpc| grpc.client_certificate.as_ref());
        let (cert, key) = (shown.map(|it| &it.cert), shown.map(|it| &it.key));
        add("/grpc/client_certificate/cert", cert, FileUse::Certificate);
        add("/grpc/client_certificate/key", key, FileUse::Key);
        let shown = metric.and_then(|metric| metric.client_certificate.as_ref());
        let (cert, key) = (shown.map(|it| &it.cert), shown.map(|it| &it.key));
        add(
            "/metric/client_certificate/cert",
            cert,
            FileUse::Certificate,
        );
        add("/metric/client_certificate/key", key, FileUse::Key);
        let tls = self.tls.as_ref();
        let shown = tls.and_then(|tls| tls.client_certificate.as_ref());
        let (cert, key) = (shown.map(|it| &it.cert), shown.map(|it| &it.key));
        add(
            "/tls/ca",
            tls.and_then(|it| it.ca.as_ref()),
            FileUse::Authorities,
        );
        add("/tls/client_certificate/cert", cert, FileUse::Certificate);
        add("/tls/client_certificate/key", key, FileUse::Key);
        let terms = self.tcp.as_ref().and_then(|tcp| tcp.written_terms());
        let shown = terms.and_then(|terms| terms.client_certificate.as_ref());
        let (cert, key) = (shown.map(|it| &it.cert), shown.map(|it| &it.key));
        let ca = terms.and_then(|it| it.ca.as_ref());
        add("/tcp/tls/ca", ca, FileUse::Authorities);
        add(
            "/tcp/tls/client_certificate/cert",
            cert,
            FileUse::Certificate,
        );
        add("/tcp/tls/client_certificate/key", key, FileUse::Key);
        let ca = self.grpc.as_ref().and_then(|it| it.ca.as_ref());
        add("/grpc/ca", ca, FileUse::Authorities);
        let ca = self.metric.as_ref().and_then(|it| it.ca.as_ref());
        add("/metric/ca", ca, FileUse::Authorities);
        let schemas = [
            (
                "/http/expect/json_schema",
                http.and_then(|it| it.expect.json_schema.as_ref()),
            ),
            (
                "/command/expect/json_schema",
                self.command
                    .as_ref()
                    .and_then(|it| it.expect.json_schema.as_ref()),
            ),
            (
                "/file/expect/json_schema",
                self.file
                    .as_ref()
                    .and_then(|it| it.expect.json_schema.as_ref()),
            ),
        ];
        for (at, schema) in schemas {
            if let Some(SchemaSource::File(path)) = schema {
                add(at, Some(path), FileUse::Schema);
            }
        }
        let command = self.command.as_ref();
        // With a PATH of its own the program is searched for elsewhere than here.
        let program = command
            .filter(|it| !it.env.contains_key("PATH"))
            .and_then(|it| it.argv.first());
        add("/command/argv/0", program, FileUse::Program);
        let parts = http.into_iter().flat_map(|http| &http.multipart);
        files.extend(parts.enumerate().filter_map(|(index, part)| {
            Some(NamedFile {
                at: Cow::Owned(format!("/http/multipart/{index}/file")),
                path: part.file.as_ref()?,
                used_as: FileUse::Part,
            })
        }));
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_tells_its_files() {
        let probe: Probe = serde_json::from_value(serde_json::json!({
            "id": "p",
            "http": {
                "url": "https://x/", "ca": "ca.pem", "body_file": "order.json",
                "client_certificate": {"cert": "c.pem", "key": "k.pem"},
                "expect": {"status": 200, "json_schema": "schema.json"},
            },
            "command": {"argv": ["./smoke.sh", "-v"], "expect": {"exit": 0}},
        }))
        .expect("a probe");
        let files = probe.files();
        let told: Vec<(&str, &str)> = files.iter().map(|it| (&*it.at, it.path)).collect();
        assert_eq!(
            told,
            [
                ("/http/ca", "ca.pem"),
                ("/http/client_certificate/cert", "c.pem"),
                ("/http/client_certificate/key", "k.pem"),
                ("/http/body_file", "order.json"),
                ("/http/expect/json_schema", "schema.json"),
                ("/command/argv/0", "./smoke.sh"),
            ]
        );
    }

    #[test]
    fn what_is_asked_about_is_none_of_them() {
        for asked in [
            serde_json::json!({"id": "p", "file": {"path": "a", "expect": {"exists": true}}}),
            serde_json::json!({"id": "p", "junit": {"path": "a.xml"}}),
            serde_json::json!({"id": "p", "command": {
                "argv": ["a"], "env": {"PATH": "/opt/bin"}, "expect": {"json_schema": {"type": "object"}},
            }}),
        ] {
            let probe: Probe = serde_json::from_value(asked).expect("a probe");
            assert_eq!(probe.files(), []);
        }
    }
}
