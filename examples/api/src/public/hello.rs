//! `GET /api/hello` says hello; so do its two versions, `GET /api/v1/hello`, which is deprecated, and
//! `GET /api/v2/hello`.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use wythe::{
    AcceptedLanguage, Api, ApiVersion, ConfigError, Deprecation, FinishedApi, Languages,
    MediaTypes, Versions, api::openapi::Documented, compose, with_deprecation, with_languages,
    with_media_types, with_version,
};

/// A greeting.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Greeting {
    message: &'static str,
}

/// A greeting in the language that the client prefers, and the version of the API that it is from.
#[derive(JsonSchema, Serialize)]
pub(crate) struct VersionedGreeting {
    greeting: &'static str,
    language: String,
    version: String,
}

pub(crate) async fn say_hello() -> Json<Greeting> {
    Json(Greeting {
        message: "Hello, world!",
    })
}

async fn say_hello_in_v1() -> Json<Greeting> {
    say_hello().await
}

async fn say_hello_in_v2(
    version: ApiVersion,
    language: AcceptedLanguage,
) -> Json<VersionedGreeting> {
    Json(VersionedGreeting {
        greeting: match language.as_str() {
            "de" => "Hallo, Welt!",
            _ => "Hello, world!",
        },
        language: language.to_string(),
        version: version.to_string(),
    })
}

/// The two versions.
pub(crate) fn versions<S>() -> Result<FinishedApi<(), S, Documented>, ConfigError>
where
    S: Clone + Send + Sync + 'static,
{
    let old = Deprecation::since("2026-11-01")?
        .sunset("2027-11-01")?
        .successor("/api/v2/hello")?;
    let version = with_version(Versions::by_path("/api", ["v1", "v2"])?);
    let v1 = compose((version.clone(), with_deprecation(old)));
    let v2 = compose((
        version,
        with_media_types(MediaTypes::list(["application/json"])?.strict()),
        with_languages(Languages::list(["en", "de"])?),
    ));
    Ok(Api::new("Public", "2")
        .documented()
        .get("/v1/hello", v1.handler(say_hello_in_v1))
        .get("/v2/hello", v2.handler(say_hello_in_v2))
        .finish())
}
