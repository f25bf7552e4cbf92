//! Fetches a key set, in the time that there is.

use std::{sync::Arc, time::Duration};

use http::Uri;
use tokio::time::timeout;

use super::{
    Fetched, JwksError,
    location::Location,
    metadata,
    set::{self, Set},
    settings::Settings,
    shared::Shared,
    transport::Transport,
};

/// A key set, and how long it is fresh. An issuer is asked each time where it has its keys now.
pub(super) async fn fetch(shared: &Shared) -> Result<(Set, Duration), JwksError> {
    let settings = &shared.settings;
    let transport = shared
        .transport()
        .map_err(|error| JwksError::Transport(Arc::new(error)))?;
    let set = timeout(settings.timeout, key_set(settings, transport.as_ref())).await;
    let fetched = set.map_err(|_elapsed| JwksError::TimedOut(settings.timeout))??;
    let set = set::read(&fetched.body, &settings.algorithms)?;
    Ok((set, settings.freshness(fetched.max_age)))
}

async fn key_set(settings: &Settings, transport: &dyn Transport) -> Result<Fetched, JwksError> {
    match &settings.location {
        Location::Keys(uri) => document(settings, transport, uri).await,
        Location::Issuer { name, metadata } => {
            let fetched = document(settings, transport, metadata).await?;
            let uri = metadata::keys_uri(&fetched.body, name, metadata)?;
            document(settings, transport, &uri).await
        }
    }
}

async fn document(
    settings: &Settings,
    transport: &dyn Transport,
    uri: &Uri,
) -> Result<Fetched, JwksError> {
    let most = settings.max_length;
    let fetched = transport.fetch(uri, most).await;
    let fetched = fetched.map_err(JwksError::of_transport)?;
    if fetched.body.len() > most {
        return Err(JwksError::TooLong(most));
    }
    Ok(fetched)
}
