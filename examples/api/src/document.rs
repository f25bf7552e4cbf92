//! The OpenAPI document of the API.

use wythe::{Api, api::openapi::OpenApi};

/// What the routes say, and what the API is about.
pub(crate) fn document<G, S, A, D, M>(api: &Api<G, S, A, D, M>) -> OpenApi
where
    S: Clone + Send + Sync + 'static,
{
    api.openapi()
        .description(
            "The API of the example application: accounts, users, and messages to us.\n\n\
             A page signs in with `POST /api/auth/login`, which sets two cookies. When the access \
             token has expired, `POST /api/auth/refresh` replaces both.",
        )
        .license("MIT OR Apache-2.0", "MIT OR Apache-2.0")
        .tag_description("Public", "Open to everybody.")
        .tag_description("Payments", "Made once, however often they are asked for.")
        .tag_description(
            "Webhooks",
            "Called by other servers, which sign their events.",
        )
        .tag_description("Accounts", "Registers, and logs in and out.")
        .tag_description(
            "Users",
            "The users: those with an account, and those created by others.",
        )
        .tag_description("Administration", "What only the admin may do.")
}
