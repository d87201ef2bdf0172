//! Who asks, wherever a probe asks over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientCertificate;
use crate::domain::probe::expect::OneOrMany;

/// Who asks: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// A user and a password: RFC 7617.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuth>,
    /// A bearer token: RFC 6750.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub bearer: Option<String>,
    /// A user and a password that is proved and not sent: RFC 7616, with MD5, SHA-256 or SHA-512-256, and `qop=auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<BasicAuth>,
    /// A token that is fetched for the probe, once for all that ask alike: RFC 6749, section 4.4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<Oauth2Client>,
}

impl Auth {
    /// Every text of it in which a variable may stand.
    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let Self {
            basic,
            bearer,
            digest,
            oauth2,
        } = self;
        let users = basic.iter_mut().chain(digest);
        let oauth2 = oauth2.iter_mut().flat_map(Oauth2Client::texts_mut);
        users
            .flat_map(BasicAuth::texts_mut)
            .chain(bearer)
            .chain(oauth2)
    }

    /// How many ways there are in it to say who asks: exactly one in a valid one.
    pub fn ways(&self) -> usize {
        let given = [
            self.basic.is_some(),
            self.bearer.is_some(),
            self.digest.is_some(),
            self.oauth2.is_some(),
        ];
        given.into_iter().filter(|given| *given).count()
    }

    /// What must not be shown, whether or not it came out of a variable.
    fn secrets(&self) -> impl Iterator<Item = String> {
        let users = self.basic.iter().chain(&self.digest);
        let oauth2 = self.oauth2.iter().flat_map(|it| it.client_secret.clone());
        let users = users.flat_map(BasicAuth::secrets);
        users.chain(self.bearer.clone()).chain(oauth2)
    }
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// Without a colon.
    #[schemars(length(min = 1))]
    pub user: String,
    /// Such as `${secret:SHOP_PASSWORD}`.
    pub password: String,
}

impl BasicAuth {
    pub(super) fn texts_mut(&mut self) -> [&mut String; 2] {
        [&mut self.user, &mut self.password]
    }

    /// The password, and what is told of it.
    fn secrets(&self) -> [String; 2] {
        let both = format!("{}:{}", self.user, self.password);
        [self.password.clone(), both]
    }
}

/// A client of an authorization server, which gives it a token for what it asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2Client {
    /// The address of the token endpoint.
    #[schemars(length(min = 1))]
    pub token_url: String,
    /// The client's name.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// The client's secret, such as `${secret:SHOP_CLIENT_SECRET}`; none where its certificate says who it is (RFC 8705).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// How the client names itself to the token endpoint; default: basic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
    /// What the token is to allow; one or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<OneOrMany<String>>,
    /// Whom the token is for, where the server wants to know (`audience`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// A PEM file with the authorities to trust at the token endpoint; default: those of the probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The certificate that is shown to the token endpoint; default: that of the probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// Whether the token endpoint's certificate must be valid, whatever the probe says of its own; default: true. `lint`
    /// reports a `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_tls: Option<bool>,
}

/// How a client names itself to a token endpoint: RFC 6749, section 2.3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// As a user and a password in a header.
    #[default]
    Basic,
    /// As parameters in the body.
    Body,
}

impl Oauth2Client {
    fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self {
            token_url,
            client_id,
            client_secret,
            scope,
            audience,
            ca,
            client_certificate,
            ..
        } = self;
        let mut texts = vec![token_url, client_id];
        texts.extend([client_secret, audience, ca].into_iter().flatten());
        texts.extend(scope.iter_mut().flat_map(OneOrMany::values_mut));
        let shown = client_certificate.iter_mut();
        texts.extend(shown.flat_map(|one| [&mut one.cert, &mut one.key]));
        texts
    }
}

/// What of who asks must not be shown.
pub(super) fn secrets(auth: Option<&Auth>, proxy_auth: Option<&BasicAuth>) -> Vec<String> {
    let own = auth.into_iter().flat_map(Auth::secrets);
    let proxy = proxy_auth.into_iter().flat_map(BasicAuth::secrets);
    own.chain(proxy).collect()
}
