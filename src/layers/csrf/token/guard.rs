//! Asks requests for their token.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{Request, StatusCode, request::Parts};

use super::CsrfTokens;
use crate::{
    contract::Description,
    layers::csrf::{CsrfRefusal, check::Passed},
    wire::field::only_line,
};

type Session = dyn Fn(&Parts) -> Option<Cow<'_, str>> + Send + Sync;

/// Which requests need a token, and whose it must be.
#[derive(Clone)]
pub(in crate::layers::csrf) struct Guard {
    tokens: CsrfTokens,
    session: Arc<Session>,
    /// Also of requests that say where they come from.
    always: bool,
}

impl Guard {
    pub(in crate::layers::csrf) fn new<F>(tokens: CsrfTokens, session: F, always: bool) -> Self
    where
        F: for<'a> Fn(&'a Parts) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        Self {
            tokens,
            session: Arc::new(session),
            always,
        }
    }

    /// Looks for the token of a request that has passed so far, if it needs one.
    pub(in crate::layers::csrf) fn ask<B>(
        &self,
        request: Request<B>,
        passed: Result<Passed, CsrfRefusal>,
    ) -> (Request<B>, Result<Passed, CsrfRefusal>) {
        let asks = match passed {
            Err(_) | Ok(Passed::Free) => false,
            Ok(Passed::Known) => self.always,
            Ok(Passed::Unknown) => true,
        };
        if !asks {
            return (request, passed);
        }
        let (head, body) = request.into_parts();
        let found = self.check(&head);
        (Request::from_parts(head, body), found.and(passed))
    }

    pub(in crate::layers::csrf) fn describe(&self, layer: Description) -> Description {
        let when = if self.always {
            "without the token of its session"
        } else {
            "with neither an origin nor the token of its session"
        };
        layer.answers(StatusCode::FORBIDDEN, when)
    }

    fn check(&self, head: &Parts) -> Result<(), CsrfRefusal> {
        let session = (self.session)(head).filter(|id| !id.is_empty());
        let Some(session) = session else {
            // Without a session there are no credentials to ride on.
            return if self.always {
                Err(CsrfRefusal::NoSession)
            } else {
                Ok(())
            };
        };
        let token = only_line(&head.headers, self.tokens.header_name())
            .or(Err(CsrfRefusal::SeveralTokens))?
            .ok_or(CsrfRefusal::NoToken)?;
        self.tokens.verify(session.as_bytes(), token)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("tokens", &self.tokens)
            .field("always", &self.always)
            .finish_non_exhaustive()
    }
}
