//! What the policy does with a request, and where it stands.

use std::{
    error::Error,
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body;

use super::{
    body::{Failed, Reading, announces_more},
    content_type,
    input::{Format, Input},
    parse::Encoding,
    policy::{Settings, Validation},
    valid::{ContextOf, Valid},
};
use crate::{
    contract::{Always, Description, Later, Middleware, Place, Step, stage::Validate},
    wire::Problem,
};

impl<I: Input> Place for Validation<I> {
    type Stage = Validate;
    type Provides = Always<Valid<I>>;
    type Needs = ();

    fn describe(&self) -> Description {
        let description = Description::new("with_validation");
        if I::FORMAT == Format::Query {
            return description
                .answers(StatusCode::BAD_REQUEST, "when the query can't be read")
                .answers(StatusCode::UNPROCESSABLE_ENTITY, "when it is not valid");
        }
        let bytes = self.0.options.max_body_bytes;
        description
            .answers(StatusCode::BAD_REQUEST, "when the body can't be read")
            .answers(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("when it has more than {bytes} bytes"),
            )
            .answers(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "when it is of another type, or coded",
            )
            .answers(StatusCode::UNPROCESSABLE_ENTITY, "when it is not valid")
    }
}

impl<I, B> Middleware<B> for Validation<I>
where
    I: Input,
    ContextOf<I>: Send + Sync + 'static,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
{
    type Carry = ();

    fn name(&self) -> &'static str {
        "with_validation"
    }

    fn before(&self, mut request: Request<B>) -> Later<Step<B, ()>> {
        if I::FORMAT == Format::Query {
            let query = request.uri().query().unwrap_or_default();
            return match self.read(query.as_bytes(), Encoding::Query) {
                Ok(valid) => {
                    valid.provide(request.extensions_mut());
                    Step::next(request, ())
                }
                Err(problem) => Step::reply(problem),
            };
        }
        let encoding = match self.admit(&request) {
            Ok(encoding) => encoding,
            Err(problem) => return Step::reply(problem),
        };
        let mut reading = Reading::new(self.0.options.max_body_bytes);
        // A body that is in memory already needs no future. One that is not is polled again, with
        // the task's own waker, before anything waits.
        let at_once = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(body) = reading.poll(request.body_mut(), at_once) {
            return match self.finish(request, encoding, body) {
                Ok(request) => Step::next(request, ()),
                Err(problem) => Step::reply(problem),
            };
        }
        let policy = self.clone();
        Later::pending(async move {
            let body = poll_fn(|cx| reading.poll(request.body_mut(), cx)).await;
            let read = policy.finish(request, encoding, body);
            Step::from(read.map(|request| (request, ())))
        })
    }
}

impl<I: Input> Validation<I> {
    /// How the body is written, or why it is not even read.
    fn admit<B: Body>(&self, request: &Request<B>) -> Result<Encoding, Problem> {
        let Settings {
            options, refusals, ..
        } = &*self.0;
        let headers = request.headers();
        if content_type::is_coded(headers) {
            return Err(refusals.coding.clone());
        }
        let encoding = if options.any_content_type {
            content_type::guess(I::FORMAT, headers)
        } else {
            let empty = request.body().is_end_stream();
            content_type::encoding(I::FORMAT, headers, empty, refusals)?
        };
        if announces_more(headers, request.body(), options.max_body_bytes) {
            return Err(refusals.too_large.clone());
        }
        Ok(encoding)
    }

    fn read(&self, written: &[u8], encoding: Encoding) -> Result<Valid<I>, Problem> {
        let max_listed_errors = self.0.options.max_listed_errors;
        let context = self.0.context.as_ref();
        Valid::read(written, encoding, context, max_listed_errors)
    }

    /// What becomes of a request whose body was read, or not.
    fn finish<B: From<Bytes>>(
        &self,
        mut request: Request<B>,
        encoding: Encoding,
        body: Result<Bytes, Failed>,
    ) -> Result<Request<B>, Problem> {
        let body = body.map_err(|failed| self.refuse(failed))?;
        let valid = self.read(&body, encoding)?;
        valid.provide(request.extensions_mut());
        *request.body_mut() = B::from(body);
        Ok(request)
    }

    fn refuse(&self, failed: Failed) -> Problem {
        match failed {
            Failed::TooLarge => self.0.refusals.too_large.clone(),
            Failed::Broken(error) => Problem::new(StatusCode::BAD_REQUEST)
                .reason("broken_body")
                .detail("The body could not be read to its end.")
                .because(error),
        }
    }
}
