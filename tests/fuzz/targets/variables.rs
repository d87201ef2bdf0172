//! Variables in texts, and secrets that must not be seen: the first line is the secret, the rest a text with variables.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use relgate::domain::ids::CaptureName;
use relgate::domain::probe::capture::CapturedValue;
use relgate::domain::probe::expect::excerpt;
use relgate::domain::variables::{Lookup, NotText, Secrets, expand, syntax};

/// A shorter one is not masked.
const SHORTEST: usize = 3;

struct Secret<'a>(&'a str);

impl Lookup for Secret<'_> {
    fn variable(&self, _: &str) -> Result<Option<String>, NotText> {
        Ok(Some(self.0.to_owned()))
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }

    fn release(&self) -> Option<String> {
        Some("2.0.0".to_owned())
    }

    fn previous(&self) -> Option<String> {
        None
    }

    fn stage(&self) -> Option<String> {
        None
    }

    fn captured(&self, _: &CaptureName) -> Option<CapturedValue> {
        Some(CapturedValue::text(self.0))
    }
}

/// Puts the secret into the text, and looks for it in what is shown of that.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (secret, template) = text.split_once('\n').unwrap_or((&text, "${secret:TOKEN}"));
    let references = syntax(template);
    let expanded = expand(template, &Secret(secret));
    assert!(references.is_ok() || expanded.is_err());
    // What stands for it is made of these, and so could be a part of it.
    if secret.len() < SHORTEST || secret.contains('*') {
        return;
    }
    let mut secrets = Secrets::default();
    secrets.add(secret);
    if let (Ok(expanded), Ok(references)) = (&expanded, &references) {
        let named = references.iter().filter(|it| it.is_secret()).count();
        assert_eq!(expanded.secrets.len(), named);
        unseen(&secrets, &expanded.text, secret);
        cut(&secrets, &expanded.text, secret);
    }
    for form in forms(secret) {
        unseen(&secrets, &format!("{template}{form}{template}"), &form);
        unseen(&secrets, &format!("{form}{form}"), &form);
    }
}

/// The ways in which others write it.
fn forms(secret: &str) -> Vec<String> {
    let quoted = |text: String| text[1..text.len() - 1].to_owned();
    let percent = |upper: bool| -> String {
        let digits = |byte: &u8| match upper {
            true => format!("%{byte:02X}"),
            false => format!("%{byte:02x}"),
        };
        secret.as_bytes().iter().map(digits).collect()
    };
    vec![
        secret.to_owned(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        percent(true),
        percent(false),
        quoted(format!("{secret:?}")),
        quoted(serde_json::Value::from(secret).to_string()),
    ]
}

fn unseen(secrets: &Secrets, text: &str, form: &str) {
    let shown = secrets.mask(text);
    assert!(!shown.contains(form), "{form:?} is seen in {shown:?}");
}

/// A message that ends in the middle of it shows none of its beginning.
fn cut(secrets: &Secrets, text: &str, secret: &str) {
    let shown = secrets.mask(&excerpt(text));
    let begin: String = secret.chars().take(SHORTEST).collect();
    let control = secret.chars().any(char::is_control);
    if !control && let Some(before) = shown.strip_suffix('…') {
        let tail = before.ends_with(&begin) && text.contains(secret);
        assert!(
            !tail || begin.contains('…'),
            "{begin:?} is seen in {shown:?}"
        );
    }
}
