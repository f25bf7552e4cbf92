//! The policy: how it is built, and what it does with a request.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    marker::PhantomData,
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Extensions, Request, StatusCode};
use http_body::Body;
use tower_layer::Layer;

use super::{
    body::{Refusals, encoding, guess_encoding},
    errors,
    input::{ContextOf, Format, Input, Valid},
    parse::Encoding,
};
use crate::{
    compose::{RouteList, When},
    contract::{
        Always, Description, Later, Middleware, Place, Placed, Step, With, Wrapped,
        description::{Answer, InputSource, RequestInput},
        placed, stage, with,
    },
    request::RequestHead,
    wire::{
        ConfigError, Problem,
        read_body::{BodyReader, ReadError, announces_more, is_encoded},
        type_name,
    },
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
pub fn with_validation<I>() -> Placed<Validation<I>>
where
    I: Input,
    ContextOf<I>: Default + Send + Sync + 'static,
{
    placed(Validation::new())
}

/// How an input is read and validated; see the [module](crate::validation).
// The input is erased inside, so that a type that is not an input is one error, and not one for each use
// of the stack.
#[must_use]
pub struct Validation<I> {
    compiled: Arc<CompiledValidation>,
    input: PhantomData<fn() -> I>,
}

struct CompiledValidation {
    format: Format,
    options: Options,
    refusals: Refusals,
    read: Arc<ReadInput>,
}

/// Reads and validates an input, and leaves it in the extensions. The last argument is how many errors
/// a 422 lists at most.
type ReadInput =
    dyn Fn(&[u8], Encoding, &mut Extensions, usize) -> Result<(), Problem> + Send + Sync;

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
        ContextOf<I>: Default + Send + Sync + 'static,
    {
        Self::in_context(ContextOf::<I>::default())
    }

    /// The same for rules that need a context: a list of reserved names, for example.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, Validation, compose, placed};
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
    /// let stack = compose((placed(Validation::<Json<NewTeam>>::in_context(reserved)),));
    /// ```
    pub fn in_context(context: ContextOf<I>) -> Self
    where
        ContextOf<I>: Send + Sync + 'static,
    {
        let read = move |written: &[u8], encoding, extensions: &mut Extensions, max_listed| {
            Valid::<I>::read(written, encoding, &context, max_listed)?.provide(extensions);
            Ok(())
        };
        Self::of(I::FORMAT, Options::DEFAULT, Arc::new(read))
    }
}

impl<I> Validation<I> {
    fn of(format: Format, options: Options, read: Arc<ReadInput>) -> Self {
        Self {
            compiled: Arc::new(CompiledValidation {
                format,
                options,
                refusals: Refusals::new(format, options.max_body_bytes),
                read,
            }),
            input: PhantomData,
        }
    }

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
        let CompiledValidation {
            format,
            mut options,
            ref read,
            ..
        } = *self.compiled;
        change(&mut options);
        Self::of(format, options, Arc::clone(read))
    }
}

impl<I> Placed<Validation<I>> {
    /// See [`Validation::max_body_bytes`].
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        placed(self.into_inner().max_body_bytes(bytes))
    }

    /// See [`Validation::max_listed_errors`].
    pub fn max_listed_errors(self, errors: usize) -> Self {
        placed(self.into_inner().max_listed_errors(errors))
    }

    /// See [`Validation::dangerously_ignore_content_type`].
    pub fn dangerously_ignore_content_type(self) -> Self {
        placed(self.into_inner().dangerously_ignore_content_type())
    }

    /// See [`With::when`].
    pub fn when<F>(self, condition: F) -> With<When<Validation<I>, F>>
    where
        F: Fn(&RequestHead<'_>) -> bool + Clone,
    {
        with(self.into_inner()).when(condition)
    }

    /// See [`With::except`].
    pub fn except<F>(self, condition: F) -> With<When<Validation<I>, F>>
    where
        F: Fn(&RequestHead<'_>) -> bool + Clone,
    {
        with(self.into_inner()).except(condition)
    }

    /// See [`With::only_routes`].
    ///
    /// # Errors
    ///
    /// As for [`With::only_routes`].
    pub fn only_routes<R>(
        self,
        routes: R,
    ) -> Result<With<When<Validation<I>, RouteList>>, ConfigError>
    where
        R: IntoIterator<Item: AsRef<str>>,
    {
        with(self.into_inner()).only_routes(routes)
    }

    /// See [`With::except_routes`].
    ///
    /// # Errors
    ///
    /// As for [`With::except_routes`].
    pub fn except_routes<R>(
        self,
        routes: R,
    ) -> Result<With<When<Validation<I>, RouteList>>, ConfigError>
    where
        R: IntoIterator<Item: AsRef<str>>,
    {
        with(self.into_inner()).except_routes(routes)
    }
}

impl<I, S> Layer<S> for Validation<I> {
    type Service = Wrapped<ErasedValidation, S>;

    fn layer(&self, inner: S) -> Self::Service {
        with(ErasedValidation(Arc::clone(&self.compiled))).layer(inner)
    }
}

/// A [`Validation`] whose type does not name the input, so that the service is compiled once for all
/// inputs.
#[derive(Clone)]
pub struct ErasedValidation(Arc<CompiledValidation>);

impl fmt::Debug for ErasedValidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedValidation")
    }
}

impl Place for ErasedValidation {
    type Stage = stage::Validate;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }
}

impl<B> Middleware<B> for ErasedValidation
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
{
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        self.0.before(request)
    }
}

impl<I: 'static> Place for Validation<I> {
    type Stage = stage::Validate;
    type Provides = Always<Valid<I>>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        self.compiled
            .describe(Description::new(self.name()), type_name::<I>())
    }
}

impl<I, B> Middleware<B> for Validation<I>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
{
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        self.compiled.before(request)
    }
}

impl CompiledValidation {
    fn describe(&self, layer: Description, type_name: String) -> Description {
        let Self {
            format,
            options,
            refusals,
            ..
        } = self;
        let mut malformed = Answer::new(StatusCode::BAD_REQUEST).reason("malformed");
        let mut invalid = Answer::of(&errors::list(Vec::new(), 0, None))
            .when("when the input is well-formed but invalid");
        if *format != Format::Json {
            malformed = malformed.member("byte");
        }
        if matches!(format, Format::Json | Format::JsonOrForm) {
            malformed = malformed.member("line").member("column");
            invalid = invalid.member("line").member("column");
        }
        if *format == Format::Query {
            return layer
                .reads(RequestInput::new(InputSource::Query, type_name))
                .answer(malformed.when("when the query can't be parsed"))
                .answer(invalid);
        }
        let max_bytes = u64::try_from(options.max_body_bytes).unwrap_or(u64::MAX);
        let mut input = RequestInput::new(InputSource::Body, type_name).max_bytes(max_bytes);
        let (unsupported, when) = if options.any_content_type {
            (
                Answer::of(&refusals.content_coding),
                "when the body has a content coding",
            )
        } else {
            let media_types = format.media_types().iter().copied();
            input = media_types.fold(input, RequestInput::media_type);
            let unsupported = Answer::of(&refusals.wrong_type).or(&refusals.content_coding);
            (
                unsupported,
                "when the body has another content type, or a content coding",
            )
        };
        if !options.any_content_type {
            malformed = malformed.or(&refusals.no_body);
        }
        let malformed = malformed.reason("broken_body");
        layer
            .answer(malformed.when("when the body can't be read or parsed"))
            .answer(Answer::of(&refusals.too_large).when(input.when_too_large()))
            .answer(unsupported.when(when))
            .answer(invalid)
            .reads(input)
    }

    fn before<B>(self: &Arc<Self>, mut request: Request<B>) -> Later<Step<B, ()>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
    {
        if self.format == Format::Query {
            return match self.read_query(&mut request) {
                Ok(()) => Step::next(request, ()),
                Err(problem) => Step::reply(problem),
            };
        }
        let encoding = match self.admit(&request) {
            Ok(encoding) => encoding,
            Err(problem) => return Step::reply(problem),
        };
        let mut reader = BodyReader::new(self.options.max_body_bytes);
        // A body that is in memory already needs no future. Any other is polled again with the
        // task's own waker before anything waits.
        let at_once = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(body) = reader.poll(request.body_mut(), at_once) {
            return match self.finish(&mut request, encoding, body) {
                Ok(()) => Step::next(request, ()),
                Err(problem) => Step::reply(problem),
            };
        }
        let validation = Arc::clone(self);
        Later::pending(async move {
            let body = poll_fn(|cx| reader.poll(request.body_mut(), cx)).await;
            let read = validation.finish(&mut request, encoding, body);
            Step::from(read.map(|()| (request, ())))
        })
    }

    fn read_query<B>(&self, request: &mut Request<B>) -> Result<(), Problem> {
        // The extensions are taken out, because the query is borrowed from the request.
        let mut extensions = mem::take(request.extensions_mut());
        let query = request.uri().query().unwrap_or_default();
        let read = self.read(query.as_bytes(), Encoding::Query, &mut extensions);
        *request.extensions_mut() = extensions;
        read
    }

    fn read(
        &self,
        written: &[u8],
        encoding: Encoding,
        extensions: &mut Extensions,
    ) -> Result<(), Problem> {
        (self.read)(
            written,
            encoding,
            extensions,
            self.options.max_listed_errors,
        )
    }

    /// How the body is encoded, or why it is not read.
    fn admit<B: Body>(&self, request: &Request<B>) -> Result<Encoding, Problem> {
        let Self {
            format,
            options,
            refusals,
            ..
        } = self;
        let headers = request.headers();
        if is_encoded(headers) {
            return Err(refusals.content_coding.clone());
        }
        let encoding = if options.any_content_type {
            guess_encoding(*format, headers)
        } else {
            let empty = request.body().is_end_stream();
            encoding(*format, headers, empty, refusals)?
        };
        if announces_more(headers, request.body(), options.max_body_bytes) {
            return Err(refusals.too_large.clone());
        }
        Ok(encoding)
    }

    /// Gives the request its validated input, once the body has been read.
    fn finish<B: From<Bytes>>(
        &self,
        request: &mut Request<B>,
        encoding: Encoding,
        body: Result<Bytes, ReadError>,
    ) -> Result<(), Problem> {
        let body = body.map_err(|error| self.refuse(error))?;
        self.read(&body, encoding, request.extensions_mut())?;
        *request.body_mut() = B::from(body);
        Ok(())
    }

    fn refuse(&self, error: ReadError) -> Problem {
        match error {
            ReadError::TooLarge => self.refusals.too_large.clone(),
            ReadError::TooSlow => Problem::slow_body(),
            ReadError::Broken(error) => Problem::new(StatusCode::BAD_REQUEST)
                .reason("broken_body")
                .detail("The body could not be read completely.")
                .because(error),
        }
    }
}

impl<I> Clone for Validation<I> {
    fn clone(&self) -> Self {
        Self {
            compiled: Arc::clone(&self.compiled),
            input: PhantomData,
        }
    }
}

impl<I> Default for Validation<I>
where
    I: Input,
    ContextOf<I>: Default + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<I> fmt::Debug for Validation<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CompiledValidation {
            format, options, ..
        } = &*self.compiled;
        f.debug_struct("Validation")
            .field("format", format)
            .field("max_body_bytes", &options.max_body_bytes)
            .field("max_listed_errors", &options.max_listed_errors)
            .field("any_content_type", &options.any_content_type)
            .finish()
    }
}
