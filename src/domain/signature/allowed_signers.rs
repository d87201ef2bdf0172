//! `allowed_signers`: who signs with which key, in OpenSSH's own format (ssh-keygen(1), ALLOWED SIGNERS).
//!
//! Stricter than OpenSSH where a line is in doubt: an unknown or repeated option, a value without quotes, a list that
//! allows nobody is an error, which shuts the gate, and never a wider permission. A time without `Z` is local time to
//! OpenSSH, whose zone differs from machine to machine: here a key is valid only when it is so both in UTC and in the
//! zone of the policy's calendar.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::Flaw;
use super::key::{OTHER_TYPES, PublicKey, TYPES};
use super::sshsig::NAMESPACE;
use crate::domain::finding::{Finding, Lines, Rule, Source};

/// Where it lies, relative to the repository's root.
pub const PATH: &str = ".relgate/allowed_signers";

/// Who signs with which key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AllowedSigners {
    entries: Vec<Entry>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number, from 1.
    pub line: usize,
    /// Where its principals stand in the text.
    pub span: Range<usize>,
    /// Whose key it is.
    pub principals: Patterns,
    /// The key.
    pub key: PublicKey,
    /// Whether the key certifies other keys, and signs nothing itself.
    pub authority: bool,
    /// Whether times of it have no zone of their own.
    pub has_local_time: bool,
    namespaces: Option<Patterns>,
    after: Option<Moment>,
    before: Option<Moment>,
}

impl Entry {
    /// Whether it is about signatures over records.
    pub fn is_for_records(&self) -> bool {
        self.is_for(NAMESPACE)
    }

    /// Whether it is about signatures in a namespace.
    pub fn is_for(&self, namespace: &str) -> bool {
        self.namespaces
            .as_ref()
            .is_none_or(|it| it.matches(namespace))
    }

    /// Whether the key may sign at `at`.
    fn holds_at(&self, at: DateTime<Utc>, zone: Tz) -> Result<(), Flaw> {
        let fingerprint = || self.key.fingerprint();
        match (self.after, self.before) {
            (Some(after), _) if at < after.latest(zone) => Err(Flaw::NotYetValid {
                fingerprint: fingerprint(),
                from: after.latest(zone),
            }),
            (_, Some(before)) if at >= before.earliest(zone) => Err(Flaw::Ended {
                fingerprint: fingerprint(),
                at: before.earliest(zone),
            }),
            _ => Ok(()),
        }
    }
}

/// What is asked of the signers.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The key.
    pub key: &'a PublicKey,
    /// Whose it should be.
    pub principal: &'a str,
    /// What it signs: the namespace of its signature.
    pub namespace: &'static str,
    /// When.
    pub at: DateTime<Utc>,
    /// The zone of times that have none.
    pub zone: Tz,
}

impl AllowedSigners {
    /// Reads the file, with everything that is wrong with it. A line with an error is left out.
    pub fn read(source: &Source) -> (Self, Vec<Finding>) {
        let lines = Lines::new(&source.text);
        let mut findings = Vec::new();
        let mut entries = Vec::new();
        let mut start = 0;
        for (index, line) in source.text.split_inclusive('\n').enumerate() {
            match entry(line, start, index + 1) {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => {}
                Err(trouble) => {
                    let place = lines.place(trouble.span);
                    let finding = match trouble.only_unused {
                        true => Finding::warning(Rule::SignerLine, &source.file, trouble.what),
                        false => Finding::error(Rule::SignerLine, &source.file, trouble.what),
                    };
                    findings.push(finding.at(&place).help(trouble.help));
                }
            }
            start += line.len();
        }
        (Self { entries }, findings)
    }

    /// The lines, in their order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The keys that `principal` may sign records with, at whatever time.
    pub fn keys_of(&self, principal: &str) -> impl Iterator<Item = &PublicKey> {
        self.entries
            .iter()
            .filter(move |it| {
                !it.authority && it.is_for_records() && it.principals.matches(principal)
            })
            .map(|it| &it.key)
    }

    /// Whether a key is the principal's at a time.
    ///
    /// # Errors
    /// What stands against it: of several lines with the key, what the one that came nearest has against it.
    pub fn allows(&self, asked: Question<'_>) -> Result<(), Flaw> {
        let fingerprint = || asked.key.fingerprint();
        let mut nearest = (
            0,
            Flaw::UnknownKey {
                fingerprint: fingerprint(),
            },
        );
        let same = |it: &&Entry| !it.authority && it.key == *asked.key;
        for entry in self.entries.iter().filter(same) {
            let against = if !entry.principals.matches(asked.principal) {
                let principal = asked.principal.to_owned();
                let fingerprint = fingerprint();
                (
                    1,
                    Flaw::NotTheirs {
                        principal,
                        fingerprint,
                    },
                )
            } else if !entry.is_for(asked.namespace) {
                let fingerprint = fingerprint();
                (2, Flaw::OtherUse { fingerprint })
            } else {
                match entry.holds_at(asked.at, asked.zone) {
                    Ok(()) => return Ok(()),
                    Err(flaw) => (3, flaw),
                }
            };
            if against.0 > nearest.0 {
                nearest = against;
            }
        }
        Err(nearest.1)
    }
}

/// A list of patterns: `*` is any text, `?` any one byte, `!` before a pattern excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns(Vec<(bool, String)>);

impl Patterns {
    fn read(text: &str) -> Result<Self, &'static str> {
        let mut patterns = Vec::new();
        for part in text.split(',') {
            let (not, pattern) = match part.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, part),
            };
            if pattern.is_empty() {
                return Err("has an empty pattern");
            }
            patterns.push((not, pattern.to_owned()));
        }
        if patterns.iter().all(|(not, _)| *not) {
            return Err("only excludes, so it matches nothing");
        }
        Ok(Self(patterns))
    }

    /// Whether a pattern matches `text`, and none excludes it.
    pub fn matches(&self, text: &str) -> bool {
        let hit = |(_, pattern): &&(bool, String)| glob(pattern.as_bytes(), text.as_bytes());
        let mut hits = self.0.iter().filter(hit).peekable();
        hits.peek().is_some() && hits.all(|(not, _)| !not)
    }

    /// The patterns that are plain names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let plain = |it: &&(bool, String)| !it.0 && !it.1.contains(['*', '?']);
        self.0.iter().filter(plain).map(|(_, name)| name.as_str())
    }
}

/// Whether `pattern` is all of `text`; takes at most the product of their lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// A time as it is written: in UTC with a `Z`, local without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    written: NaiveDateTime,
    is_utc: bool,
}

impl Moment {
    fn read(text: &str) -> Option<Self> {
        let (digits, is_utc) = match text.strip_suffix(['Z', 'z']) {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part = |range: Range<usize>| -> Option<u32> {
            match digits.get(range) {
                Some(part) => part.parse().ok(),
                None => Some(0),
            }
        };
        if ![8, 12, 14].contains(&digits.len()) {
            return None;
        }
        let year = i32::try_from(part(0..4)?).ok()?;
        let day = NaiveDate::from_ymd_opt(year, part(4..6)?, part(6..8)?)?;
        let written = day.and_hms_opt(part(8..10)?, part(10..12)?, part(12..14)?)?;
        (year >= 1970).then_some(Self { written, is_utc })
    }

    /// Everything that it can mean, the earliest first.
    fn readings(self, zone: Tz) -> [DateTime<Utc>; 2] {
        let utc = self.written.and_utc();
        if self.is_utc {
            return [utc, utc];
        }
        // A time that a change of the clocks left out is taken for both that it lies between.
        let hour = TimeDelta::hours(1);
        let local = |it: NaiveDateTime| zone.from_local_datetime(&it);
        let earliest = local(self.written).earliest().or_else(|| {
            let before = self.written.checked_sub_signed(hour)?;
            local(before).earliest()
        });
        let latest = local(self.written).latest().or_else(|| {
            let after = self.written.checked_add_signed(hour)?;
            local(after).latest()
        });
        let earliest = earliest.map_or(utc, |it| it.to_utc().min(utc));
        let latest = latest.map_or(utc, |it| it.to_utc().max(utc));
        [earliest, latest]
    }

    fn earliest(self, zone: Tz) -> DateTime<Utc> {
        self.readings(zone)[0]
    }

    fn latest(self, zone: Tz) -> DateTime<Utc> {
        self.readings(zone)[1]
    }
}

/// What is wrong with a line.
struct Trouble {
    span: Range<usize>,
    what: String,
    help: String,
    /// Whether the line can be left out without a loss: OpenSSH has a use for it, and relgate has none.
    only_unused: bool,
}

const FORM: &str = "a line is: ana@example.com namespaces=\"relgate\" ssh-ed25519 AAAA…";

/// What is left of a line, and where that begins in the text.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn skip(&mut self, count: usize) {
        self.text = self.text.get(count..).unwrap_or_default();
        self.at += count;
    }

    fn skip_space(&mut self) {
        let rest = self.text.trim_start_matches([' ', '\t']);
        self.skip(self.text.len() - rest.len());
    }

    /// The next word.
    fn word(&mut self) -> (&'a str, Range<usize>) {
        let end = self.text.find([' ', '\t']).unwrap_or(self.text.len());
        let (word, from) = (&self.text[..end], self.at);
        self.skip(end);
        (word, from..from + end)
    }

    /// What stands between the quotes that come next; a quote is meant with a backslash before it, where `escapes`.
    fn quoted(&mut self, escapes: bool) -> Option<(String, Range<usize>)> {
        let inner = self.text.strip_prefix('"')?;
        let mut value = String::new();
        let mut chars = inner.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    let span = self.at..self.at + at + 2;
                    self.skip(at + 2);
                    return Some((value, span));
                }
                '\\' if escapes && inner[at + 1..].starts_with('"') => {
                    chars.next();
                    value.push('"');
                }
                other => value.push(other),
            }
        }
        None
    }

    fn error(&self, what: impl Into<String>) -> Trouble {
        error(self.at..self.at + self.text.len(), what)
    }
}

fn error(span: Range<usize>, what: impl Into<String>) -> Trouble {
    Trouble {
        span,
        what: what.into(),
        help: FORM.to_owned(),
        only_unused: false,
    }
}

/// Reads the line that begins at byte `start`; `None` where it says nothing.
fn entry(line: &str, start: usize, number: usize) -> Result<Option<Entry>, Trouble> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (line, start) = match line.strip_prefix('\u{feff}') {
        Some(rest) if start == 0 => (rest, '\u{feff}'.len_utf8()),
        _ => (line, start),
    };
    let mut rest = Rest {
        text: line.trim_end_matches([' ', '\t']),
        at: start,
    };
    rest.skip_space();
    if rest.text.is_empty() || rest.text.starts_with('#') {
        return Ok(None);
    }
    if rest.text.chars().any(|it| it.is_control() && it != '\t') {
        return Err(rest.error("the line contains control characters"));
    }
    let (principals, span) = match rest.text.starts_with('"') {
        true => rest
            .quoted(false)
            .ok_or_else(|| rest.error("the quotes around the principals are not closed"))?,
        false => {
            let (word, span) = rest.word();
            (word.to_owned(), span)
        }
    };
    if !rest.text.starts_with([' ', '\t']) {
        return Err(error(span, "the line has principals and no key"));
    }
    let principals = Patterns::read(&principals)
        .map_err(|why| error(span.clone(), format!("the list of principals {why}")))?;
    rest.skip_space();
    let mut options = Options::default();
    if !is_type(rest.text) {
        options = Options::read(&mut rest)?;
        rest.skip_space();
    }
    let (kind, kind_span) = rest.word();
    rest.skip_space();
    let (base64, base64_span) = rest.word();
    if OTHER_TYPES.contains(&kind) {
        return Err(Trouble {
            help: format!("records are signed with: {}", TYPES.join(", ")),
            only_unused: true,
            ..error(
                kind_span,
                format!("keys of the type {kind} are not used: nothing that they sign counts"),
            )
        });
    }
    if !TYPES.contains(&kind) {
        return Err(error(
            kind_span,
            format!("expected the type of a key, found {kind:?}"),
        ));
    }
    let key = PublicKey::from_words(kind, base64).map_err(|flaw| match flaw {
        Flaw::Unsupported { what } => Trouble {
            only_unused: true,
            ..error(
                base64_span.clone(),
                format!("{what} is not used: nothing that it signs counts"),
            )
        },
        _ => error(base64_span.clone(), format!("this is no {kind} key")),
    })?;
    let moments = [options.after, options.before];
    Ok(Some(Entry {
        line: number,
        span,
        principals,
        key,
        authority: options.authority,
        has_local_time: moments.into_iter().flatten().any(|it| !it.is_utc),
        namespaces: options.namespaces,
        after: options.after,
        before: options.before,
    }))
}

/// Whether a text begins with the type of a key, and not with options.
fn is_type(text: &str) -> bool {
    let word = text.split([' ', '\t']).next().unwrap_or_default();
    TYPES.contains(&word) || OTHER_TYPES.contains(&word)
}

#[derive(Default)]
struct Options {
    authority: bool,
    namespaces: Option<Patterns>,
    after: Option<Moment>,
    before: Option<Moment>,
}

impl Options {
    fn read(rest: &mut Rest<'_>) -> Result<Self, Trouble> {
        let mut options = Self::default();
        loop {
            let from = rest.at;
            let end = rest
                .text
                .find(['=', ',', ' ', '\t'])
                .unwrap_or(rest.text.len());
            let name = rest.text[..end].to_ascii_lowercase();
            let name_span = from..from + end;
            rest.skip(end);
            let value = match rest.text.starts_with('=') {
                true => {
                    rest.skip(1);
                    let value = rest.quoted(true);
                    Some(value.ok_or_else(|| {
                        rest.error(format!("the value of {name} must stand in double quotes"))
                    })?)
                }
                false => None,
            };
            let repeated = || error(name_span.clone(), format!("{name} is given twice"));
            match (name.as_str(), value) {
                ("cert-authority", None) => {
                    if std::mem::replace(&mut options.authority, true) {
                        return Err(repeated());
                    }
                }
                ("namespaces", Some((value, span))) => {
                    let list = Patterns::read(&value)
                        .map_err(|why| error(span, format!("the list of namespaces {why}")))?;
                    if options.namespaces.replace(list).is_some() {
                        return Err(repeated());
                    }
                }
                ("valid-after" | "valid-before", Some((value, span))) => {
                    let moment = Moment::read(&value).ok_or_else(|| {
                        let form = "YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with a Z for UTC";
                        error(span, format!("{name} is {value:?}, expected {form}"))
                    })?;
                    let place = match name.as_str() {
                        "valid-after" => &mut options.after,
                        _ => &mut options.before,
                    };
                    if place.replace(moment).is_some() {
                        return Err(repeated());
                    }
                }
                ("cert-authority", Some(_)) => {
                    return Err(error(name_span, "cert-authority takes no value"));
                }
                ("namespaces" | "valid-after" | "valid-before", None) => {
                    return Err(error(
                        name_span,
                        format!("{name} needs a value in double quotes"),
                    ));
                }
                _ => {
                    let known = "cert-authority, namespaces, valid-after, valid-before";
                    let what = format!("expected an option or a key, found {name:?}");
                    let help = format!("the options are: {known}");
                    return Err(Trouble {
                        help,
                        ..error(name_span, what)
                    });
                }
            }
            match rest.text.chars().next() {
                Some(',') => rest.skip(1),
                Some(' ' | '\t') => break,
                _ => return Err(rest.error("expected a key after the options")),
            }
        }
        if let (Some(after), Some(before)) = (options.after, options.before)
            && after.earliest(Tz::UTC) >= before.earliest(Tz::UTC)
        {
            return Err(
                rest.error("valid-before is not later than valid-after: the key is never valid")
            );
        }
        Ok(options)
    }
}
