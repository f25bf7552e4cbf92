//! An API that describes itself: an OpenAPI document, and a page that shows it.
//!
//! `cargo run --example documented_api --features openapi,docs-page`, then open `/docs`.

use std::{env, error::Error, time::Duration};

use axum::{
    Json as Body,
    response::{IntoResponse, Response},
};
use garde::Validate;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use wythe::{
    Api, CacheControl, ConfigError, Created, FinishedApi, Json, Path, Problem, Quota, Valid,
    api::{
        DocsPage,
        openapi::{DocumentResponse, Documented, ResponseTypes},
    },
    compose,
    description::Answer,
    with_cache_control, with_rate_limit, with_validation,
};

#[derive(Deserialize, Validate, JsonSchema)]
struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct User {
    id: u64,
    name: String,
}

/// An error that the document knows.
struct NameTaken;

impl NameTaken {
    fn answer() -> Answer {
        Answer::new(StatusCode::CONFLICT).when("when the name is taken")
    }
}

impl IntoResponse for NameTaken {
    fn into_response(self) -> Response {
        let problem = Problem::new(StatusCode::CONFLICT).detail("The name is taken.");
        IntoResponse::into_response(problem)
    }
}

impl DocumentResponse for NameTaken {
    fn document(responses: &mut ResponseTypes<'_>) {
        responses.problem(Self::answer());
    }
}

async fn create_user(input: Valid<Json<NewUser>>) -> Result<Created<User>, NameTaken> {
    let Json(NewUser { name }) = input.into_inner();
    if name == "Ada" {
        return Err(NameTaken);
    }
    Ok(Created::at("/users/2", User { id: 2, name }))
}

async fn show_user(Path(id): Path<u64>) -> Body<User> {
    let name = "Ada".to_owned();
    Body(User { id, name })
}

fn api() -> Result<FinishedApi<(), (), Documented>, ConfigError> {
    let limit = with_rate_limit(Quota::per_minute(60).by_peer()?);
    let create = compose((limit.clone(), with_validation::<Json<NewUser>>()));
    let read = compose(limit);
    let minute = Duration::from_secs(60);
    let cached = compose(with_cache_control(CacheControl::public().max_age(minute)));
    let api = Api::<()>::new("Users", "1.0.0")
        .documented() // from here on, a type without a schema does not compile
        .post("/users", create.handler(create_user))
        .get("/users/{id}", read.handler(show_user));
    let document = api.openapi();
    let api = api.public("the document is public", |open| {
        open.get("/openapi.json", cached.handler(document.handler()))
            .docs_page("/docs", DocsPage::new("/openapi.json"))
    });
    Ok(api.finish())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/docs", listener.local_addr()?);
    api()?.service(())?.serve(listener).await?;
    Ok(())
}
