//! Probes that are ready to be asked, but for the values that other probes are to capture.
//!
//! Everything else is looked up before anything is asked, so that an unset variable is known at once. The texts stay
//! templates until the captured values are there: a value that contains `${` is never expanded again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    Expanded, Lookup, NotText, Reference, Secrets, VariableError, expand, fill, fill_own, syntax,
    value,
};
use crate::domain::ids::CaptureName;
use crate::domain::probe::Probe;
use crate::domain::probe::capture::CapturedValue;
use crate::domain::probe::json::schema::SchemaSource;

/// Values that were captured, by name.
pub type CapturedValues = BTreeMap<CaptureName, CapturedValue>;

/// A probe to be asked. There may be thousands: a clone is another handle to the same one.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    probe: Arc<Probe>,
    /// The values of its other variables; none where the probe is filled already.
    values: Option<Values>,
}

#[derive(Clone, Default, PartialEq)]
struct Values(BTreeMap<Reference, String>);

/// Says how many there are, and nothing of them.
impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Values({})", self.0.len())
    }
}

/// The names of the captured values that `probe` uses, in order.
///
/// # Errors
/// The first malformed variable of its texts.
pub fn captures_used(probe: &Probe) -> Result<Vec<CaptureName>, VariableError> {
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    probe.clone().each_text(|text| {
        for reference in syntax(text)? {
            if let Reference::Capture(name) = reference
                && seen.insert(name.clone())
            {
                names.push(name);
            }
        }
        Ok(())
    })?;
    Ok(names)
}

impl Ready {
    /// A probe without variables.
    pub fn plain(probe: Probe) -> Self {
        Self {
            probe: Arc::new(probe),
            values: None,
        }
    }

    /// `probe` with the values of its variables, as far as they are known before anything is asked, and the secrets among
    /// them.
    ///
    /// # Errors
    /// The first [`VariableError`] of its texts.
    pub fn prepare(probe: &Probe, lookup: &dyn Lookup) -> Result<(Self, Secrets), VariableError> {
        let mut template = probe.clone();
        match uses(&mut template) {
            // Of thousands of probes, most have neither variables nor files to be read.
            Uses::Nothing => {
                let mut secrets = Secrets::default();
                for secret in template.secrets() {
                    secrets.add(&secret);
                }
                return Ok((Self::plain(template), secrets));
            }
            Uses::Known => {
                let (filled, secrets) = fill_own(template, lookup)?;
                return Ok((Self::plain(filled), secrets));
            }
            Uses::Captures => {}
        }
        let mut secrets = Secrets::default();
        for schema in template.schemas_mut() {
            if let SchemaSource::File(path) = schema {
                let Expanded { text, secrets: its } = expand(path, lookup)?;
                its.iter().for_each(|secret| secrets.add(secret));
                *schema = SchemaSource::Inline(super::read_schema(&text, lookup)?);
            }
        }
        let mut values = Values::default();
        template.each_text(|text| {
            for reference in syntax(text)? {
                if matches!(reference, Reference::Capture(_)) {
                    continue;
                }
                let value = value(&reference, lookup)?;
                if reference.is_secret() {
                    secrets.add(&value);
                }
                values.0.insert(reference, value);
            }
            Ok::<(), VariableError>(())
        })?;
        let ready = Self {
            probe: Arc::new(template),
            values: Some(values),
        };
        Ok((ready, secrets))
    }

    /// The probe, perhaps with `${capture:NAME}` in its texts still.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The probe with the values that were captured, and the secrets that it says itself.
    ///
    /// # Errors
    /// A value that was not captured.
    pub fn complete(
        &self,
        captured: &CapturedValues,
    ) -> Result<(Arc<Probe>, Secrets), VariableError> {
        match &self.values {
            None => Ok((Arc::clone(&self.probe), Secrets::default())),
            Some(values) => {
                let (probe, secrets) = fill(&self.probe, &Known { values, captured })?;
                Ok((Arc::new(probe), secrets))
            }
        }
    }
}

/// What stands in a probe that is to be put in.
enum Uses {
    Nothing,
    /// What is known before anything is asked.
    Known,
    /// What other probes capture too.
    Captures,
}

/// Changes nothing.
fn uses(probe: &mut Probe) -> Uses {
    let mut variables = false;
    let captures = probe.each_text(|text| {
        if let Some(at) = text.find("${") {
            variables = true;
            if text[at..].contains("${capture:") {
                return Err(());
            }
        }
        Ok(())
    });
    match captures {
        Err(()) => Uses::Captures,
        Ok(()) if variables || reads_schema(probe) => Uses::Known,
        Ok(()) => Uses::Nothing,
    }
}

fn reads_schema(probe: &mut Probe) -> bool {
    let schemas = probe.schemas_mut();
    let mut files = schemas.iter();
    files.any(|schema| matches!(schema, SchemaSource::File(_)))
}

struct Known<'a> {
    values: &'a Values,
    captured: &'a CapturedValues,
}

impl Known<'_> {
    fn get(&self, reference: &Reference) -> Option<String> {
        self.values.0.get(reference).cloned()
    }
}

impl Lookup for Known<'_> {
    fn variable(&self, name: &str) -> Result<Option<String>, NotText> {
        let name = || name.to_owned();
        Ok(self
            .get(&Reference::Variable(name()))
            .or_else(|| self.get(&Reference::Secret(name()))))
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.get(&Reference::File(path.to_owned()))
            .ok_or_else(|| format!("{path} was not read"))
    }

    fn release(&self) -> Option<String> {
        self.get(&Reference::Release)
    }

    fn previous(&self) -> Option<String> {
        self.get(&Reference::Previous)
    }

    fn stage(&self) -> Option<String> {
        self.get(&Reference::Stage)
    }

    fn captured(&self, name: &CaptureName) -> Option<CapturedValue> {
        self.captured.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shop;

    impl Lookup for Shop {
        fn variable(&self, name: &str) -> Result<Option<String>, NotText> {
            Ok(match name {
                "HOST" => Some("${capture:token}.example".to_owned()),
                "KEY" => Some("k3y-of-the-shop".to_owned()),
                _ => None,
            })
        }
        fn file(&self, path: &str) -> Result<String, String> {
            match path {
                "order.json" => Ok("{\"type\": \"object\"}".to_owned()),
                "broken.json" => Ok("{\"type\": \"objekt\"}".to_owned()),
                other => Err(format!("{other}: no such file")),
            }
        }
        fn release(&self) -> Option<String> {
            Some("2.4.0".to_owned())
        }
        fn previous(&self) -> Option<String> {
            None
        }
        fn stage(&self) -> Option<String> {
            None
        }
    }

    fn probe(url: &str, expect: serde_json::Value) -> Probe {
        serde_json::from_value(serde_json::json!({
            "id": "p", "http": {"url": url, "expect": expect, "headers": {"Key": "${env:KEY}"}}
        }))
        .expect("a probe")
    }

    fn url(probe: &Probe) -> &str {
        probe.http.as_ref().map_or("", |http| http.url.as_str())
    }

    fn captured(value: &str) -> CapturedValues {
        let name = CaptureName::new("token").expect("a name");
        CapturedValues::from([(name, CapturedValue::text(value))])
    }

    #[test]
    fn captured_values_are_put_in_once_they_are_there_and_never_expanded() {
        let asked = probe(
            "http://${env:HOST}/${release}/${capture:token}?$${x}",
            serde_json::json!({"status": 200, "json_schema": "order.json"}),
        );
        let (ready, secrets) = Ready::prepare(&asked, &Shop).expect("ready");
        assert_eq!(secrets.mask("k3y-of-the-shop"), "***");
        let (filled, its) = ready.complete(&captured("${env:KEY}")).expect("filled");
        assert_eq!(
            url(&filled),
            "http://${capture:token}.example/2.4.0/${env:KEY}?${x}"
        );
        assert_eq!(its.mask("k3y-of-the-shop"), "***");
        let http = filled.http.as_ref().expect("http");
        assert!(matches!(
            http.expect.json_schema,
            Some(SchemaSource::Inline(_))
        ));
    }

    #[test]
    fn what_is_unset_is_known_before_anything_is_asked() {
        let status = || serde_json::json!({"status": 200});
        for (url, expect, why) in [
            (
                "http://${env:NOWHERE}/${capture:token}",
                status(),
                "NOWHERE is not set",
            ),
            (
                "http://${previous}/${capture:token}",
                status(),
                "no value here",
            ),
            (
                "http://x/${capture:token}",
                serde_json::json!({"json_schema": "broken.json"}),
                "broken.json holds no JSON Schema",
            ),
            (
                "http://x/",
                serde_json::json!({"json_schema": "nowhere.json"}),
                "nowhere.json: no such file",
            ),
        ] {
            let error = Ready::prepare(&probe(url, expect), &Shop).expect_err(why);
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_value_that_was_not_captured_is_never_an_empty_text() {
        let asked = probe(
            "http://x/${capture:other}",
            serde_json::json!({"status": 200}),
        );
        let (ready, _) = Ready::prepare(&asked, &Shop).expect("ready");
        for captured in [captured("t"), CapturedValues::new()] {
            let error = ready.complete(&captured).expect_err("not captured");
            assert!(error.to_string().contains("\"other\""), "{error}");
        }
        assert_eq!(
            captures_used(&asked).expect("names"),
            [CaptureName::new("other").expect("a name")]
        );
    }
}
