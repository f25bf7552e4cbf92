//! The server behind this one, in the same program: a directory of users, and weather that is made up.

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wythe::{
    ConfigError, proxy,
    proxy::{Proxy, Upstream},
};

/// The key for the weather, if `WEATHER_URL` names no other server.
pub(crate) const WEATHER_KEY: &str = "only for this machine";

/// Starts it on a free port of this machine; returns its URL.
pub(crate) async fn start() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new()
        .route("/users/{id}", get(show_user))
        .route("/weather", get(show_weather));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn show_user(Path(id): Path<u32>) -> Json<Value> {
    Json(json!({ "id": id, "name": format!("User {id}") }))
}

#[derive(Deserialize)]
struct Place {
    city: String,
}

async fn show_weather(
    headers: HeaderMap,
    Query(place): Query<Place>,
) -> Result<Json<Value>, StatusCode> {
    if headers
        .get("x-api-key")
        .is_none_or(|key| key != WEATHER_KEY)
    {
        return Err(StatusCode::UNAUTHORIZED);
    }
    // The longer the name, the colder it is.
    let letters = i32::try_from(place.city.chars().count()).unwrap_or(i32::MAX);
    Ok(Json(
        json!({ "city": place.city, "celsius": 25 - letters.min(50) }),
    ))
}

/// `GET /api/proxy/users/{id}`: forwards to the directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory(pub(crate) Proxy);

impl Directory {
    pub(crate) fn at(backend: &str) -> Result<Self, ConfigError> {
        let users = Upstream::new(backend)?
            .path("/users/{id}")?
            .max_response(64 * 1024);
        Ok(Self(proxy(users)?))
    }
}
