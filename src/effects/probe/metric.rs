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
use crate::domain::probe::kinds::metric::Unread;
use crate::domain::probe::kinds::{Answer, HttpProbe, JsonSource, MetricAnswer, MetricProbe};
use crate::domain::probe::text::Text;
use crate::domain::probe::{Probe, Question};
use crate::domain::timespan::Timespan;

/// A larger document is a mistake.
const LARGEST: usize = 16 * 1024 * 1024;

/// Where Prometheus answers instant queries.
const QUERY: &str = "api/v1/query";

/// Makes what will be needed to ask over TLS; what is wrong with it is told when it is asked.
pub(super) fn make_ready(probe: &Probe, clients: &Clients) {
    if let [Question::Metric(metric)] = probe.questions().as_slice()
        && let Ok(request) = request(metric)
    {
        http::make_request_ready(&request, clients);
    }
}

/// Fetches what the number stands in, and reads it.
pub(super) async fn ask(metric: &MetricProbe, context: &Context<'_>) -> Answer {
    let text = match &metric.json {
        Some(JsonSource {
            file: Some(path), ..
        }) => document(path, context).await,
        _ => fetched(metric, context).await,
    };
    let read = |(text, content_type): (Text, String)| match text.read() {
        Ok(text) => metric.read(text, &content_type),
        Err(why) => Err(Unread::Broken(why.to_owned())),
    };
    match text.map(read) {
        Ok(Ok(value)) => Answer::Metric(MetricAnswer { value }),
        Ok(Err(Unread::NoData(why))) => Answer::NoData(why),
        Ok(Err(Unread::Broken(why))) => Answer::Unasked(format!("it could not be measured: {why}")),
        Err(trouble) => trouble,
    }
}

/// The page, and what it says that it is.
async fn fetched(metric: &MetricProbe, context: &Context<'_>) -> Result<(Text, String), Answer> {
    let request = request(metric).map_err(Answer::Unasked)?;
    let fetching = http::fetch(&request, context);
    let fetched = match tokio::time::timeout(context.limit, fetching).await {
        Ok(fetched) => fetched,
        Err(_) => Err(context.progress.at_timeout(context.limit)),
    };
    let unmeasured = |why: String| Answer::Unasked(format!("it could not be measured: {why}"));
    let Page {
        status,
        location,
        text,
        content_type,
    } = fetched.map_err(|trouble| match trouble {
        Answer::Unserved(why) | Answer::Unasked(why) => unmeasured(why),
        other => other,
    })?;
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
    Err(unmeasured(format!(
        "the answer has the status {status}{to}"
    )))
}

/// The request that brings what the number stands in.
fn request(metric: &MetricProbe) -> Result<HttpProbe, String> {
    let url = match (&metric.prometheus, &metric.json, &metric.exposition) {
        (Some(source), None, None) => {
            let url = format!("{}/{QUERY}", source.url.trim_end_matches('/'));
            let mut url = Url::parse(&url)
                .map_err(|error| format!("{:?} is no address: {error}", excerpt(&source.url)))?;
            url.query_pairs_mut().append_pair("query", &source.query);
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
        verify_tls: metric.verify_tls,
        redirects: metric.redirects,
        proxy: metric.proxy.clone(),
        proxy_auth: metric.proxy_auth.clone(),
        ..HttpProbe::default()
    })
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
        _ => Some(http::repeat(&request(metric).ok()?, timeout)),
    }
}
