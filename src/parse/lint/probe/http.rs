//! `http` probes.

use std::collections::{BTreeMap, HashMap};

use super::{Check, http_options, json};
use crate::domain::finding::{Finding, Rule};
use crate::domain::nearest::suggestion;
use crate::domain::probe::kinds::HttpProbe;
use crate::parse::lint::variables::replaced;
use crate::parse::node::pointer_step;

pub(super) fn lint(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    findings.extend(url(check, "/http/url", &http.url));
    if let Some(method) = &http.method {
        let known = [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
        ];
        if !known.contains(&method.as_str()) {
            let near = suggestion(method, known);
            findings.push(
                check
                    .error(
                        Rule::ProbeHeader,
                        "/http/method",
                        &format!("\"{method}\" is not a method of HTTP"),
                    )
                    .help_opt(near),
            );
        }
    }
    check.verifies("/http/verify_tls", http.verify_tls, findings);
    http_options::lint(check, http, findings);
    headers(check, "/http/headers", &http.headers, findings);
    for (name, expected) in &http.expect.headers {
        let below = format!("/http/expect/headers{}", pointer_step(name));
        findings.extend(header_name(check, &below, name));
        if let Some(text) = expected.text() {
            check.text(&below, text, findings);
        }
    }
    if let Some(text) = &http.expect.body {
        check.text("/http/expect/body", text, findings);
    }
    let schema = http.expect.json_schema.as_ref();
    json::lint(check, "/http/expect", &http.expect.json, schema, findings);
    if http
        .expect
        .duration
        .as_ref()
        .is_some_and(|it| it.is_known_and(|it| it.is_zero()))
    {
        findings.push(
            check
                .error(
                    Rule::ZeroDuration,
                    "/http/expect/duration",
                    "no answer takes no time at all",
                )
                .help("write how long it may take, such as 1s"),
        );
    }
}

/// The headers of a request at `below`.
pub(super) fn headers(
    check: &Check<'_>,
    below: &str,
    headers: &BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (name, value) in headers {
        let below = format!("{below}{}", pointer_step(name));
        findings.extend(header_name(check, &below, name));
        if let Some(other) = seen.insert(name.to_ascii_lowercase(), name) {
            let what = format!("the headers \"{other}\" and \"{name}\" are the same");
            findings.push(
                check
                    .error(Rule::ProbeHeader, &below, &what)
                    .help("keep one of the two"),
            );
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            let what =
                format!("the header \"{name}\" contains a line break or another control character");
            findings.push(check.error(Rule::ProbeHeader, &below, &what));
        }
    }
}

/// What is wrong with the address of the web at `below`.
pub(super) fn url(check: &Check<'_>, below: &str, written: &str) -> Option<Finding> {
    let url = &replaced(written).ok()?;
    // The scheme and host may come out of a variable.
    if written.trim_start().starts_with("${") {
        return None;
    }
    let why = match url::Url::parse(url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            format!("its scheme is \"{}\"", parsed.scheme())
        }
        Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => "it has no host".to_owned(),
        Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            return Some(
                check
                    .error(
                        Rule::ProbeAddress,
                        below,
                        "the address holds a user or a password, which are not sent from there",
                    )
                    .help("write them under \"auth\""),
            );
        }
        Ok(_) if url.trim() != url => "it has white space around it".to_owned(),
        Ok(_) => return None,
        Err(error) => error.to_string(),
    };
    let help = if url.contains("://") {
        "write an absolute address such as https://shop.example.com/health".to_owned()
    } else {
        format!(
            "did you mean \"https://{}\"?",
            written.trim_start_matches('/')
        )
    };
    Some(
        check
            .error(
                Rule::ProbeAddress,
                below,
                &format!("{written:?} is not an address: {why}"),
            )
            .label("expected http:// or https://")
            .help(help),
    )
}

fn header_name(check: &Check<'_>, below: &str, name: &str) -> Option<Finding> {
    let valid = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    (!valid).then(|| {
        check
            .site
            .error_at_key(
                Rule::ProbeHeader,
                &check.at(below),
                format!("{}: {name:?} cannot be the name of a header", check.by),
            )
            .help("a name has letters, digits and \"-\", such as Content-Type")
    })
}
