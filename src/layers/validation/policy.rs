//! The policy: how it is built, and what it does with a request.

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
    body::{BodyReader, ReadError, Refusals, announces_more, encoding, guess_encoding, is_encoded},
    input::{ContextOf, Format, Input, Valid},
    parse::Encoding,
};
use crate::{
    contract::{Always, Description, Later, Middleware, Place, Step, With, stage, with},
    wire::Problem,
};

const NAME: &str = "with_validation";

/// Reads and validates an input of every request.
///
/// The layer has the options:
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
/// See the [module](crate::validation) for what passes and what is rejected.
pub fn with_validation<I>() -> With<Validation<I>>
where
    I: Input,
    ContextOf<I>: Default,
{
    with(Validation::new())
}

/// How an input is read and validated; see the [module](crate::validation).
#[must_use]
pub struct Validation<I: Input>(Arc<CompiledValidation<ContextOf<I>>>);

struct CompiledValidation<C> {
    options: Options,
    refusals: Refusals,
    context: Arc<C>,
}

/// How many errors a 422 lists by default.
pub(super) const MAX_LISTED_ERRORS: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Options {
    max_body_bytes: usize,
    max_listed_errors: usize,
    any_content_type: bool,
}

impl Options {
    const DEFAULT: Self = Self {
        max_body_bytes: 1024 * 1024,
        max_listed_errors: MAX_LISTED_ERRORS,
        any_content_type: false,
    };
}

impl<I: Input> Validation<I> {
    /// The defaults: bodies of at most 1 MiB, at most 32 listed errors, and a matching content type.
    pub fn new() -> Self
    where
        ContextOf<I>: Default,
    {
        Self::in_context(ContextOf::<I>::default())
    }

    /// The same for rules that need a context: a list of reserved names, for example.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, Validation, compose, with};
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
        Self(Arc::new(CompiledValidation {
            options,
            refusals,
            context,
        }))
    }
}

impl<I: Input> Validation<I> {
    /// The largest body that is read, in bytes; 1,048,576 by default. With 0, only an empty form
    /// passes. The length of a query is limited by the server.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.change(|options| options.max_body_bytes = bytes)
    }

    /// How many errors a 422 lists at most; 32 by default. All are counted.
    pub fn max_listed_errors(self, errors: usize) -> Self {
        self.change(|options| options.max_listed_errors = errors)
    }

    /// Reads bodies of any content type and charset, and bodies without a content type.
    ///
    /// With [`JsonOrForm`](crate::JsonOrForm), a body whose content type is not that of a form is
    /// JSON.
    ///
    /// # Security
    ///
    /// A page of another origin can send such a body without a preflight, with the user's cookies.
    /// Use it only for clients that can't be changed, and where no cookie identifies a user.
    pub fn dangerously_ignore_content_type(self) -> Self {
        self.change(|options| options.any_content_type = true)
    }

    fn change(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.0.options;
        change(&mut options);
        Self::of(options, Arc::clone(&self.0.context))
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
    type Stage = stage::Validate;
    type Provides = Always<Valid<I>>;
    type Needs = ();

    fn describe(&self) -> Description {
        let description = Description::new(NAME);
        if I::FORMAT == Format::Query {
            return description
                .answers(StatusCode::BAD_REQUEST, "when the query can't be parsed")
                .answers(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "when its content is invalid",
                );
        }
        let bytes = self.0.options.max_body_bytes;
        description
            .answers(
                StatusCode::BAD_REQUEST,
                "when the body can't be read or parsed",
            )
            .answers(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("when the body has more than {bytes} bytes"),
            )
            .answers(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "when the body has another content type, or a content coding",
            )
            .answers(
                StatusCode::UNPROCESSABLE_ENTITY,
                "when its content is invalid",
            )
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
        NAME
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
        let mut reader = BodyReader::new(self.0.options.max_body_bytes);
        // A body that is in memory already needs no future. Any other is polled again with the
        // task's own waker before anything waits.
        let at_once = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(body) = reader.poll(request.body_mut(), at_once) {
            return match self.finish(request, encoding, body) {
                Ok(request) => Step::next(request, ()),
                Err(problem) => Step::reply(problem),
            };
        }
        let policy = self.clone();
        Later::pending(async move {
            let body = poll_fn(|cx| reader.poll(request.body_mut(), cx)).await;
            let read = policy.finish(request, encoding, body);
            Step::from(read.map(|request| (request, ())))
        })
    }
}

impl<I: Input> Validation<I> {
    /// How the body is encoded, or why it is not read.
    fn admit<B: Body>(&self, request: &Request<B>) -> Result<Encoding, Problem> {
        let CompiledValidation {
            options, refusals, ..
        } = &*self.0;
        let headers = request.headers();
        if is_encoded(headers) {
            return Err(refusals.content_coding.clone());
        }
        let encoding = if options.any_content_type {
            guess_encoding(I::FORMAT, headers)
        } else {
            let empty = request.body().is_end_stream();
            encoding(I::FORMAT, headers, empty, refusals)?
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

    /// The request with its validated input, once the body has been read.
    fn finish<B: From<Bytes>>(
        &self,
        mut request: Request<B>,
        encoding: Encoding,
        body: Result<Bytes, ReadError>,
    ) -> Result<Request<B>, Problem> {
        let body = body.map_err(|error| self.refuse(error))?;
        let valid = self.read(&body, encoding)?;
        valid.provide(request.extensions_mut());
        *request.body_mut() = B::from(body);
        Ok(request)
    }

    fn refuse(&self, error: ReadError) -> Problem {
        match error {
            ReadError::TooLarge => self.0.refusals.too_large.clone(),
            ReadError::Broken(error) => Problem::new(StatusCode::BAD_REQUEST)
                .reason("broken_body")
                .detail("The body could not be read completely.")
                .because(error),
        }
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
