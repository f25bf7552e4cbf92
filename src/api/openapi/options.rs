//! What a route says about itself in the document: names, texts, and what no type says.

use std::{borrow::Cow, fmt};

use schemars::JsonSchema;
use serde_json::Value;

use super::schemas::Schemas;
use crate::{contract::description::Answer, integrations::axum::Handled};

/// What the document says about a route beyond its types and layers.
#[derive(Clone, Default)]
pub(in crate::api) struct OperationOptions {
    pub(super) operation_id: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) description: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) is_deprecated: bool,
    pub(super) answers: Vec<Answer>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) bodies: Vec<(Cow<'static, str>, fn(&mut Schemas) -> Value)>,
}

impl fmt::Debug for OperationOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationOptions")
            .field("operation_id", &self.operation_id)
            .finish_non_exhaustive()
    }
}

/// A parameter that an extractor reads, for the document (OpenAPI 3.1, section 4.8.12).
///
/// # Example
///
/// ```
/// use wythe::{api::openapi::Parameter, compose};
///
/// async fn list(headers: axum::http::HeaderMap) {
///     drop(headers);
/// }
///
/// let list = compose(())
///     .handler(list)
///     .parameter(Parameter::header::<String>("accept-language").description("The reader's language."));
/// # let _: wythe::Handled<_, (), _, _, _> = list;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Parameter {
    pub(super) name: String,
    pub(super) location: &'static str,
    pub(super) is_required: bool,
    pub(super) description: Option<String>,
    pub(super) schema: fn(&mut Schemas) -> Value,
}

impl Parameter {
    /// A parameter of the path. It replaces what is known of the parameter of this name.
    pub fn path<T: JsonSchema>(name: impl Into<String>) -> Self {
        Self {
            is_required: true,
            ..Self::new::<T>("path", name.into())
        }
    }

    /// A parameter of the query.
    pub fn query<T: JsonSchema>(name: impl Into<String>) -> Self {
        Self::new::<T>("query", name.into())
    }

    /// A header field.
    pub fn header<T: JsonSchema>(name: impl Into<String>) -> Self {
        Self::new::<T>("header", name.into())
    }

    /// A cookie.
    pub fn cookie<T: JsonSchema>(name: impl Into<String>) -> Self {
        Self::new::<T>("cookie", name.into())
    }

    fn new<T: JsonSchema>(location: &'static str, name: String) -> Self {
        Self {
            name,
            location,
            is_required: false,
            description: None,
            schema: Schemas::input::<T>,
        }
    }

    /// Requests without it are refused.
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// What it is for.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter")
            .field("name", &self.name)
            .field("in", &self.location)
            .finish_non_exhaustive()
    }
}

/// For the [document](crate::api::openapi).
impl<L: Clone, S, A, O, I> Handled<L, S, A, O, I> {
    /// The `operationId`, which names the function in generated clients. By default it is the name of
    /// the handler.
    pub fn operation_id(self, id: impl Into<String>) -> Self {
        let id = id.into();
        self.with_document(|document| document.operation_id = Some(id))
    }

    /// What the route does, in a few words. By default they are made from the name of the handler:
    /// "List users".
    pub fn summary(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.with_document(|document| document.summary = Some(text))
    }

    /// What the route does, in full; CommonMark.
    pub fn description(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.with_document(|document| document.description = Some(text))
    }

    /// Adds a tag, by which documents group routes. By default it is the title of the
    /// [nested](crate::Api::nest) `Api`.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        let tag = tag.into();
        self.with_document(|document| document.tags.push(tag))
    }

    /// Clients should no longer use the route.
    pub fn deprecated(self) -> Self {
        self.with_document(|document| document.is_deprecated = true)
    }

    /// Adds an answer of the handler that its type does not show: a 409, for example.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use wythe::{Created, Problem, compose, description::Answer};
    ///
    /// async fn create() -> Result<Created<u64>, Problem> {
    ///     Err(Problem::new(StatusCode::CONFLICT))
    /// }
    ///
    /// let taken = Answer::new(StatusCode::CONFLICT).when("when the name is taken");
    /// let create = compose(()).handler(create).answers(taken);
    /// # let _: wythe::Handled<_, (), _, _, _> = create;
    /// ```
    pub fn answers(self, answer: Answer) -> Self {
        self.with_document(|document| document.answers.push(answer))
    }

    /// Adds a parameter that an extractor reads.
    pub fn parameter(self, parameter: Parameter) -> Self {
        self.with_document(|document| document.parameters.push(parameter))
    }

    /// The body that an extractor reads: its media type, and the schema of `T`.
    pub fn request_body<T: JsonSchema>(self, media_type: impl Into<Cow<'static, str>>) -> Self {
        let media_type = media_type.into();
        self.with_document(|document| document.bodies.push((media_type, Schemas::input::<T>)))
    }

    fn with_document(self, change: impl FnOnce(&mut OperationOptions)) -> Self {
        self.with_options(|options| change(options.more.get_or_insert_default()))
    }
}
