//! Serves the routes of an [`Api`](crate::Api) on a listener.

use std::{
    convert::Infallible,
    future::{self, Ready},
    task::{Context, Poll},
};

use axum::serve::{IncomingStream, Serve};
use tokio::net::TcpListener;
use tower_service::Service;

use super::service::{ApiService, ConnectedApi};

impl ApiService {
    /// Serves the routes, with the address of the peer in each request.
    ///
    /// The result is a future; see [`axum::serve()`] for what else it can do, such as
    /// `with_graceful_shutdown`.
    pub fn serve(self, listener: TcpListener) -> Serve<TcpListener, MakeApiService, ConnectedApi> {
        axum::serve(listener, MakeApiService(self))
    }
}

/// Makes a service for each connection of [`ApiService::serve`].
#[derive(Clone, Debug)]
pub struct MakeApiService(ApiService);

impl Service<IncomingStream<'_, TcpListener>> for MakeApiService {
    type Response = ConnectedApi;
    type Error = Infallible;
    type Future = Ready<Result<ConnectedApi, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, connection: IncomingStream<'_, TcpListener>) -> Self::Future {
        future::ready(Ok(self.0.clone().connected(*connection.remote_addr())))
    }
}
