//! The errors of handlers. Their types say what a handler can answer, for the document and in the
//! response: both come from the same [`Problem`].

use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use wythe::{
    ConfigError, Problem,
    api::openapi::{DocumentResponse, ResponseTypes},
    description::Answer,
};

use crate::BoxError;

/// Defines the error of a handler as one of several errors. `?` converts each of them.
macro_rules! one_of {
    ($(#[$attribute:meta])* $visibility:vis enum $name:ident { $($error:ident,)+ }) => {
        $(#[$attribute])*
        $visibility enum $name {
            $($error($error),)+
        }

        $(impl From<$error> for $name {
            fn from(error: $error) -> Self {
                Self::$error(error)
            }
        })+

        impl From<$name> for wythe::Problem {
            fn from(error: $name) -> Self {
                match error {
                    $($name::$error(error) => error.into(),)+
                }
            }
        }

        impl axum::response::IntoResponse for $name {
            fn into_response(self) -> axum::response::Response {
                axum::response::IntoResponse::into_response(wythe::Problem::from(self))
            }
        }

        impl wythe::api::openapi::DocumentResponse for $name {
            fn document(responses: &mut wythe::api::openapi::ResponseTypes<'_>) {
                $(<$error as wythe::api::openapi::DocumentResponse>::document(responses);)+
            }
        }
    };
}
pub(crate) use one_of;

/// Defines an error that is always the same problem, and says when it happens.
macro_rules! problem {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident = $when:literal; $problem:expr) => {
        $(#[$attribute])*
        #[derive(Debug)]
        $visibility struct $name;

        impl From<$name> for wythe::Problem {
            fn from(_: $name) -> Self {
                $problem
            }
        }

        impl wythe::api::openapi::DocumentResponse for $name {
            fn document(responses: &mut wythe::api::openapi::ResponseTypes<'_>) {
                let problem = wythe::Problem::from(Self);
                responses.problem(wythe::description::Answer::of(&problem).when($when));
            }
        }
    };
}
pub(crate) use problem;

/// A failure that is not the client's fault. The response does not say what has failed; the log does.
#[derive(Debug)]
pub(crate) struct ServerError(Problem);

impl ServerError {
    /// 500: a fault, which is still there at the next attempt.
    pub(crate) fn internal(error: impl Into<BoxError>) -> Self {
        Self(Problem::internal(error))
    }

    /// 503: too busy. The client can try again in a few seconds.
    pub(crate) fn busy(detail: &'static str) -> Self {
        Self(busy().detail(detail))
    }
}

impl From<sqlx::Error> for ServerError {
    fn from(error: sqlx::Error) -> Self {
        // PostgreSQL sends a code of class 53 when it has no resources left, 57P when it stops or starts. In
        // SQLite, another process has locked the database: SQLITE_BUSY or SQLITE_LOCKED in the last byte.
        let is_passing = |code: &str| match code.parse::<u32>() {
            Ok(code) if code < 10_000 => matches!(code & 0xff, 5 | 6),
            _ => code.starts_with("53") || code.starts_with("57P"),
        };
        let code = error.as_database_error().and_then(|error| error.code());
        let unavailable = match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
            _ => code.is_some_and(|code| is_passing(&code)),
        };
        if unavailable {
            Self(busy().because(error))
        } else {
            Self::internal(error)
        }
    }
}

impl From<ConfigError> for ServerError {
    fn from(error: ConfigError) -> Self {
        Self::internal(error)
    }
}

/// A store that can't be asked.
impl From<Problem> for ServerError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        error.0
    }
}

impl IntoResponse for ServerError {
    fn into_response(self) -> Response {
        IntoResponse::into_response(self.0)
    }
}

impl DocumentResponse for ServerError {
    fn document(responses: &mut ResponseTypes<'_>) {
        let Self(internal) = Self::internal("described");
        responses.problem(Answer::of(&internal).when("when the server has a fault"));
        responses.problem(Answer::of(&busy()).when("when the server is too busy"));
    }
}

fn busy() -> Problem {
    let seconds = HeaderValue::from_static("5");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, seconds)
}
