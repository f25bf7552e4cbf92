//! The policy: its options, its place, and what it does with a request.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    sync::Arc,
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
    refusal::Refusals,
    valid::{ContextOf, Valid},
};
use crate::{
    describe::Description,
    middleware::{Middleware, Step, With, with},
    place::{Always, Place},
    problem::Problem,
    stage::Validate,
};

/// Reads and validates an input of every request.
///
/// The options follow at once:
///
/// ```
/// use wythe::{Query, with_validation};
///
/// #[derive(serde::Deserialize, garde::Validate)]
/// struct Page {
///     #[garde(range(min = 1, max = 100))]
///     per_page: Option<u32>,
/// }
///
/// let layer = with_validation::<Query<Page>>().max_listed_errors(5);
/// ```
///
/// See the [module](crate::validation) for what passes and what is refused.
pub fn with_validation<I>() -> With<Validation<I>>
where
    I: Input,
    ContextOf<I>: Default,
{
    with(Validation::new())
}

/// How an input is read and validated; see the [module](crate::validation).
#[must_use]
pub struct Validation<I: Input>(Arc<Settings<ContextOf<I>>>);

struct Settings<C> {
    options: Options,
    refusals: Refusals,
    context: Arc<C>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    max_body_bytes: usize,
    pub(super) max_listed_errors: usize,
    any_content_type: bool,
}

impl Options {
    pub(super) const DEFAULT: Self = Self {
        max_body_bytes: 1024 * 1024,
        max_listed_errors: 32,
        any_content_type: false,
    };
}

impl<I: Input> Validation<I> {
    /// The defaults: bodies up to 1 MiB, 32 errors listed, the right content type required.
    pub fn new() -> Self
    where
        ContextOf<I>: Default,
    {
        Self::in_context(ContextOf::<I>::default())
    }

    /// The same, for rules that need a context: a list of words to refuse, for example.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, compose, validation::Validation, with};
    ///
    /// struct Reserved(Vec<String>);
    ///
    /// #[derive(serde::Deserialize, garde::Validate)]
    /// #[garde(context(Reserved))]
    /// struct NewTeam {
    ///     #[garde(custom(is_free))]
    ///     name: String,
    /// }
    ///
    /// fn is_free(name: &str, reserved: &Reserved) -> garde::Result {
    ///     if reserved.0.iter().any(|word| word == name) {
    ///         return Err(garde::Error::new("this name is reserved"));
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let reserved = Reserved(vec!["admin".into()]);
    /// let stack = compose((with(Validation::<Json<NewTeam>>::in_context(reserved)),));
    /// ```
    pub fn in_context(context: ContextOf<I>) -> Self {
        Self::of(Options::DEFAULT, Arc::new(context))
    }

    fn of(options: Options, context: Arc<ContextOf<I>>) -> Self {
        let refusals = Refusals::new(I::FORMAT, options.max_body_bytes);
        Self(Arc::new(Settings {
            options,
            refusals,
            context,
        }))
    }

    /// The largest body that is read, in bytes; 1,048,576 unless told. With 0, only an empty body
    /// passes. A query is as long as the server lets a URI be.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.change(|options| options.max_body_bytes = bytes)
    }

    /// How many errors a 422 lists; 32 unless told. All are counted.
    pub fn max_listed_errors(self, errors: usize) -> Self {
        self.change(|options| options.max_listed_errors = errors)
    }

    /// Reads bodies of any content type, charset parameter included, or of none.
    ///
    /// Dangerous: a page of another origin can send such a body without asking first, with the
    /// user's cookies. Only for clients that can't be changed, and where no cookie identifies
    /// anyone. With [`JsonOrForm`](super::JsonOrForm), what does not say that it is a form is JSON.
    pub fn dangerously_ignore_content_type(self) -> Self {
        self.change(|options| options.any_content_type = true)
    }

    fn change(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.0.options;
        change(&mut options);
        Self::of(options, Arc::clone(&self.0.context))
    }

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
                .detail("The body could not be read to its end.")
                .because(error),
        }
    }
}

impl<I: Input> With<Validation<I>> {
    /// See [`Validation::max_body_bytes`].
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        with(self.into_middleware().max_body_bytes(bytes))
    }

    /// See [`Validation::max_listed_errors`].
    pub fn max_listed_errors(self, errors: usize) -> Self {
        with(self.into_middleware().max_listed_errors(errors))
    }

    /// See [`Validation::dangerously_ignore_content_type`].
    pub fn dangerously_ignore_content_type(self) -> Self {
        with(self.into_middleware().dangerously_ignore_content_type())
    }
}

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

    fn before(&self, mut request: Request<B>) -> Step<B, ()> {
        if I::FORMAT == Format::Query {
            let query = request.uri().query().unwrap_or_default();
            return match self.read(query.as_bytes(), Encoding::Query) {
                Ok(valid) => {
                    valid.provide(request.extensions_mut());
                    Step::Next(request, ())
                }
                Err(problem) => Step::Reply(problem.into()),
            };
        }
        let encoding = match self.admit(&request) {
            Ok(encoding) => encoding,
            Err(problem) => return Step::Reply(problem.into()),
        };
        let mut reading = Reading::new(self.0.options.max_body_bytes);
        // A body that is in memory already needs no future. One that is not is polled again, with
        // the task's own waker, before anything waits.
        let at_once = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(body) = reading.poll(request.body_mut(), at_once) {
            return match self.finish(request, encoding, body) {
                Ok(request) => Step::Next(request, ()),
                Err(problem) => Step::Reply(problem.into()),
            };
        }
        let policy = self.clone();
        Step::wait(async move {
            let body = poll_fn(|cx| reading.poll(request.body_mut(), cx)).await;
            let read = policy.finish(request, encoding, body);
            read.map(|request| (request, ()))
                .map_err(Problem::into_response)
        })
    }
}

impl<I: Input> Clone for Validation<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> Default for Validation<I>
where
    I: Input,
    ContextOf<I>: Default,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Input> fmt::Debug for Validation<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation")
            .field("format", &I::FORMAT)
            .field("max_body_bytes", &self.0.options.max_body_bytes)
            .field("max_listed_errors", &self.0.options.max_listed_errors)
            .field("any_content_type", &self.0.options.any_content_type)
            .finish()
    }
}
