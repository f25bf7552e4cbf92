//! An event whose signature is valid: [`Verified`].

use std::{ops::Deref, time::SystemTime};

use bytes::Bytes;
use http::{Extensions, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::{contract::Provided, request::take_once::TakeOnce, wire::Problem};

/// An event whose signature is valid, as a `T`.
///
/// Only [`with_webhook`](crate::with_webhook), [`with_raw_webhook`](crate::with_raw_webhook) and
/// [`WebhookScheme::verify`](crate::webhook::WebhookScheme::verify) create one, so a function that
/// takes a `Verified<Event>` needs no check of its own.
///
/// # Example: a test of a handler
///
/// ```
/// use std::time::SystemTime;
///
/// use wythe::{Verified, webhook::WebhookScheme};
///
/// #[derive(serde::Deserialize)]
/// struct Event {
///     r#type: String,
/// }
///
/// fn handle(event: &Verified<Event>) -> usize {
///     assert_eq!(event.r#type, "ping");
///     event.bytes().len()
/// }
///
/// let scheme = WebhookScheme::github("a secret that only the two of us know")?;
/// let body = r#"{"type":"ping"}"#;
/// let fields = scheme.sign("", SystemTime::now(), body)?;
/// let event = scheme.verify(&fields, body.into())?.json::<Event>()?;
/// assert_eq!(handle(&event), 15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    event: T,
    bytes: Bytes,
    id: Option<String>,
    timestamp: Option<SystemTime>,
}

impl Verified<Bytes> {
    pub(super) fn new(bytes: Bytes, id: Option<String>, timestamp: Option<SystemTime>) -> Self {
        Self {
            event: bytes.clone(),
            bytes,
            id,
            timestamp,
        }
    }

    /// Parses the body.
    ///
    /// # Errors
    ///
    /// A 400 if it is not JSON, and a 422 if it is not a `T`.
    pub fn json<T: DeserializeOwned>(self) -> Result<Verified<T>, Problem> {
        // serde_json does not validate the UTF-8 of strings that it skips.
        let text = str::from_utf8(&self.bytes).map_err(|error| malformed().because(error))?;
        let event = serde_json::from_str(text).map_err(|error| {
            let problem = match error.classify() {
                Category::Data => Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
                    .reason("invalid")
                    .detail("The body is JSON, but not an event of the expected form."),
                _ => malformed(),
            };
            // The message of serde may name a type of the application.
            problem
                .extension("line", error.line())
                .extension("column", error.column())
                .because(error)
        })?;
        Ok(Verified {
            event,
            bytes: self.bytes,
            id: self.id,
            timestamp: self.timestamp,
        })
    }
}

fn malformed() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("malformed")
        .detail("The body is not JSON.")
}

impl<T> Verified<T> {
    /// The event.
    pub const fn event(&self) -> &T {
        &self.event
    }

    /// The event, by value.
    pub fn into_event(self) -> T {
        self.event
    }

    /// The exact bytes of the body, as they were signed.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The id of the event, if the scheme signs one in a header field.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The time of sending, if the scheme signs one.
    #[must_use]
    pub const fn timestamp(&self) -> Option<SystemTime> {
        self.timestamp
    }
}

impl<T: Send + 'static> Verified<T> {
    /// Adds it to the extensions for the handler.
    pub(super) fn provide(self, extensions: &mut Extensions) {
        extensions.insert(TakeOnce::new(self));
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.event
    }
}

impl<T: Send + 'static> Provided for Verified<T> {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.remove::<TakeOnce<Self>>()?.take()
    }
}
