//! Verification and signing: [`WebhookScheme`].

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

#[cfg(feature = "webhook-ed25519")]
use super::ed25519;
use super::{
    format::{SignatureFormat, SignedFields},
    keys::Key,
    refusal::Refusal,
    verified::Verified,
};
use crate::{
    support::clock::Clock,
    wire::{ConfigError, Problem},
};

/// How a sender signs its events, and its keys: verifies events, and signs them.
///
/// | | fields | signs | time | id |
/// |---|---|---|---|---|
/// | [`standard`](Self::standard) | `webhook-id`, `webhook-timestamp`, `webhook-signature` | id, time, body | yes | yes |
/// | [`stripe`](Self::stripe) | `Stripe-Signature` | time, body | yes | in the body |
/// | [`github`](Self::github) | `X-Hub-Signature-256` | body | | |
/// | [`slack`](Self::slack) | `X-Slack-Signature`, `X-Slack-Request-Timestamp` | time, body | yes | in the body of an event |
/// | [`shopify`](Self::shopify) | `X-Shopify-Hmac-Sha256` | body | | |
/// | [`custom`](Self::custom) | yours | yours | | |
///
/// Delivery ids such as `X-GitHub-Delivery` and `X-Shopify-Webhook-Id` are not signed: anybody who has
/// seen an event can send it again with another id. The same holds for the event's type in fields such
/// as `X-GitHub-Event`.
///
/// # Example: a sender, and a test
///
/// ```
/// use std::time::SystemTime;
///
/// use wythe::webhook::WebhookScheme;
///
/// let scheme = WebhookScheme::standard("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?;
/// let body = r#"{"type":"user.created"}"#;
/// let fields = scheme.sign("msg_1", SystemTime::now(), body)?;
/// assert_eq!(fields["webhook-id"], "msg_1");
///
/// let event = scheme.verify(&fields, body.into())?;
/// assert_eq!(event.id(), Some("msg_1"));
/// assert!(scheme.verify(&fields, r#"{"type":"user.deleted"}"#.into()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// All signatures of a request are compared with those of all keys, in constant time. Keys are wiped
/// when dropped, and not shown by `Debug`.
#[derive(Clone)]
#[must_use]
pub struct WebhookScheme {
    name: &'static str,
    format: SignatureFormat,
    /// Parses a key in the scheme's notation.
    parse_key: fn(&'static str, &[u8]) -> Result<Key, ConfigError>,
    /// The first one signs.
    keys: Vec<Key>,
    tolerance: Duration,
    clock: Clock,
}

impl WebhookScheme {
    /// [Standard Webhooks], which Svix and many others send: `v1`, and with the feature
    /// `webhook-ed25519` also `v1a`.
    ///
    /// A key is the text that the sender shows: `whsec_` and a secret in base64, or `whpk_` and a
    /// public key. To sign with `v1a`, use a private key, `whsk_`.
    ///
    /// # Errors
    ///
    /// If the key is not base64, or a secret does not have from 24 to 64 bytes or is one byte repeated.
    ///
    /// [Standard Webhooks]: https://www.standardwebhooks.com
    pub fn standard(key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let format = SignatureFormat::base64("webhook-signature")?
            .separator(' ')?
            .prefix("v1,")
            .timestamp_field("webhook-timestamp")?
            .id_field("webhook-id")?
            .signs("{id}.{timestamp}.{body}")?;
        Self::new("standard webhooks", format, Key::standard, key)
    }

    /// [Stripe]: the secret of an endpoint as the dashboard shows it, with `whsec_`. Only signatures of
    /// version `v1` count.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 16 bytes, or one byte repeated, or is an API key.
    ///
    /// [Stripe]: https://docs.stripe.com/webhooks#verify-manually
    pub fn stripe(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let format = SignatureFormat::hex("stripe-signature")?
            .separator(',')?
            .prefix("v1=")
            .timestamp_element("t=")
            .signs("{timestamp}.{body}")?
            .event_id_member("id");
        Self::new("stripe", format, stripe_key, secret)
    }

    /// [GitHub]: the secret of a webhook. There is no timestamp.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 16 bytes, or one byte repeated.
    ///
    /// [GitHub]: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    pub fn github(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let format = SignatureFormat::hex("x-hub-signature-256")?.prefix("sha256=");
        Self::new("github", format, Key::verbatim, secret)
    }

    /// [Slack]: the signing secret of an app. Commands and interactions are forms: read them with
    /// [`with_raw_webhook`](crate::with_raw_webhook).
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 16 bytes, or one byte repeated.
    ///
    /// [Slack]: https://docs.slack.dev/authentication/verifying-requests-from-slack
    pub fn slack(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let format = SignatureFormat::hex("x-slack-signature")?
            .prefix("v0=")
            .timestamp_field("x-slack-request-timestamp")?
            .signs("v0:{timestamp}:{body}")?
            .event_id_member("event_id");
        Self::new("slack", format, Key::verbatim, secret)
    }

    /// [Shopify]: the client secret of an app. There is no timestamp.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 16 bytes, or one byte repeated.
    ///
    /// [Shopify]: https://shopify.dev/docs/apps/build/webhooks/subscribe/https
    pub fn shopify(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let format = SignatureFormat::base64("x-shopify-hmac-sha256")?;
        Self::new("shopify", format, Key::verbatim, secret)
    }

    /// Another sender that signs with HMAC-SHA256: its name, its format, and a secret that is used
    /// exactly as written.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 16 bytes, or one byte repeated, or if the settings of the format
    /// contradict each other: a timestamp or an id that is sent but not signed, or signed but not sent.
    pub fn custom(
        name: &'static str,
        format: SignatureFormat,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        format.check()?;
        Self::new(name, format, Key::verbatim, secret)
    }

    fn new(
        name: &'static str,
        format: SignatureFormat,
        parse_key: fn(&'static str, &[u8]) -> Result<Key, ConfigError>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            name,
            format,
            parse_key,
            keys: vec![parse_key(POLICY, key.as_ref())?],
            tolerance: Duration::from_secs(300),
            clock: Clock::default(),
        })
    }

    /// Accepts another key as well: the previous one during a rotation, until the sender no longer
    /// uses it. The first key signs.
    ///
    /// # Errors
    ///
    /// As for the first key, and if there are more than 8.
    pub fn or_key(mut self, key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        const MAX_KEYS: usize = 8;

        if self.keys.len() >= MAX_KEYS {
            return Err(error(
                "each request is compared with each key: use at most 8",
            ));
        }
        self.keys.push((self.parse_key)(POLICY, key.as_ref())?);
        Ok(self)
    }

    /// How far the timestamp of a request may be from the server's time, in whole seconds, in the past
    /// and in the future; by default 300 seconds. Senders sign again when they retry.
    ///
    /// # Errors
    ///
    /// If it is less than a second, or if the scheme has no timestamp.
    pub fn tolerance(mut self, tolerance: Duration) -> Result<Self, ConfigError> {
        if tolerance.as_secs() == 0 {
            return Err(error(
                "a tolerance of less than a second rejects nearly every request: clocks differ, and \
                 requests travel; use 300 seconds",
            ));
        }
        if !self.format.has_timestamp() {
            let name = self.name;
            return Err(error(format!(
                "{name} signs no timestamp, so there is nothing to tolerate: remove `.tolerance(..)`, \
                 and use `.once(..)` against replays"
            )));
        }
        self.tolerance = tolerance;
        Ok(self)
    }

    /// The clock that timestamps are compared with; by default the system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Verifies a body that has already been read. [`with_webhook`](crate::with_webhook) does this in
    /// a stack.
    ///
    /// # Errors
    ///
    /// The 400 that a client would get.
    pub fn verify(&self, headers: &HeaderMap, body: Bytes) -> Result<Verified<Bytes>, Problem> {
        let mut check = self.start(headers)?;
        check.update(&body);
        Ok(check.finish(self, body)?)
    }

    /// The header fields of a signed event: for a sender, and for tests. If the scheme does not sign
    /// an id or a time, that argument is ignored.
    ///
    /// # Errors
    ///
    /// If the first key is a public key, which can't sign; if the id is empty, longer than 256 bytes,
    /// not ASCII, or contains the character that follows it in the signed message (`.`); if the time
    /// is before 1970.
    pub fn sign(
        &self,
        id: &str,
        timestamp: SystemTime,
        body: impl AsRef<[u8]>,
    ) -> Result<HeaderMap, SigningError> {
        let since_epoch = timestamp.duration_since(UNIX_EPOCH);
        let seconds = since_epoch.map_err(|_before| SigningError("a time before 1970"))?;
        let fields = self.format.fields_of(id, seconds.as_secs());
        let fields = fields.ok_or(SigningError("an id that can't be signed"))?;
        let signature = match self.keys.first() {
            Some(Key::Hmac(key)) => {
                let mut hmac = key.clone();
                self.format.feed_before(&fields, |part| hmac.update(part));
                hmac.update(body.as_ref());
                self.format.feed_after(&fields, |part| hmac.update(part));
                let signature = hmac.finalize().into_bytes();
                Some(self.format.encode(&self.format.prefix, &signature))
            }
            #[cfg(feature = "webhook-ed25519")]
            Some(Key::Ed25519(key)) => {
                let signature = key.sign(&self.message(&fields, body.as_ref()));
                signature.map(|signature| self.format.encode(ed25519::PREFIX, &signature))
            }
            None => None,
        };
        let signature = signature.ok_or(SigningError("a public key can't sign"))?;
        let headers = self.format.write(&fields, &[signature]);
        headers.ok_or(SigningError("an id that can't be signed"))
    }

    /// The name of the sender.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// The header fields that a request needs, and their descriptions.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&HeaderName, &'static str)> {
        self.format.fields()
    }

    /// The member of a JSON body that is the id of the event.
    pub(super) fn event_id_in_body(&self) -> Option<&str> {
        self.format.event_id_in_body()
    }

    pub(super) const fn has_timestamp(&self) -> bool {
        self.format.has_timestamp()
    }

    /// How long a signature is valid: the timestamp may be the whole tolerance ahead of the server's
    /// time. `None` if it has no timestamp, and is valid forever.
    pub(super) fn valid_for(&self) -> Option<Duration> {
        let has_timestamp = self.format.has_timestamp();
        has_timestamp.then(|| self.tolerance.saturating_mul(2))
    }

    /// Checks everything but the signature, before the body is read.
    pub(super) fn start(&self, headers: &HeaderMap) -> Result<SignatureCheck, Refusal> {
        let fields = self.format.read(headers)?;
        if let Some(timestamp) = &fields.timestamp {
            let now = self.clock.since_epoch().as_secs();
            if timestamp.seconds.abs_diff(now) > self.tolerance.as_secs() {
                return Err(if timestamp.seconds < now {
                    Refusal::TooOld(self.tolerance)
                } else {
                    Refusal::InFuture(self.tolerance)
                });
            }
        }
        let mut hmacs: Vec<_> = self.keys.iter().filter_map(Key::hmac).cloned().collect();
        for hmac in &mut hmacs {
            self.format.feed_before(&fields, |part| hmac.update(part));
        }
        Ok(SignatureCheck { hmacs, fields })
    }

    /// The message that an asymmetric key signs: unlike an HMAC, it needs the whole message at once.
    #[cfg(feature = "webhook-ed25519")]
    fn message(&self, fields: &SignedFields, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(body.len().saturating_add(128));
        self.format
            .feed_before(fields, |part| message.extend_from_slice(part));
        message.extend_from_slice(body);
        self.format
            .feed_after(fields, |part| message.extend_from_slice(part));
        message
    }
}

/// The check of one signature, while the body is being read.
pub(super) struct SignatureCheck {
    /// One for each secret.
    hmacs: Vec<Hmac<Sha256>>,
    fields: SignedFields,
}

impl SignatureCheck {
    /// Takes a part of the body.
    pub(super) fn update(&mut self, part: &[u8]) {
        for hmac in &mut self.hmacs {
            hmac.update(part);
        }
    }

    /// Compares all signatures with those of all keys, once the whole body has been read.
    pub(super) fn finish(
        self,
        scheme: &WebhookScheme,
        body: Bytes,
    ) -> Result<Verified<Bytes>, Refusal> {
        let Self { hmacs, fields } = self;
        let format = &scheme.format;
        let mut is_valid = Choice::from(0);
        for mut hmac in hmacs {
            format.feed_after(&fields, |part| hmac.update(part));
            let expected: [u8; 32] = hmac.finalize().into_bytes().into();
            for signature in format.signatures::<32>(&fields, &format.prefix).flatten() {
                is_valid |= signature.ct_eq(&expected);
            }
        }
        #[cfg(feature = "webhook-ed25519")]
        {
            let asymmetric: Vec<_> = format
                .signatures::<64>(&fields, ed25519::PREFIX)
                .flatten()
                .collect();
            let mut keys = scheme.keys.iter().filter_map(Key::ed25519).peekable();
            if keys.peek().is_some() && !asymmetric.is_empty() {
                let message = scheme.message(&fields, &body);
                for key in keys {
                    let verifies = |signature: &[u8; 64]| key.verifies(&message, signature);
                    is_valid |= Choice::from(u8::from(asymmetric.iter().any(verifies)));
                }
            }
        }
        if !bool::from(is_valid) {
            return Err(Refusal::Mismatch);
        }
        let timestamp = fields
            .timestamp
            .and_then(|timestamp| UNIX_EPOCH.checked_add(Duration::from_secs(timestamp.seconds)));
        Ok(Verified::new(body, fields.id, timestamp))
    }
}

const POLICY: &str = "WebhookScheme";

/// An endpoint's secret is easily confused with an API key.
fn stripe_key(policy: &'static str, secret: &[u8]) -> Result<Key, ConfigError> {
    let api_keys = [&b"sk_"[..], b"rk_", b"pk_"];
    if api_keys.iter().any(|prefix| secret.starts_with(prefix)) {
        return Err(error(
            "this is an API key of Stripe: use the secret of the webhook endpoint, which begins with \
             `whsec_`",
        ));
    }
    Key::verbatim(policy, secret)
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(POLICY, message)
}

/// Omits the keys.
impl fmt::Debug for WebhookScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookScheme")
            .field("name", &self.name)
            .field("keys", &self.keys.len())
            .field("tolerance", &self.tolerance)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// The error for an event that can't be signed; see [`WebhookScheme::sign`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningError(&'static str);

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the event can't be signed: {}", self.0)
    }
}

impl Error for SigningError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::clock::ManualClock;

    #[test]
    fn a_timestamp_beyond_the_tolerance_is_too_old_or_in_the_future() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let scheme = WebhookScheme::stripe("whsec_test_secret").unwrap();
        let scheme = scheme.clock(ManualClock::new(at(10_000)));
        for (seconds, expected) in [
            (9_699, Some("too_old")),
            (9_700, None),
            (10_300, None),
            (10_301, Some("in_future")),
        ] {
            let headers = scheme.sign("", at(seconds), "{}").unwrap();
            let reason = scheme.start(&headers).err().map(|refusal| refusal.reason());
            assert_eq!(reason, expected, "{seconds}");
        }
    }
}
