//! Verifies tokens with the keys that are there, and says when to fetch others.

use std::{future::ready, sync::Arc};

use super::{
    Jwks, JwksError,
    control::Why,
    shared::{Shared, Wish},
};
use crate::layers::auth::jwt::{
    header::Header,
    key_source::{Fetch, Stop},
    refusal::JwtRefusal,
    token::Token,
};

impl Jwks {
    /// Whether the token is signed with the key that its header means. After a fetch there is no
    /// other.
    pub(in crate::layers::auth::jwt) fn check(
        &self,
        token: &Token<'_>,
        header: &Header<'_>,
        fetched: bool,
    ) -> Result<(), Stop> {
        // No fetch brings a key for it.
        if !self.0.settings.allows(&header.alg) {
            return Err(JwtRefusal::Key.into());
        }
        let Some(snapshot) = self.0.keys() else {
            return Err(Stop::Fetch(self.fetch(fetched)));
        };
        let Err(reason) = snapshot.keys.check(token, header) else {
            return Ok(());
        };
        if !snapshot.may_lack_the_key_of(header) {
            return Err(reason.into());
        }
        if fetched {
            return Err(self.unknown(reason));
        }
        match self.0.wish(Why::UnknownKey) {
            Wish::Wait(flight) => Err(Stop::Fetch(Box::pin(async move {
                flight.landed().await.map_err(Into::into)
            }))),
            Wish::Failed(error) => Err(failed(error)),
            Wish::Recent => {
                // It may have come since the look at the keys.
                let newer = self.0.last_keys();
                if Arc::ptr_eq(&newer, &snapshot) {
                    return Err(reason.into());
                }
                newer.keys.check(token, header).map_err(Stop::Refused)
            }
        }
    }

    /// What is said of a token after a fetch that did not bring its key: it is refused, unless it
    /// can't be known.
    fn unknown(&self, reason: JwtRefusal) -> Stop {
        match self.0.failure() {
            None => Stop::Refused(reason),
            Some(error) => failed(error),
        }
    }

    /// Waits for keys that may be used.
    fn fetch(&self, fetched: bool) -> Fetch {
        let shared = Arc::clone(&self.0);
        if fetched {
            let error = shared.failure().unwrap_or(JwksError::Interrupted);
            return Box::pin(ready(Err(error.into())));
        }
        let wish = shared.wish(Why::Age);
        Box::pin(async move { settle(&shared, wish).await.map_err(Into::into) })
    }
}

/// Waits for the end of a fetch. If it fails, old keys will do, as long as they are kept.
async fn settle(shared: &Arc<Shared>, wish: Wish) -> Result<(), JwksError> {
    let outcome = match wish {
        Wish::Wait(flight) => flight.landed().await,
        Wish::Recent => Ok(()),
        Wish::Failed(error) => Err(error),
    };
    match outcome {
        Err(_) if shared.keys().is_some() => Ok(()),
        outcome => outcome,
    }
}

fn failed(error: JwksError) -> Stop {
    Stop::Fetch(Box::pin(ready(Err(error.into()))))
}
