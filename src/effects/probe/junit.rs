//! Asks the reports of a test run.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::disk::{self, Found, Wanted};
use super::{Context, glob, quote};
use crate::domain::probe::glob::{Glob, is_pattern};
use crate::domain::probe::kinds::junit::{Report, read, text};
use crate::domain::probe::kinds::{Answer, JunitAnswer, JunitProbe};
use crate::effects::clock::SystemClock;
use crate::ports::Clock;

/// A larger report is a mistake.
const LARGEST: usize = 64 * 1024 * 1024;

/// A pattern that finds more is a mistake.
const MOST_FILES: usize = 10_000;

/// Reads every report that the path names. One that cannot be read or is no report is an error, whatever the others
/// show.
pub(super) async fn ask(junit: &JunitProbe, context: &Context<'_>) -> Answer {
    let (path, root) = (junit.path.clone(), context.root.to_owned());
    let what = junit.path.clone();
    let work = move |wanted: &Wanted| reports(&path, &root, SystemClock.now().wall, wanted);
    match disk::blocking(&what, context, work).await {
        Ok(answer) => Answer::Junit(answer),
        Err(trouble) => trouble,
    }
}

fn reports(
    path: &str,
    root: &Path,
    now: DateTime<Utc>,
    wanted: &Wanted,
) -> Result<JunitAnswer, String> {
    let mut answer = JunitAnswer {
        today: Some(SystemClock.now().wall.date_naive()),
        ..JunitAnswer::default()
    };
    let mut ages: Vec<i64> = Vec::new();
    for file in named(path, root, wanted)? {
        let (report, age) = report(&file, now, wanted)?;
        answer.report += report;
        answer.files += 1;
        ages.push(age);
    }
    // One from the future shows that the ages are not to be trusted.
    let ahead = ages.iter().copied().filter(|age| *age < 0).min();
    answer.age_ms = ahead.or(ages.into_iter().max()).unwrap_or_default();
    Ok(answer)
}

/// The files that `path` names, in order: the path itself, or what its pattern finds.
fn named(path: &str, root: &Path, wanted: &Wanted) -> Result<Vec<PathBuf>, String> {
    let full = disk::place(root, path)?;
    if !is_pattern(path) {
        return Ok(vec![full]);
    }
    let pattern = Glob::parse(path).map_err(|error| format!("{path:?} is no pattern: {error}"))?;
    let files = glob::find(root, &pattern, MOST_FILES, wanted)?;
    if files.len() > MOST_FILES {
        return Err(format!("{path} names more than {MOST_FILES} files"));
    }
    if !pattern.absolute {
        for file in &files {
            disk::stays(root, file, path)?;
        }
    }
    if files.is_empty() {
        return Err(format!("no file is named by {path}"));
    }
    Ok(files)
}

fn report(place: &Path, now: DateTime<Utc>, wanted: &Wanted) -> Result<(Report, i64), String> {
    let shown = place.display();
    let (mut file, about) = match disk::open(place)? {
        Found::Nothing => return Err(format!("there is no report {shown}")),
        Found::Other(what) => return Err(format!("{shown} is {what}, not a report")),
        Found::Regular(file, about) => (file, about),
    };
    let mut bytes = Vec::new();
    disk::pieces(place, &mut file, wanted, |piece| {
        bytes.extend_from_slice(piece);
        bytes.len() <= LARGEST
    })?;
    if bytes.len() > LARGEST {
        return Err(format!("{shown} is larger than {} MiB", LARGEST >> 20));
    }
    let report = text(&bytes)
        .and_then(|text| read(&text))
        .map_err(|error| format!("{shown} is no JUnit report that can be read: {error}"))?;
    Ok((report, disk::age_ms(place, &about, now)?))
}

/// A line that shows what failed, where the path is that of one file.
pub(super) fn repeat(junit: &JunitProbe) -> Option<String> {
    let one = !is_pattern(&junit.path);
    one.then(|| quote::line(["grep", "-nE", "<(failure|error)", "--", &junit.path]))
}
