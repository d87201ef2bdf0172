//! Who asks, where that takes more than a header that is known beforehand: a token that has to be fetched, or a challenge
//! that has to be answered. Neither leaves the probe's own origin, also on the way back to it.

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use ring::rand::{SecureRandom, SystemRandom};
use url::{Position, Url};

use super::digest::Digest;
use super::hop::Hop;
use super::oauth::Grant;
use crate::domain::probe::kinds::{Answer, HttpProbe};
use crate::effects::probe::Context;

/// Who asks along one request and its redirects.
pub(super) struct Who<'a> {
    digest: Option<Digest<'a>>,
    grant: Option<Grant>,
    renewed: bool,
    /// Whether another origin was asked since.
    left: bool,
}

impl<'a> Who<'a> {
    /// Nothing is fetched where no token is needed.
    ///
    /// # Errors
    /// The answer that says why there is no token.
    pub(super) async fn new(http: &'a HttpProbe, context: &Context<'_>) -> Result<Self, Answer> {
        let auth = http.auth.as_ref();
        let grant = match auth.and_then(|auth| auth.oauth2.as_ref()) {
            None => None,
            Some(oauth) => Some(Grant::new(http, oauth, context).await?),
        };
        let digest = auth.and_then(|auth| auth.digest.as_ref());
        Ok(Self {
            digest: digest.map(|who| Digest::new(who, random)),
            grant,
            renewed: false,
            left: false,
        })
    }

    /// Adds to a request that is about to be sent who asks.
    ///
    /// # Errors
    /// Why it cannot be added; no secret is shown.
    pub(super) fn put(&mut self, hop: &mut Hop) -> Result<(), String> {
        if self.left {
            return Ok(());
        }
        if let Some(digest) = &mut self.digest {
            hop.headers.remove(AUTHORIZATION);
            let target = &hop.url[Position::BeforePath..Position::AfterQuery];
            if let Some(value) = digest.authorization(hop.method.as_str(), target)? {
                hop.headers.insert(AUTHORIZATION, value);
            }
        }
        if let Some(grant) = &self.grant {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", grant.value))
                .map_err(|error| format!("the token cannot be shown: {error}"))?;
            value.set_sensitive(true);
            hop.headers.insert(AUTHORIZATION, value);
        }
        Ok(())
    }

    /// Whether the request is to be sent again after this answer.
    ///
    /// # Errors
    /// The answer that says why it cannot be.
    pub(super) async fn is_asked_again(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        context: &Context<'_>,
    ) -> Result<bool, Answer> {
        if self.left {
            return Ok(false);
        }
        if status != StatusCode::UNAUTHORIZED {
            if let Some(grant) = &self.grant {
                grant.accepted();
            }
            return Ok(false);
        }
        if let Some(digest) = &mut self.digest {
            return digest.challenged(headers).map_err(Answer::Unasked);
        }
        match &mut self.grant {
            Some(grant) if !self.renewed => {
                self.renewed = true;
                grant.renew(context).await
            }
            _ => Ok(false),
        }
    }

    /// A redirect leads on.
    pub(super) fn goes_on(&mut self, from: &Url, to: &Url) {
        self.left |= from.origin() != to.origin();
        if let Some(digest) = &mut self.digest {
            digest.begin();
        }
    }
}

fn random() -> Option<String> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
