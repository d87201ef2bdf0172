//! Asks for a number: a query to Prometheus, a JSON document, a page in the text format.
//!
//! What measures a system is not the system: that it cannot be asked says nothing of the release, and is an error, never
//! a failure.

use std::path::Path;

use url::Url;

use super::disk::{self, Found, Wanted};
use super::http::{self, Clients, Page};
use super::{Context, quote};
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::metric::{Number, Unread};
use crate::domain::probe::kinds::{
    Answer, HttpProbe, JsonSource, MetricAnswer, MetricProbe, PrometheusSource,
};
use crate::domain::probe::text::Text;
use crate::domain::probe::{Probe, Question};
use crate::domain::timespan::Timespan;
use crate::effects::clock::SystemClock;
use crate::ports::Clock;

/// A larger document is a mistake.
const LARGEST: usize = 16 * 1024 * 1024;

/// Where Prometheus answers instant queries.
const QUERY: &str = "api/v1/query";

/// And those over a range.
const RANGE: &str = "api/v1/query_range";

/// Makes what will be needed to ask over TLS; what is wrong with it is told when it is asked.
pub(super) fn make_ready(probe: &Probe, clients: &Clients) {
    if let [Question::Metric(metric)] = probe.questions().as_slice()
        && let Ok(request) = request(metric, None)
    {
        http::make_request_ready(&request, clients);
    }
}

/// Fetches what the number stands in, and reads it; then, where they are asked for, that of the control group and how
/// many samples there are.
pub(super) async fn ask(metric: &MetricProbe, context: &Context<'_>) -> Answer {
    let measuring = measure(metric, context);
    let is_file = metric.json.as_ref().is_some_and(|it| it.file.is_some());
    let measured = match is_file {
        // The disk has a limit of its own, which names the file.
        true => measuring.await,
        false => match tokio::time::timeout(context.limit, measuring).await {
            Ok(measured) => measured,
            Err(_) => Err(unmeasured(context.progress.at_timeout(context.limit))),
        },
    };
    match measured {
        Ok(answer) => Answer::Metric(answer),
        Err(trouble) => trouble,
    }
}

async fn measure(metric: &MetricProbe, context: &Context<'_>) -> Result<MetricAnswer, Answer> {
    let mut source = Source {
        metric,
        context,
        moment: metric.is_over_a_range().then(now),
        document: None,
    };
    let number = source.number(metric, None).await?;
    let control = match metric.of_control() {
        Some(control) => Some(source.number(&control, Some(CONTROL)).await?),
        None => None,
    };
    if let Some(samples) = &metric.samples {
        let counted = [
            (Some(number), &samples.count, "the number"),
            (control, &samples.control, CONTROL),
        ];
        for (found, selection, whose) in counted {
            let Some(found) = found else { continue };
            let count = match selection {
                None => found.samples(),
                Some(selection) => {
                    let counting = metric.counting(selection);
                    let what = format!("the count of samples of {whose}");
                    source.number(&counting, Some(&what)).await?.value
                }
            };
            samples.suffice(whose, count).map_err(Answer::NoData)?;
        }
    }
    Ok(MetricAnswer {
        value: number.value,
        control: control.map(|it| it.value),
    })
}

const CONTROL: &str = "the control group";

/// Where the numbers of one attempt come from.
struct Source<'a> {
    metric: &'a MetricProbe,
    context: &'a Context<'a>,
    /// The moment that Prometheus is asked about; the one of its first answer, where it is not a range.
    moment: Option<String>,
    /// The document or the page, which is read once.
    document: Option<(Text, String)>,
}

impl Source<'_> {
    /// The number of `wanted`, which is of the same source; `what` names it where it is not the probe's own.
    async fn number(&mut self, wanted: &MetricProbe, what: Option<&str>) -> Result<Number, Answer> {
        let of = what.map_or_else(String::new, |what| format!("{what}: "));
        let fetched = self.fetch(wanted).await;
        let (text, content_type) = fetched.map_err(|trouble| match trouble {
            Answer::NoData(why) => Answer::NoData(format!("{of}{why}")),
            Answer::Unasked(why) => Answer::Unasked(format!("{of}{why}")),
            other => other,
        })?;
        let read = match text.read() {
            Ok(text) => wanted.read(text, content_type),
            Err(why) => Err(Unread::Broken(why.to_owned())),
        };
        read.map_err(|unread| match unread {
            Unread::NoData(why) => Answer::NoData(format!("{of}{why}")),
            Unread::Broken(why) => Answer::Unasked(format!("it could not be measured: {of}{why}")),
        })
    }

    async fn fetch(&mut self, wanted: &MetricProbe) -> Result<(&Text, &str), Answer> {
        if self.metric.prometheus.is_some() || self.document.is_none() {
            if self.document.is_some() {
                // What came of the query before says nothing of this one.
                self.context.progress.reusing();
            }
            let fetched = match &wanted.json {
                Some(JsonSource {
                    file: Some(path), ..
                }) => document(path, self.context).await?,
                _ => fetched(wanted, self.moment.as_deref(), self.context).await?,
            };
            if self.moment.is_none() && self.metric.prometheus.is_some() {
                self.moment = fetched.0.read().ok().and_then(MetricProbe::moment);
            }
            self.document = Some(fetched);
        }
        match &self.document {
            Some((text, content_type)) => Ok((text, content_type)),
            None => Err(Answer::Unasked("there is no document".to_owned())),
        }
    }
}

/// Seconds since 1970, by this machine's clock.
fn now() -> String {
    SystemClock.now().wall.timestamp().to_string()
}

/// What measures is not what is measured: whatever goes wrong with it is no failure.
fn unmeasured(trouble: Answer) -> Answer {
    match trouble {
        Answer::Unserved(why) | Answer::Unasked(why) => {
            Answer::Unasked(format!("it could not be measured: {why}"))
        }
        other => other,
    }
}

/// The page, and what it says that it is.
async fn fetched(
    metric: &MetricProbe,
    moment: Option<&str>,
    context: &Context<'_>,
) -> Result<(Text, String), Answer> {
    let request = request(metric, moment).map_err(Answer::Unasked)?;
    let Page {
        status,
        location,
        text,
        content_type,
    } = http::fetch(&request, context).await.map_err(unmeasured)?;
    // Prometheus says in the body why it refuses a query.
    let refusal = metric.prometheus.is_some() && (400..500).contains(&status);
    let told = refusal && text.shown().trim_start().starts_with('{');
    if status == 200 || told {
        return Ok((text, content_type));
    }
    let to = location.map_or_else(String::new, |to| {
        format!(
            ", which redirects to {}; `redirects` says how many are followed",
            excerpt(&to)
        )
    });
    Err(unmeasured(Answer::Unasked(format!(
        "the answer has the status {status}{to}"
    ))))
}

/// The request that brings what the number stands in, at a moment in seconds since 1970; default: now, by the clock of
/// the server, and by that of this machine for the end of a range.
fn request(metric: &MetricProbe, moment: Option<&str>) -> Result<HttpProbe, String> {
    let url = match (&metric.prometheus, &metric.json, &metric.exposition) {
        (Some(source), None, None) => {
            let api = if source.range.is_some() { RANGE } else { QUERY };
            let mut url = Url::parse(&source.url)
                .map_err(|error| format!("{:?} is no address: {error}", excerpt(&source.url)))?;
            let path = format!("{}/{api}", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url.set_fragment(None);
            url.query_pairs_mut().append_pair("query", &source.query);
            when(source, moment, &mut url);
            url.to_string()
        }
        (None, Some(JsonSource { url: Some(url), .. }), None) => url.clone(),
        (None, None, Some(source)) => source.url.clone(),
        _ => {
            return Err(
                "the probe needs one of `prometheus`, `json` and `exposition`, with a `url` or a `file`"
                    .to_owned(),
            );
        }
    };
    Ok(HttpProbe {
        url,
        headers: metric.headers.clone(),
        secret_headers: metric.secret_headers.clone(),
        auth: metric.auth.clone(),
        ca: metric.ca.clone(),
        client_certificate: metric.client_certificate.clone(),
        verify_tls: metric.verify_tls,
        redirects: metric.redirects,
        proxy: metric.proxy.clone(),
        proxy_auth: metric.proxy_auth.clone(),
        ..HttpProbe::default()
    })
}

/// Adds the moment, or the range that ends then.
fn when(source: &PrometheusSource, moment: Option<&str>, url: &mut Url) {
    let mut query = url.query_pairs_mut();
    let Some(range) = source.range else {
        if let Some(moment) = moment {
            query.append_pair("time", moment);
        }
        return;
    };
    let end = moment.map_or_else(now, str::to_owned);
    let seconds = i64::try_from(range.duration().as_secs()).unwrap_or(i64::MAX);
    let start = end.parse::<i64>().unwrap_or(0).saturating_sub(seconds);
    let step = source.step().duration().as_secs_f64();
    query
        .append_pair("start", &start.to_string())
        .append_pair("end", &end)
        .append_pair("step", &step.to_string());
}

async fn document(path: &str, context: &Context<'_>) -> Result<(Text, String), Answer> {
    let (given, root) = (path.to_owned(), context.root.to_owned());
    let work = move |wanted: &Wanted| read(&given, &root, wanted);
    let text = disk::blocking(path, context, work).await??;
    Ok((text, String::new()))
}

/// The text of a file. One that is not there has no number: no data.
fn read(path: &str, root: &Path, wanted: &Wanted) -> Result<Result<Text, Answer>, String> {
    let place = disk::place(root, path)?;
    let mut file = match disk::open(&place)? {
        Found::Nothing => return Ok(Err(Answer::NoData(format!("there is no file {path}")))),
        Found::Other(what) => return Err(format!("{path} is {what}, not a file")),
        Found::Regular(file, _) => file,
    };
    let mut bytes = Vec::new();
    disk::pieces(&place, &mut file, wanted, |piece| {
        bytes.extend_from_slice(piece);
        bytes.len() <= LARGEST
    })?;
    if bytes.len() > LARGEST {
        return Err(format!("{path} is larger than {} MiB", LARGEST >> 20));
    }
    let text = Text::decode(&bytes, None, false);
    match text.read() {
        Ok(_) => Ok(Ok(text)),
        Err(why) => Err(format!("{path} is {why}")),
    }
}

/// A line that shows what the number stands in.
pub(super) fn repeat(metric: &MetricProbe, timeout: Timespan) -> Option<String> {
    match &metric.json {
        Some(JsonSource {
            file: Some(path), ..
        }) => Some(quote::line(["cat", "--", path])),
        _ => Some(http::repeat(&request(metric, None).ok()?, timeout)),
    }
}
