use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;
use crate::domain::probe::judge::Verdict;

struct Known;

impl Lookup for Known {
    fn variable(&self, name: &str) -> Result<Option<String>, NotText> {
        Ok(match name {
            "HOST" => Some("shop.example".to_owned()),
            "API_TOKEN" => Some("t0k+n/=?".to_owned()),
            "PLAIN" => Some("${env:HOST}".to_owned()),
            "EMPTY" => Some(String::new()),
            "LATIN" => return Err(NotText),
            _ => None,
        })
    }
    fn file(&self, path: &str) -> Result<String, String> {
        match path {
            "run/secret" => Ok("from a file".to_owned()),
            "run/empty" => Ok(String::new()),
            _ => Err(format!("the file {path}: not found")),
        }
    }
    fn release(&self) -> Option<String> {
        Some("2.4.0".to_owned())
    }
    fn previous(&self) -> Option<String> {
        None
    }
    fn stage(&self) -> Option<String> {
        Some(String::new())
    }
}

fn expanded(text: &str) -> String {
    expand(text, &Known).expect(text).text
}

fn secrets(of: &[&str]) -> Secrets {
    let mut secrets = Secrets::default();
    for secret in of {
        secrets.add(secret);
    }
    secrets
}

#[test]
fn values_are_put_in_and_not_expanded_again() {
    assert_eq!(
        expanded("https://${env:HOST}/v/${release}"),
        "https://shop.example/v/2.4.0"
    );
    assert_eq!(expanded("${env:PLAIN}"), "${env:HOST}");
    assert_eq!(expanded("${file:run/secret}"), "from a file");
    assert_eq!(expanded(""), "");
}

#[test]
fn a_dollar_is_a_dollar_unless_a_brace_follows() {
    for literal in ["^ok$", "$5", "$$", "a}b{c", "$ {x}", "$"] {
        assert_eq!(expanded(literal), literal);
    }
    assert_eq!(expanded("$${env:HOST}"), "${env:HOST}");
    assert_eq!(expanded("a{2}$${b}"), "a{2}${b}");
    assert_eq!(expanded("$$${env:HOST}"), "$${env:HOST}");
}

#[test]
fn what_has_no_value_is_named() {
    for (text, name) in [
        ("${env:NO_SUCH}", "NO_SUCH"),
        ("${secret:EMPTY}", "EMPTY"),
        ("${env:LATIN}", "LATIN is set, and its value is not UTF-8"),
        ("${file:other}", "other"),
        ("${file:run/empty}", "run/empty"),
        ("${previous}", "previous"),
        ("${stage}", "stage"),
    ] {
        let error = expand(text, &Known).expect_err(text).to_string();
        assert!(error.contains(name), "{error}");
        assert!(syntax(text).is_ok(), "the form of {text} is right");
    }
}

#[test]
fn other_forms_are_errors_and_never_text() {
    for (text, error) in [
        ("${env:HOST", VariableError::Unclosed),
        ("${HOST}", VariableError::Unknown("HOST".to_owned())),
        ("${}", VariableError::Unknown(String::new())),
        ("${ENV:HOST}", VariableError::Unknown("ENV:HOST".to_owned())),
        ("${env:}", VariableError::Name(String::new())),
        ("${env:A B}", VariableError::Name("A B".to_owned())),
        ("${env:1A}", VariableError::Name("1A".to_owned())),
        ("${file:}", VariableError::NoPath),
    ] {
        assert_eq!(syntax(text), Err(error.clone()));
        assert_eq!(expand(text, &Known), Err(error));
    }
}

#[test]
fn names_that_look_secret_are() {
    let secrets = |text| expand(text, &Known).expect(text).secrets;
    assert_eq!(secrets("${env:API_TOKEN}"), ["t0k+n/=?"]);
    assert_eq!(secrets("${secret:HOST}"), ["shop.example"]);
    assert_eq!(secrets("${file:run/secret}"), ["from a file"]);
    assert_eq!(secrets("${env:HOST} ${release}"), [""; 0]);
    assert!(Reference::Variable("db_Password".to_owned()).is_secret());
}

#[test]
fn every_form_is_masked() {
    let secrets = secrets(&["t0k+n/=?", "it's \"quoted\""]);
    for (shown, masked) in [
        ("a t0k+n/=? b", "a *** b"),
        ("t0k%2Bn%2F%3D%3F&x", "***&x"),
        ("t0k%2bn%2f%3d%3f&x", "***&x"),
        ("curl 'it'\\''s \"quoted\"'", "curl '***'"),
        ("found \"it's \\\"quoted\\\"\"", "found \"***\""),
        ("it%27s+%22quoted%22", "***"),
        ("nothing", "nothing"),
    ] {
        assert_eq!(secrets.mask(shown), masked);
    }
    let secret = "t0k+n/=?";
    for encoded in [
        STANDARD.encode(secret),
        URL_SAFE.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ] {
        let masked = secrets.mask(&encoded);
        assert_eq!(masked.trim_end_matches('='), MASK);
    }
}

#[test]
fn a_secret_is_masked_however_programs_write_it() {
    let secrets = secrets(&["p&ss<W0rd>/'x\\y", "Tok/EN+a1b2c3"]);
    for shown in [
        // JSON as Go, PHP and Python write it, and as a part of JSON.
        r#"p\u0026ss\u003cW0rd\u003e/'x\\y"#,
        r#"p&ss<W0rd>\/'x\\y"#,
        r#"p\\u0026ss\\u003cW0rd\\u003e/'x\\\\y"#,
        r#"Tok\/EN+a1b2c3"#,
        // HTML.
        r#"p&amp;ss&lt;W0rd&gt;/&#39;x\y"#,
        r#"p&#38;ss&#x3C;W0rd&gt;&sol;&apos;x\y"#,
        // URLs, twice too, and as a part of HTML.
        "Tok%2FEN%2Ba1b2c3",
        "Tok%252FEN%252Ba1b2c3",
        "tok%2fen%2ba1b2c3",
        // Bytes, a Python text, a shell's words.
        r"p\x26ss\x3cW0rd\x3e/'x\\y",
        r"p\046ss<W0rd>/\'x\\y",
        r#"p&ss<W0rd>/'\''x\y"#,
        r#"p&ss<W0rd>/'"'"'x\y"#,
        r"p\&ss\<W0rd\>/\'x\\y",
        // Capitals, as a host is written small.
        "TOK/EN+A1B2C3",
        "tok/en+a1b2c3",
        // Hexadecimal digits, and base64 in JSON.
        "546f6b2f454e2b613162326333",
        "546F6B2F454E2B613162326333",
        r"VG9rL0VOK2ExYjJjMw",
    ] {
        let masked = secrets.mask(&format!("a {shown} b"));
        assert_eq!(masked, format!("a {MASK} b"), "{shown}");
    }
    let slashes = STANDARD.encode("???>>>???>>>").replace('/', r"\/");
    let secrets = self::secrets(&["???>>>???>>>"]);
    assert_eq!(secrets.mask(&slashes), MASK);
    // What only looks like one.
    for shown in [
        "p&amp;ss",
        "%2",
        r"\u00",
        "&",
        "&#;",
        "%zz",
        r"\q\u{zz}",
        "'\\'",
        "VG9RL0VO",
    ] {
        assert_eq!(secrets.mask(shown), shown);
    }
}

#[test]
fn masking_takes_the_time_of_the_text() {
    let secrets = secrets(&["%25".repeat(2_000).as_str(), "\\".repeat(3_000).as_str()]);
    for text in [
        "%25".repeat(100_000),
        "\\".repeat(300_000),
        "&amp;".repeat(60_000),
    ] {
        let _ = secrets.mask(&text);
    }
}

#[test]
fn basic_authentication_is_masked_wherever_the_password_begins() {
    let secrets = secrets(&["correct horse"]);
    for user in ["a", "ab", "abc"] {
        let header = STANDARD.encode(format!("{user}:correct horse"));
        let masked = secrets.mask(&header);
        assert!(masked.contains(MASK), "{masked}");
        assert!(masked.len() < 16, "{masked} shows too much");
    }
}

#[test]
fn overlaps_and_containment_leave_no_remainder() {
    let secrets = secrets(&["abcdef", "defghi", "cde"]);
    assert_eq!(secrets.mask("x abcdefghi y"), "x *** y");
    assert_eq!(secrets.mask("cde cdcde"), "*** cd***");
}

#[test]
fn a_secret_cut_at_the_end_of_an_excerpt_is_masked() {
    let secrets = secrets(&["supersecret"]);
    assert_eq!(secrets.mask("\"body supersec…\""), "\"body ***…\"");
    assert_eq!(secrets.mask("body su…"), "body su…");
}

#[test]
fn a_secret_that_repeats_itself_is_masked_in_the_time_of_the_text() {
    let secrets = secrets(&["ab".repeat(10_000).as_str(), "a…a…"]);
    let text = "ab".repeat(500_000);
    assert_eq!(secrets.mask(&text), MASK);
    let within = secrets.mask(&text[1..text.len() - 1]);
    assert_eq!(within, format!("b{MASK}a"));
    assert_eq!(secrets.mask("xaba…y"), format!("x{MASK}…y"));
    assert_eq!(secrets.mask("xa…a…a…"), format!("x{MASK}"));
}

#[test]
fn a_secret_of_several_lines_is_masked_line_by_line() {
    let secrets = secrets(&["first line\nsecond line\n}\n"]);
    assert_eq!(secrets.mask("a first line b"), "a *** b");
    assert_eq!(secrets.mask("first line second line } "), "***");
    assert_eq!(secrets.mask("}"), "}");
}

#[test]
fn one_too_short_masks_nothing() {
    let secrets = secrets(&["", "a", "ab"]);
    assert!(secrets.is_empty());
    assert_eq!(secrets.mask("abba"), "abba");
}

#[test]
fn a_probe_is_filled_and_its_sample_masked() {
    let probe: Probe = serde_json::from_value(serde_json::json!({
        "id": "home",
        "http": {
            "url": "https://${env:HOST}/",
            "headers": {"Authorization": "Bearer ${env:API_TOKEN}"},
            "expect": {"body": {"contains": ["${release}", "${secret:HOST}"]}},
        },
    }))
    .expect("a probe");
    let (filled, secrets) = fill(&probe, &Known).expect("filled");
    let http = filled.http.expect("an http probe");
    assert_eq!(http.url, "https://shop.example/");
    assert_eq!(http.headers["Authorization"], "Bearer t0k+n/=?");
    assert!(http.secret_headers.contains("Authorization"));
    let assertion = |text: &str| Assertion {
        about: "body contains".to_owned(),
        expected: text.to_owned(),
        actual: text.to_owned(),
        holds: false,
    };
    let sample = Sample {
        probe: probe.id,
        verdict: Verdict::Fail,
        attempts: vec![Attempt {
            verdict: Verdict::Fail,
            assertions: vec![assertion("\"t0k+n/=?\"")],
            trouble: Some("shop.example refused".to_owned()),
            took_ms: 7,
            phases: None,
            measured: None,
        }],
        repeat: Some("curl https://shop.example/".to_owned()),
    };
    let masked = serde_json::to_string(&mask_sample(&sample, &secrets)).expect("JSON");
    assert!(
        !masked.contains("t0k") && !masked.contains("shop.example"),
        "{masked}"
    );
    assert_eq!(masked.matches(MASK).count(), 4);
    assert!(!format!("{secrets:?}").contains("t0k"));
}

#[test]
fn who_asks_is_masked_wherever_it_came_from() {
    let auth = serde_json::json!({"basic": {"user": "Aladdin", "password": "open sesame"}});
    let http = serde_json::json!({"url": "http://h/", "expect": {"status": 200}, "auth": auth});
    let metric = serde_json::json!({
        "json": {"url": "http://h/", "path": "$"}, "expect": {"equals": 1}, "auth": auth,
    });
    for (kind, question) in [("http", http), ("metric", metric)] {
        let probe = serde_json::json!({"id": "a", kind: question});
        let probe: Probe = serde_json::from_value(probe).expect("a probe");
        let (_, secrets) = fill(&probe, &Known).expect("filled");
        // RFC 7617, section 2.
        for shown in [
            "open sesame",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "-u 'Aladdin:open sesame'",
        ] {
            let masked = secrets.mask(shown);
            assert!(masked.contains(MASK), "{kind}: {masked}");
            assert!(
                !masked.contains("open") && !masked.contains("QWxh"),
                "{kind}: {masked}"
            );
        }
    }
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn no_text_panics(text in "[$\\{\\}:a-z…é]{0,24}", secret in "[a-zé…'\\n ]{0,12}") {
        let _ = syntax(&text);
        let _ = expand(&text, &Known);
        let mut secrets = Secrets::default();
        secrets.add(&secret);
        let _ = secrets.mask(&text);
        let _ = secrets.mask(&secret);
    }

    #[test]
    fn no_form_of_a_secret_is_left(secret in "[ -~]{6,24}", before in "[a-z]{0,4}", after in "[a-z]{0,4}") {
        let mut secrets = Secrets::default();
        secrets.add(&secret);
        let plain = format!("{before}{secret}{after}");
        prop_assert!(!secrets.mask(&plain).contains(&secret));
        let encoded = STANDARD.encode(&plain);
        prop_assert!(secrets.mask(&encoded).contains(MASK));
        let json = serde_json::Value::from(plain.as_str()).to_string();
        prop_assert!(secrets.mask(&json).contains(MASK));
    }

    #[test]
    fn no_secret_of_three_bytes_or_more_is_shown_in_any_form(
        secret in "[!-~é€]{3,24}", before in "[a-z]{0,4}", after in "[a-z]{0,4}",
        encode in proptest::array::uniform7(any::<bool>()),
    ) {
        let secrets = secrets(&[&secret]);
        let plain = format!("{before}{secret}{after}");
        let some = plain.char_indices().map(|(at, c)| match encode.get(at % 7) {
            encoded if c == '%' || encoded == Some(&true) => c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
            _ => c.to_string(),
        });
        let some: String = some.collect();
        const LEAST: &AsciiSet = &CONTROLS.add(b'%');
        let all = [NON_ALPHANUMERIC, LEAST];
        let all = all.map(|set| utf8_percent_encode(&plain, set).to_string());
        for encoded in all.into_iter().chain([some]) {
            for encoded in [encoded.clone(), lower_hex(&encoded)] {
                let masked = secrets.mask(&encoded);
                let decoded = percent_encoding::percent_decode_str(&masked).decode_utf8_lossy();
                prop_assert!(shows(&decoded, &secret, &before, &after), "{} in {}", secret, masked);
            }
        }
        for engine in [&STANDARD, &URL_SAFE] {
            let masked = secrets.mask(&engine.encode(&secret));
            prop_assert_eq!(masked.trim_end_matches('='), MASK);
        }
        for form in [plain.clone(), serde_json::Value::from(plain.as_str()).to_string(), format!("{plain:?}")] {
            let masked = secrets.mask(&form);
            prop_assert!(masked.contains(MASK) && !masked.replace(MASK, "").contains(&secret), "{}", masked);
        }
        let embedded = STANDARD.encode(&plain);
        prop_assert!(secrets.mask(&embedded).contains(MASK), "{}", embedded);
    }
}

/// Whether what is shown is masked, and holds the secret no more.
fn shows(masked: &str, secret: &str, before: &str, after: &str) -> bool {
    let left = masked.replace(MASK, "");
    masked.contains(MASK) && (!left.contains(secret) || format!("{before}{after}").contains(secret))
}

/// `%3D` as `%3d`: both are allowed.
fn lower_hex(encoded: &str) -> String {
    let mut left = 0;
    encoded
        .chars()
        .map(|c| {
            if c == '%' {
                left = 2;
                return c;
            }
            if left > 0 {
                left -= 1;
                return c.to_ascii_lowercase();
            }
            c
        })
        .collect()
}
