//! Keys that the client can choose.

use http::{HeaderName, HeaderValue, StatusCode, request::Parts};

use super::{Key, KeyPart, KeyWriter};
use crate::{
    contract::{Description, description::Answer, stage},
    wire::{
        ConfigError, Problem,
        field::{Repeated, only_line},
    },
};

/// Counts by a header field as the client has sent it; made by [`dangerously_client_header`].
#[derive(Clone, Debug)]
pub struct ByClientHeader(HeaderName);

/// Counts by a header field as the client has sent it. All requests without the field have one key;
/// a request with several such fields is answered with 400, because other software may read another one
/// of them.
///
/// # Security
///
/// A client that can choose its key has as many quotas as it likes: it can send another value with each
/// request, is then never refused, and fills the store with keys, which push out those of other
/// clients. Use it only where something outside the stack, such as a gateway, has checked or set the
/// field. If the field is a credential, verify it with `with_auth` and count by the principal.
///
/// # Errors
///
/// If it is not the name of a header field.
pub fn dangerously_client_header(name: &str) -> Result<ByClientHeader, ConfigError> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        let message = format!("{name:?} is not the name of a header field");
        return Err(ConfigError::new("Key", message));
    };
    Ok(ByClientHeader(name))
}

impl ByClientHeader {
    fn value<'a>(&self, head: &'a Parts) -> Result<Option<&'a HeaderValue>, Problem> {
        only_line(&head.headers, &self.0).map_err(|Repeated| self.repeated())
    }

    fn repeated(&self) -> Problem {
        let problem = Problem::new(StatusCode::BAD_REQUEST).reason("several_fields");
        problem.detail(format!("There is more than one `{}` field.", self.0))
    }
}

impl Key for ByClientHeader {
    type Value = Option<HeaderValue>;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &mut Parts) -> Result<Option<HeaderValue>, Problem> {
        Ok(self.value(head)?.cloned())
    }

    fn write(&self, head: &mut Parts, key: &mut KeyWriter<'_>) -> Result<(), Problem> {
        self.value(head)?.write(key);
        Ok(())
    }

    fn describe(&self, layer: Description) -> Description {
        let Self(name) = self;
        layer
            .counted_by(format!("header {name}"))
            .answer(Answer::of(&self.repeated()).when(format!("with more than one `{name}` field")))
    }
}
