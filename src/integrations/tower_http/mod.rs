//! Gives the common layers of `tower-http` a stage, so that they can be listed in
//! [`compose`](crate::compose()) directly.
//!
//! | layer | stage | answers |
//! |---|---|---|
//! | `TraceLayer` * | [`Observe`](crate::stage::Observe) | |
//! | `SetRequestIdLayer`, `PropagateRequestIdLayer` | [`Observe`](crate::stage::Observe) | |
//! | `SetSensitiveHeadersLayer`, `SetSensitiveRequestHeadersLayer`, `SetSensitiveResponseHeadersLayer` | [`Observe`](crate::stage::Observe) | |
//! | `CorsLayer` | [`Cors`](crate::stage::Cors) | 200 |
//! | `CatchPanicLayer` * | [`Present`](crate::stage::Present) | 500 |
//! | `CompressionLayer` * | [`Present`](crate::stage::Present) | |
//! | `TimeoutLayer` | [`Admit`](crate::stage::Admit) | 408, or as configured |
//! | `RequestBodyLimitLayer` * | [`Body`](crate::stage::Body) | 413 |
//! | `RequestDecompressionLayer` * | [`Body`](crate::stage::Body) | 415 |
//!
//! Layers marked * change the response body to a type of their own, with which layers further out
//! can't answer. In a stack their response body is [`Body`](crate::Body) instead, at the cost of one
//! box per response.
//!
//! `CompressionLayer` does not compress problems and errors in plain text, so that
//! [`with_presentation`](crate::presentation) can read them on either side.
//!
//! The compression layers need the feature `tower-http-compression`. Any other layer goes into
//! [`layer`](crate::compose::layer), and can be listed anywhere.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, routing::post};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_http::{limit::RequestBodyLimitLayer, timeout::TimeoutLayer, trace::TraceLayer};
//! use wythe::compose;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let stack = compose((
//!     TraceLayer::new_for_http(),
//!     TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(10)),
//!     RequestBodyLimitLayer::new(5),
//! ));
//! let app: Router = Router::new()
//!     .route("/", post(async |body: String| body))
//!     .layer(stack);
//!
//! let send = |body| app.clone().oneshot(Request::post("/").body(Body::from(body)).unwrap());
//! assert_eq!(send("short").await.unwrap().status(), StatusCode::OK);
//! assert_eq!(send("longer").await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
//! # }
//! ```
//!
//! A limit outside the trace would hide its refusals from the trace, and does not compile:
//!
//! ```compile_fail,E0277
//! use tower_http::{limit::RequestBodyLimitLayer, trace::TraceLayer};
//! use wythe::compose;
//!
//! let stack = compose((RequestBodyLimitLayer::new(5), TraceLayer::new_for_http()));
//! ```
//!
//! # Responses
//!
//! The responses of these layers are empty or plain text; inside
//! [`with_presentation`](crate::presentation) they become problems.

mod answer;
#[cfg(feature = "tower-http-compression")]
mod plain_refusals;

use ::tower_http::{
    catch_panic::CatchPanicLayer,
    cors::CorsLayer,
    limit::RequestBodyLimitLayer,
    request_id::{PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::{
        SetSensitiveHeadersLayer, SetSensitiveRequestHeadersLayer, SetSensitiveResponseHeadersLayer,
    },
    timeout::TimeoutLayer,
    trace::TraceLayer,
};
#[cfg(feature = "tower-http-compression")]
use ::tower_http::{compression::CompressionLayer, decompression::RequestDecompressionLayer};
use http::StatusCode;

pub use answer::{AnswersBody, AnswersBodyService};
#[cfg(feature = "tower-http-compression")]
pub use plain_refusals::{Coded, Marking, MarkingFuture, PlainRefusals, PlainRefusalsService};

use crate::{
    compose::{Append, Cons, IntoList, Nil},
    contract::{
        Description, Place,
        description::{Answer, BodyBound},
        stage,
    },
};

/// Gives a layer its stage, and appends it to a list as it is (`plain`) or with [`Body`](crate::Body)
/// as its response body (`to_body`).
#[cfg_attr(
    not(feature = "tower-http-compression"),
    expect(unused_macro_rules, reason = "its layer alone is `to_compressed`")
)]
macro_rules! stand {
    (
        $how:ident $name:ident $(<$($parameter:ident),+>)? at $stage:ident
        $(, $status:ident $when:literal)?
        $(; $more:ident)?
    ) => {
        impl $(<$($parameter),+>)? Place for $name $(<$($parameter),+>)? {
            type Stage = stage::$stage;
            type Provides = ();
            type Needs = ();

            fn name(&self) -> &'static str {
                stringify!($name)
            }

            fn describe(&self) -> Description {
                Description::new(self.name())
                    $(.answer(Answer::new(StatusCode::$status).plain().when($when)))?
                    $(.$more(BodyBound::new()))?
            }
        }

        stand!(@$how $name; $($($parameter)+)?);

        impl $(<$($parameter),+>)? IntoList for $name $(<$($parameter),+>)? {
            type List = <Self as Append<Nil>>::Out;

            fn into_list(self) -> Self::List {
                self.append(Nil)
            }
        }
    };
    (@plain $name:ident; $($parameter:ident)*) => {
        impl<$($parameter,)* Rest> Append<Rest> for $name<$($parameter),*> {
            type Out = Cons<Self, Rest>;

            fn append(self, tail: Rest) -> Self::Out {
                Cons::new(self, tail)
            }
        }
    };
    (@to_compressed $name:ident; $($parameter:ident)*) => {
        impl<$($parameter,)* Rest> Append<Rest> for $name<$($parameter),*> {
            type Out = Cons<AnswersBody<PlainRefusals<Self>>, Rest>;

            fn append(self, tail: Rest) -> Self::Out {
                Cons::new(AnswersBody::new(PlainRefusals::new(self)), tail)
            }
        }
    };
    (@to_body $name:ident; $($parameter:ident)*) => {
        impl<$($parameter,)* Rest> Append<Rest> for $name<$($parameter),*> {
            type Out = Cons<AnswersBody<Self>, Rest>;

            fn append(self, tail: Rest) -> Self::Out {
                Cons::new(AnswersBody::new(self), tail)
            }
        }
    };
}

stand!(to_body TraceLayer<M, Span, Request, Response, Chunk, Eos, Failure> at Observe);
stand!(plain SetRequestIdLayer<M> at Observe);
stand!(plain PropagateRequestIdLayer at Observe);
stand!(plain SetSensitiveHeadersLayer at Observe);
stand!(plain SetSensitiveRequestHeadersLayer at Observe);
stand!(plain SetSensitiveResponseHeadersLayer at Observe);
stand!(plain CorsLayer at Cors, OK "to every OPTIONS request");
stand!(to_body CatchPanicLayer<T> at Present,
    INTERNAL_SERVER_ERROR "when an inner service panics");
#[cfg(feature = "tower-http-compression")]
stand!(to_compressed CompressionLayer<P> at Present);
stand!(plain TimeoutLayer at Admit,
    REQUEST_TIMEOUT "when there is no response in time (or the configured status)");
stand!(to_body RequestBodyLimitLayer at Body,
    PAYLOAD_TOO_LARGE "when `Content-Length` exceeds the limit"; bounds_body);
#[cfg(feature = "tower-http-compression")]
stand!(to_body RequestDecompressionLayer at Body,
    UNSUPPORTED_MEDIA_TYPE "when the content coding is unknown");
