//! A file of probes: what is asked of whom, and what every answer to it means.

use std::time::Duration;

use relgate::domain::ids::CaptureName;
use relgate::domain::probe::capture::CapturedValue;
use relgate::domain::probe::judge::{Answer, Sample, Verdict, judge};
use relgate::domain::probe::kinds::{
    CommandAnswer, DnsAnswer, FileAnswer, GrpcAnswer, HttpAnswer, JunitAnswer, MetricAnswer,
    RegularFile, TcpAnswer, TlsAnswer,
};
use relgate::domain::probe::measure::Measure;
use relgate::domain::probe::retry::Tried;
use relgate::domain::probe::sampling::Sampling;
use relgate::domain::probe::selection::Selection;
use relgate::domain::probe::{Probe, needs};
use relgate::domain::variables::{Lookup, NotText, captures_used, fill, mask_sample};
use relgate::parse;
use relgate::parse::lint;

use super::shared::hold;

const SECRET: &str = "hunter2-and-more";

/// Every variable is set to something that must not be shown.
struct Everywhere;

impl Lookup for Everywhere {
    fn variable(&self, _: &str) -> Result<Option<String>, NotText> {
        Ok(Some(SECRET.to_owned()))
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Ok(SECRET.to_owned())
    }

    fn release(&self) -> Option<String> {
        Some("2.0.0".to_owned())
    }

    fn previous(&self) -> Option<String> {
        Some("1.0.0".to_owned())
    }

    fn stage(&self) -> Option<String> {
        Some("production".to_owned())
    }

    fn captured(&self, name: &CaptureName) -> Option<CapturedValue> {
        Some(CapturedValue::text(format!("captured {name}")))
    }
}

/// Reads the bytes, and judges by every probe that is right.
pub fn target(data: &[u8]) {
    let Ok(source) = parse::source("probes.yaml", data.to_vec()) else {
        return;
    };
    let document = match parse::probes(&source) {
        Ok(document) => document,
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a finding");
            return hold(&findings, &[source]);
        }
    };
    let findings = lint::probes(&document);
    hold(&findings, &[source]);
    let probes = &document.value.probes;
    needs::unaskable(probes);
    if findings.iter().any(|finding| finding.is_error()) {
        return;
    }
    assert!(!probes.is_empty(), "nothing is asked, and nothing is wrong");
    if let Some(first) = probes.first() {
        let only = Selection {
            only: vec![first.id.to_string()],
            skip: Vec::new(),
        };
        let selected = only.apply(probes).expect("it is there");
        assert!(selected.asked.contains(first));
    }
    let samples: Vec<Sample> = probes.iter().map(sample).collect();
    let mut sampling = Sampling::default();
    for _ in 0..3 {
        sampling.take(probes, &samples);
    }
}

/// Holds every answer against a probe. Only what was asked for, and answered, is a pass.
fn sample(probe: &Probe) -> Sample {
    let _ = captures_used(probe);
    for retry in [1, 2, 1_000, u32::MAX] {
        probe.pause(retry, Some(Duration::MAX));
    }
    let mut attempts = Vec::new();
    for answer in answers() {
        let attempt = judge(probe, &answer, 100);
        let trouble = matches!(
            answer,
            Answer::Unserved(_) | Answer::Unasked(_) | Answer::NoData(_)
        );
        assert!(
            !(trouble && attempt.verdict == Verdict::Pass),
            "a pass of {answer:?}"
        );
        let again = probe.is_retried(Tried {
            answer: &answer,
            verdict: attempt.verdict,
            timed_out: false,
        });
        assert!(!(again && attempt.verdict == Verdict::Pass));
        attempts.push(attempt);
    }
    let passes = attempts
        .iter()
        .filter(|attempt| attempt.verdict == Verdict::Pass);
    assert!(passes.count() <= 1, "an answer of another kind is a pass");
    let sample = Sample {
        probe: probe.id.clone(),
        verdict: Verdict::Fail,
        attempts,
        repeat: None,
    };
    if let Ok((filled, secrets)) = fill(probe, &Everywhere) {
        judge(&filled, &Answer::Http(http()), 100);
        let masked = mask_sample(&sample, &secrets);
        assert_eq!(masked.attempts.len(), sample.attempts.len());
    }
    sample
}

/// One answer of every kind, and no answer in every way.
fn answers() -> Vec<Answer> {
    vec![
        Answer::Http(http()),
        Answer::Tcp(TcpAnswer {
            steps: Vec::new(),
            received: "220 ready\r\n".into(),
            truncated: false,
        }),
        Answer::Tls(TlsAnswer { hops: Vec::new() }),
        Answer::Dns(DnsAnswer {
            records: vec!["192.0.2.7".to_owned(), "10 mail.shop.example".to_owned()],
            no_such_name: false,
            flaw: None,
        }),
        Answer::Grpc(GrpcAnswer { status: 1 }),
        Answer::Command(CommandAnswer {
            exit: Some(0),
            stdout: "2.0.0\n".into(),
            ..CommandAnswer::default()
        }),
        Answer::File(FileAnswer::Regular(RegularFile {
            size: 5,
            age_ms: -1,
            contents: Some("{\"a\":".into()),
            truncated: true,
            ..RegularFile::default()
        })),
        Answer::Junit(JunitAnswer::default()),
        Answer::Metric(MetricAnswer {
            value: Measure::new(0.5).expect("a number"),
            control: None,
        }),
        Answer::Unserved("the connection was refused".to_owned()),
        Answer::Unasked("there is no such host".to_owned()),
        Answer::NoData("there is no such series".to_owned()),
    ]
}

fn http() -> HttpAnswer {
    let header = |name: &str, value: &str| (name.to_owned(), value.into());
    HttpAnswer {
        cookies: Vec::new(),
        status: 200,
        headers: vec![
            header("content-type", "application/json"),
            header("retry-after", "18446744073709551615"),
        ],
        body: r#"{"status": "ok", "items": [{"price": 1.50}, {"price": 2}], "ready": true}"#.into(),
        sha256: None,
        truncated: false,
    }
}
