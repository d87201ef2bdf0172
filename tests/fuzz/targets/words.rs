//! Words that stand for something: durations, times of a calendar, names, digests, numbers, paths.

use std::fmt::{Debug, Display};
use std::str::{self, FromStr};

use relgate::domain::calendar::{Bound, Hours, MonthDay};
use relgate::domain::ids::{CaptureName, Digest, PersonName, ReleaseName};
use relgate::domain::latency::Latency;
use relgate::domain::nearest::{nearest, suggestion};
use relgate::domain::probe::expect::excerpt;
use relgate::domain::probe::json::decimal::Decimal;
use relgate::domain::probe::json::path::Path;
use relgate::domain::probe::measure::Percentage;
use relgate::domain::probe::pattern::Pattern;
use relgate::domain::secret_name::names_a_secret;
use relgate::domain::timespan::Timespan;
use relgate::domain::variables::syntax;
use relgate::render::text;

/// Reads each line as each of them; what is read shows as what it is.
pub fn target(data: &[u8]) {
    let Ok(all) = str::from_utf8(data) else {
        return;
    };
    for line in all.lines().take(8) {
        shows::<Timespan>(line);
        shows::<Latency>(line);
        shows::<Percentage>(line);
        shows::<Hours>(line);
        shows::<MonthDay>(line);
        shows::<Bound>(line);
        shows::<Digest>(line);
        shows::<ReleaseName>(line);
        shows::<PersonName>(line);
        shows::<CaptureName>(line);
        number(line);
        if let Ok(span) = line.parse::<Timespan>() {
            assert_eq!(
                u64::try_from(span.delta().num_milliseconds()),
                Ok(span.milliseconds())
            );
        }
        let _ = Path::parse(line);
        let _ = Pattern::read(line);
        let _ = syntax(line);
        names_a_secret(line);
        let known = ["timeout", "retries", "every", "within"];
        assert!(nearest(line, known).is_none() || suggestion(line, known).is_some());
    }
    let one_line = text::one_line(all);
    assert!(!one_line.chars().any(text::is_unsafe), "{one_line:?}");
    for columns in [0, 1, 7, 80] {
        let cut = text::cut(&one_line, columns, "…");
        assert!(text::width(&cut) <= columns.max(1), "{cut:?} in {columns}");
    }
    assert!(excerpt(all).chars().count() <= 161);
}

fn shows<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        let shown = read.to_string();
        assert_eq!(shown.parse::<T>().ok().as_ref(), Some(&read), "{shown:?}");
    }
}

/// Exact numbers agree with what inexact ones can tell of them.
fn number(text: &str) {
    let Ok(read) = text.parse::<Decimal>() else {
        return;
    };
    assert_eq!(text.parse::<Decimal>().as_ref(), Ok(&read));
    let Ok(float) = text.parse::<f64>() else {
        panic!("{text:?} is a number to one reader alone");
    };
    if let Ok(one) = "1".parse::<Decimal>() {
        assert!(float <= 1.0 || read >= one, "{text}");
        assert!(float >= 1.0 || read <= one, "{text}");
    }
}
