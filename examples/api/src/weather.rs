//! `GET /api/weather?city=`: asks another server, and answers with what it needs of the answer.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{Query, State},
    http::{HeaderName, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use wythe::{
    ConfigError, Deadline, Problem, Secret, Valid,
    api::openapi::{DocumentResponse, ResponseTypes},
    description::Answer,
    proxy,
    proxy::{ForwardedFields, Proxy, Upstream},
};

use crate::{backend, config::Config};

/// How often the server is asked.
const ATTEMPTS: u32 = 3;

/// The wait before the second attempt; that before the next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest time in which the content of an answer arrives.
const CONTENT_TIME: Duration = Duration::from_secs(2);

/// The largest answer that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// Whose weather is asked for.
#[derive(Deserialize, JsonSchema, Validate)]
pub(crate) struct Place {
    /// The name of a city.
    #[garde(length(chars, min = 1, max = 100))]
    city: String,
}

/// The weather of a city.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Report {
    city: String,
    celsius: f64,
}

pub(crate) async fn show_weather(
    State(weather): State<Weather>,
    deadline: Deadline,
    place: Valid<Query<Place>>,
) -> Result<Json<Report>, WeatherError> {
    let report = weather.report(&place.city, deadline).await;
    report.map(Json).map_err(WeatherError)
}

/// Asks for the weather.
#[derive(Clone)]
pub(crate) struct Weather(Proxy);

/// Why there is no report.
enum Failure {
    /// The server may answer the same request later.
    Passing(Problem),
    /// It would answer in the same way again.
    Lasting(Problem),
}

impl Weather {
    pub(crate) fn of(config: &Config, backend: &str) -> Result<Self, ConfigError> {
        let own = format!("{backend}/weather");
        let mut weather = Upstream::new(config.weather_url.as_deref().unwrap_or(&own))?
            // It does not have to know who asks.
            .forwarded(ForwardedFields::Nothing)
            .timeout(Duration::from_secs(2))?
            .idle(Duration::from_secs(2))?
            .max_response(MAX_BYTES);
        let own_key = Secret::new(backend::WEATHER_KEY.to_owned());
        let own_key = config.weather_url.is_none().then_some(&own_key);
        if let Some(key) = config.weather_key.as_ref().or(own_key) {
            weather = weather.credential(HeaderName::from_static("x-api-key"), key)?;
        }
        Ok(Self(proxy(weather)?))
    }

    /// Asks again after a while, as long as there is time.
    async fn report(&self, city: &str, deadline: Deadline) -> Result<Report, Problem> {
        let (mut attempt, mut wait) = (1, FIRST_WAIT);
        loop {
            let problem = match self.ask(city, deadline).await {
                Ok(report) => return Ok(report),
                Err(Failure::Lasting(problem)) => return Err(problem),
                Err(Failure::Passing(problem)) => problem,
            };
            if attempt == ATTEMPTS || deadline.remaining() <= wait {
                return Err(problem);
            }
            sleep(wait).await;
            (attempt, wait) = (attempt + 1, wait * 2);
        }
    }

    /// Asks once. A `GET` has no effect, so it can be sent again.
    async fn ask(&self, city: &str, deadline: Deadline) -> Result<Report, Failure> {
        // Without the field, the server could choose a coding (RFC 9110, section 12.5.3).
        let request = Request::get(target(city)).header(header::ACCEPT_ENCODING, "identity");
        let request = request.body(Body::empty());
        let mut request = request.map_err(|error| Failure::Lasting(Problem::internal(error)))?;
        request.extensions_mut().insert(deadline);
        let response = self.0.forward(request).await;
        // It could not be reached, or has not answered in time.
        if let Some(problem) = response.extensions().get::<Problem>() {
            return Err(Failure::Passing(problem.clone()));
        }
        let status = response.status();
        // A server that says when it wants to be asked again is not asked before.
        if status.is_server_error() && !response.headers().contains_key(header::RETRY_AFTER) {
            return Err(Failure::Passing(Problem::bad_gateway(format!(
                "the status is {status}"
            ))));
        }
        let bad = |cause: String| Failure::Lasting(Problem::bad_gateway(cause));
        if status != StatusCode::OK {
            return Err(bad(format!("the status is {status}")));
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(bad("the content is not JSON".to_owned()));
        }
        if response.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(bad("the content has a coding".to_owned()));
        }
        // The time of `Upstream::timeout` ends with the head, and that of `idle` begins again with each piece.
        let body = to_bytes(response.into_body(), usize::MAX);
        let body = timeout(deadline.at_most(CONTENT_TIME), body).await;
        let body = body.map_err(|_elapsed| {
            Failure::Passing(Problem::gateway_timeout(
                "the content has not arrived in time",
            ))
        })?;
        let body = body.map_err(|error| bad(error.to_string()))?;
        serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))
    }
}

fn target(city: &str) -> String {
    let mut query = form_urlencoded::Serializer::for_suffix("/?".to_owned(), 2);
    query.append_pair("city", city).finish()
}

/// The weather is not known. The log has the cause.
pub(crate) struct WeatherError(Problem);

impl IntoResponse for WeatherError {
    fn into_response(self) -> Response {
        IntoResponse::into_response(self.0)
    }
}

impl DocumentResponse for WeatherError {
    fn document(responses: &mut ResponseTypes<'_>) {
        let bad = Problem::bad_gateway("described");
        responses.problem(Answer::of(&bad).when("when the weather service gives no valid answer"));
        let late = Problem::gateway_timeout("described");
        responses.problem(Answer::of(&late).when("when it does not answer in time"));
    }
}
