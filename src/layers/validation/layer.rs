//! What the layer does with a request, whatever the types of its inputs are.

use std::{
    any::Any,
    error::Error,
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, StatusCode, request::Parts};
use http_body::Body;

use super::{
    body::{Options, Refusals, encoding, guess_encoding},
    check::CheckFuture,
    encoding::{Encoding, Format},
    errors::{ErrorList, FieldError},
    input_set::InputType,
    parse::{Reading, too_many_values},
};
use crate::{
    contract::{
        Description, Later, Middleware, Place, Step,
        description::{Answer, InputSource, RequestInput},
        stage,
    },
    request::RequestHead,
    wire::{
        Problem,
        read_body::{BodyReader, ReadError, announces_more, is_encoded},
    },
};

/// The name of the layer.
pub(super) const NAME: &str = "with_validation";

/// More values than the query of any request has: the `http` crate reads no longer URI.
const MAX_QUERY_VALUES: usize = 65_534;

/// A validation without the types of its inputs.
pub(super) struct CompiledValidation {
    pub(super) inputs: Arc<[InputType]>,
    /// The format of the body, and whether it may be missing.
    pub(super) body: Option<(Format, bool)>,
    pub(super) options: Options,
    pub(super) refusals: Refusals,
    pub(super) read: Arc<dyn ReadInputs>,
    pub(super) texts: Option<Arc<TextOfError>>,
}

pub(super) type TextOfError =
    dyn Fn(&FieldError<'_>, &RequestHead<'_>) -> Option<String> + Send + Sync;

/// Reads the inputs of a request, and leaves them in its extensions unless one is invalid.
pub(super) trait ReadInputs: Send + Sync {
    fn read(&self, reading: &mut Reading<'_>) -> Result<Option<CheckFuture>, Problem>;

    /// The [`RuleContext`], for the same inputs with a check.
    fn context(&self) -> Arc<dyn Any + Send + Sync>;
}

/// A [`Validation`](crate::Validation) whose type does not name the input, so that the service is compiled once for all
/// inputs.
#[derive(Clone)]
pub struct ErasedValidation(Arc<CompiledValidation>);

impl ErasedValidation {
    pub(super) const fn new(validation: Arc<CompiledValidation>) -> Self {
        Self(validation)
    }
}

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

impl CompiledValidation {
    pub(super) fn new(inputs: Vec<InputType>, read: Arc<dyn ReadInputs>) -> Self {
        let mut bodies = inputs.iter().filter(|input| input.is_body());
        let body = bodies.next().map(|input| (input.format, input.is_optional));
        Self {
            refusals: Refusals::new(body.map(|(format, _)| format), &Options::DEFAULT),
            inputs: inputs.into(),
            body,
            options: Options::DEFAULT,
            read,
            texts: None,
        }
    }

    pub(super) fn describe(&self, layer: Description) -> Description {
        let inputs = self.inputs.iter().map(|input| self.describe_input(input));
        let layer = inputs.fold(layer, Description::reads);
        let layer = self.describe_query(layer);
        let mut malformed = Answer::new(StatusCode::BAD_REQUEST).reason("malformed");
        let mut invalid = Answer::of(&ErrorList::new(0).into_problem())
            .when("when the input is well-formed but invalid");
        if self.has(&[Format::Form, Format::JsonOrForm, Format::Query]) {
            malformed = malformed.member("byte");
        }
        if self.has(&[Format::Json, Format::JsonOrForm]) {
            malformed = malformed.member("line").member("column");
            invalid = invalid.member("line").member("column");
        }
        if let Some((format, is_optional)) = self.body {
            return self
                .describe_body(layer, malformed, format, is_optional)
                .answer(invalid);
        }
        let when = match (self.has(&[Format::Query]), self.has(&[Format::Path])) {
            (true, true) => "when the query or the path can't be parsed",
            (false, true) => "when the path can't be parsed",
            (true, false) => "when the query can't be parsed",
            // Nothing else can go wrong with header fields and cookies.
            (false, false) => return layer.answer(invalid),
        };
        layer.answer(malformed.when(when)).answer(invalid)
    }

    /// Whether an input has one of these formats.
    fn has(&self, formats: &[Format]) -> bool {
        let mut inputs = self.inputs.iter();
        inputs.any(|input| formats.contains(&input.format))
    }

    fn describe_input(&self, described: &InputType) -> RequestInput {
        let source = Encoding::only(described.format).source();
        let mut input = RequestInput::new(source, described.name.clone());
        if described.is_optional {
            input = input.optional();
        }
        let is_nested = matches!(
            described.format,
            Format::Form | Format::JsonOrForm | Format::Query
        );
        if self.options.has_nested_keys && is_nested {
            input = input.nested_keys();
        }
        if self.options.rejects_unknown_names {
            input = input.reject_unknown_names();
        }
        if source == InputSource::Path {
            input = input.path_check(described.check_path);
        }
        if source != InputSource::Body {
            return input;
        }
        input = input.max_bytes(self.max_bytes());
        if self.options.any_content_type {
            return input;
        }
        if self.options.media_types.is_empty() {
            let media_types = described.format.media_types().iter().copied();
            return media_types.fold(input, RequestInput::media_type);
        }
        let media_types = self.options.media_types.iter().cloned();
        media_types.fold(input, RequestInput::media_type)
    }

    /// The answer to a query with too many values, if there is a query that can have as many.
    fn describe_query(&self, layer: Description) -> Description {
        let max_values = self.options.max_values;
        if !self.has(&[Format::Query]) || max_values >= MAX_QUERY_VALUES {
            return layer;
        }
        let too_long = Answer::of(&too_many_values(max_values, Encoding::Query));
        layer.answer(too_long.when(format!("when the query has more than {max_values} values")))
    }

    /// The answers to a body of this format that is not read.
    fn describe_body(
        &self,
        layer: Description,
        malformed: Answer,
        format: Format,
        is_optional: bool,
    ) -> Description {
        let refusals = &self.refusals;
        let mut malformed = malformed;
        let is_any = format == Format::Binary && self.options.media_types.is_empty();
        let has_type = !self.options.any_content_type && !is_any;
        let (unsupported, when) = if has_type {
            (
                Answer::of(&refusals.wrong_type).or(&refusals.content_coding),
                "when the body has another content type, or a content coding",
            )
        } else {
            (
                Answer::of(&refusals.content_coding),
                "when the body has a content coding",
            )
        };
        if has_type && !is_optional {
            malformed = malformed.or(&refusals.no_body);
        }
        let malformed = malformed.reason("broken_body");
        let too_large = format!("when the body has more than {} bytes", self.max_bytes());
        let mut too_large = Answer::of(&refusals.too_large).when(too_large);
        if self.has(&[Format::Json, Format::JsonOrForm, Format::Form]) {
            too_large = too_large.reason("too_many_values").member("max_values");
        }
        layer
            .answer(malformed.when("when the body can't be read or parsed"))
            .answer(too_large)
            .answer(unsupported.when(when))
    }

    fn max_bytes(&self) -> u64 {
        u64::try_from(self.options.max_body_bytes).unwrap_or(u64::MAX)
    }

    pub(super) fn before<B>(self: &Arc<Self>, mut request: Request<B>) -> Later<Step<B, ()>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
    {
        let Some((format, is_optional)) = self.body else {
            return self.decide(request, None);
        };
        if is_optional && request.body().is_end_stream() {
            return self.decide(request, None);
        }
        let encoding = match self.admit(format, &request) {
            Ok(encoding) => encoding,
            Err(problem) => return Step::reply(problem),
        };
        let mut reader = BodyReader::new(self.options.max_body_bytes);
        // A body that is in memory already needs no future. Any other is polled again with the
        // task's own waker before anything waits.
        let noop_context = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(body) = reader.poll(request.body_mut(), noop_context) {
            return match body {
                Ok(body) => self.decide(request, Some((encoding, body))),
                Err(error) => Step::reply(self.refuse(error)),
            };
        }
        let validation = Arc::clone(self);
        Later::pending(async move {
            let body = poll_fn(|cx| reader.poll(request.body_mut(), cx)).await;
            match body {
                Ok(body) => {
                    validation
                        .decide(request, Some((encoding, body)))
                        .wait()
                        .await
                }
                Err(error) => Step::Reply(validation.refuse(error).into()),
            }
        })
    }

    /// How the body is encoded, or why it is not read.
    fn admit<B: Body>(&self, format: Format, request: &Request<B>) -> Result<Encoding, Problem> {
        let (options, refusals) = (&self.options, &self.refusals);
        let headers = request.headers();
        if is_encoded(headers) {
            return Err(refusals.content_coding.clone());
        }
        let encoding = if options.any_content_type {
            guess_encoding(format, headers)
        } else {
            let empty = request.body().is_end_stream();
            encoding(format, &options.media_types, headers, empty, refusals)?
        };
        if announces_more(headers, request.body(), options.max_body_bytes) {
            return Err(refusals.too_large.clone());
        }
        Ok(encoding)
    }

    /// Gives the request its inputs, once the body has been read.
    fn decide<B>(
        self: &Arc<Self>,
        request: Request<B>,
        body: Option<(Encoding, Bytes)>,
    ) -> Later<Step<B, ()>>
    where
        B: From<Bytes> + Send + 'static,
    {
        let (mut parts, stream) = request.into_parts();
        let encoding = body.as_ref().map(|(encoding, _)| *encoding);
        let read = self.read(&mut parts, body.as_ref());
        let stream = match body {
            Some((_, bytes)) => B::from(bytes),
            None => stream,
        };
        match read {
            Ok(None) => Step::next(Request::from_parts(parts, stream), ()),
            Err(problem) => Step::reply(problem),
            Ok(Some(check)) => {
                let validation = Arc::clone(self);
                Later::pending(async move {
                    let mut errors = ErrorList::new(validation.options.max_listed_errors);
                    match check.await {
                        Ok(found) => found.list(&validation.inputs, encoding, &mut errors),
                        Err(problem) => return Step::Reply(problem.into()),
                    }
                    if errors.is_empty() {
                        return Step::Next(Request::from_parts(parts, stream), ());
                    }
                    Step::Reply(validation.refusal(errors, &parts).into())
                })
            }
        }
    }

    fn read(
        &self,
        parts: &mut Parts,
        body: Option<&(Encoding, Bytes)>,
    ) -> Result<Option<CheckFuture>, Problem> {
        let mut reading = Reading {
            parts,
            body: body.map(|(encoding, bytes)| (*encoding, bytes)),
            form: &[],
            options: &self.options,
            errors: ErrorList::new(self.options.max_listed_errors),
        };
        let check = self.read.read(&mut reading)?;
        let errors = reading.errors;
        if errors.is_empty() {
            return Ok(check);
        }
        Err(self.refusal(errors, parts))
    }

    fn refusal(&self, mut errors: ErrorList, parts: &Parts) -> Problem {
        if let Some(texts) = &self.texts {
            let head = RequestHead::from(parts);
            errors.reword(|error| texts(error, &head));
        }
        errors.into_problem()
    }

    fn refuse(&self, error: ReadError) -> Problem {
        match error {
            ReadError::TooLarge => self.refusals.too_large.clone(),
            ReadError::TooSlow => Problem::slow_body(),
            ReadError::Broken(error) => Problem::broken_body().because(error),
        }
    }
}
