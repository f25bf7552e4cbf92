//! The policy: how it is built, and what it does with a request.

use std::{any::Any, error::Error, fmt, future::Future, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower_layer::Layer;

use super::{
    body::Refusals,
    check::{CheckFuture, FieldErrors},
    errors::FieldError,
    input::{ReadMode, WithRules, WithoutRules},
    input_set::{InputSet, ProvidedInputs},
    layer::{CompiledValidation, ErasedValidation, NAME, ReadInputs},
    parse::Reading,
};
use crate::{
    compose::{RouteList, When},
    contract::{
        Description, Later, Middleware, Place, Placed, Step, With, Wrapped, placed, stage, with,
    },
    request::RequestHead,
    wire::{ConfigError, Problem, field::media_type::MediaType},
};

/// Reads one or more inputs of every request, and checks them against their rules.
///
/// # Example: several parts of a request
///
/// ```
/// use wythe::{Json, Problem, Query, Valid, compose, with_validation};
///
/// #[derive(serde::Deserialize, garde::Validate)]
/// struct Options {
///     #[serde(default)]
///     #[garde(skip)]
///     dry_run: bool,
/// }
///
/// #[derive(serde::Deserialize, garde::Validate)]
/// struct NewUser {
///     #[garde(length(chars, min = 2, max = 50))]
///     name: String,
/// }
///
/// let create = compose((
///     with_validation::<(Query<Options>, Json<NewUser>)>()
///         .max_body_bytes(64 * 1024)
///         .max_listed_errors(5),
/// ));
///
/// # #[cfg(feature = "axum")]
/// async fn create_user(options: Valid<Query<Options>>, user: Valid<Json<NewUser>>) -> String {
///     format!("{} {}", user.name, options.dry_run)
/// }
/// # #[cfg(feature = "axum")]
/// let route: axum::Router = axum::Router::new()
///     .route("/users", axum::routing::post(create.handler(create_user)));
/// ```
///
/// See the [module](crate::validation) for what passes and what is rejected.
pub fn with_validation<I>() -> Placed<Validation<I>>
where
    I: InputSet<WithRules, Context: Default>,
{
    placed(Validation::new())
}

/// Reads inputs without rules: their size, content type and syntax are checked, and whether serde can
/// deserialize them. The handler gets them as [`Parsed`](crate::Parsed).
///
/// # Example
///
/// ```
/// use wythe::{Json, Parsed, compose, with_parsing};
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     theme: String,
/// }
///
/// let stack = compose((with_parsing::<Json<Settings>>().max_body_bytes(1024),));
///
/// async fn save(Parsed(Json(settings)): Parsed<Json<Settings>>) -> String {
///     settings.theme
/// }
/// # #[cfg(feature = "axum")]
/// # let _: axum::routing::MethodRouter = axum::routing::post(stack.handler(save));
/// ```
///
/// The answers are those of [`with_validation`].
pub fn with_parsing<I>() -> Placed<Validation<I, WithoutRules>>
where
    I: InputSet<WithoutRules, Context: Default>,
{
    placed(Validation::new())
}

/// How inputs are read and validated; see the [module](crate::validation).
// The inputs are erased inside, so that a type that is not an input is one error, and not one for each
// use of the stack.
#[must_use]
pub struct Validation<I, R = WithRules> {
    pub(super) compiled: Arc<CompiledValidation>,
    input: PhantomData<fn() -> (I, R)>,
}

/// The inputs `I`, with what their rules need.
struct TypedInputs<I: InputSet<R>, R> {
    context: Arc<RuleContext<I::Context>>,
    check: Option<Box<CheckOf<I, R>>>,
}

type CheckOf<I, R> = dyn for<'a> Fn(<I as InputSet<R>>::Values<'a>) -> CheckFuture + Send + Sync;

/// The context of the rules.
enum RuleContext<C> {
    Fixed(C),
    OfRequest(Box<dyn Fn(&RequestHead<'_>) -> C + Send + Sync>),
}

impl<I: InputSet<R>, R: ReadMode> ReadInputs for TypedInputs<I, R> {
    fn read(&self, reading: &mut Reading<'_>) -> Result<Option<CheckFuture>, Problem> {
        let values = match &*self.context {
            RuleContext::Fixed(context) => I::read(reading, context)?,
            RuleContext::OfRequest(context) => {
                let context = context(&RequestHead::from(&*reading.parts));
                I::read(reading, &context)?
            }
        };
        let Some(values) = values.filter(|_| reading.errors.is_empty()) else {
            return Ok(None);
        };
        let check = self.check.as_ref().map(|check| check(I::values(&values)));
        I::provide(values, &mut reading.parts.extensions);
        Ok(check)
    }

    fn context(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(&self.context) as _
    }
}

impl<I: InputSet<R>, R: ReadMode> Validation<I, R> {
    /// The defaults: bodies of at most 1 MiB with at most 100,000 values, at most 32 listed errors, and a
    /// matching content type.
    pub fn new() -> Self
    where
        I::Context: Default,
    {
        Self::in_context(I::Context::default())
    }

    /// The same for rules that need a context: a list of reserved names, for example. The context of a
    /// tuple of inputs is a tuple.
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
    pub fn in_context(context: I::Context) -> Self {
        Self::with_context(RuleContext::Fixed(context))
    }

    /// The same with a context that is made for each request, from its head.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, Validation, compose, placed};
    ///
    /// struct Client {
    ///     is_old: bool,
    /// }
    ///
    /// #[derive(serde::Deserialize, garde::Validate)]
    /// #[garde(context(Client))]
    /// struct NewUser {
    ///     #[garde(custom(is_sent_by_new_clients))]
    ///     phone: Option<String>,
    /// }
    ///
    /// fn is_sent_by_new_clients(phone: &Option<String>, client: &Client) -> garde::Result {
    ///     if phone.is_none() && !client.is_old {
    ///         return Err(garde::Error::new("not set"));
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let validation = Validation::<Json<NewUser>>::in_context_of(|head| Client {
    ///     is_old: head.headers().get("x-client").is_some_and(|client| client == "1.0"),
    /// });
    /// let stack = compose((placed(validation),));
    /// ```
    pub fn in_context_of(
        context: impl Fn(&RequestHead<'_>) -> I::Context + Send + Sync + 'static,
    ) -> Self {
        Self::with_context(RuleContext::OfRequest(Box::new(context)))
    }

    fn with_context(context: RuleContext<I::Context>) -> Self {
        let read = TypedInputs::<I, R> {
            context: Arc::new(context),
            check: None,
        };
        Self::of(CompiledValidation::new(I::inputs(), Arc::new(read)))
    }

    /// Checks what only the application knows, after all rules have passed: that a name is not taken, for
    /// example. Its errors are those of a 422, in the same shape as those of rules.
    ///
    /// The closure gets a reference to the value (for a tuple of inputs, a tuple of references) and takes
    /// out of it what the future needs.
    ///
    /// # Errors
    ///
    /// A [`Problem`] of the future is the answer: a 503 if a database can't be reached, for example.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, Problem, compose, validation::FieldErrors, with_validation};
    ///
    /// #[derive(serde::Deserialize, garde::Validate)]
    /// struct NewUser {
    ///     #[garde(length(chars, min = 2, max = 50))]
    ///     name: String,
    /// }
    ///
    /// # #[derive(Clone)]
    /// # struct Database;
    /// # impl Database { async fn has_user(&self, _: &str) -> Result<bool, Problem> { Ok(true) } }
    /// # let database = Database;
    /// let validation = with_validation::<Json<NewUser>>().check(move |user: &NewUser| {
    ///     let (database, name) = (database.clone(), user.name.clone());
    ///     async move {
    ///         if database.has_user(&name).await? {
    ///             return Ok(FieldErrors::at("/name", "taken", "this name is taken"));
    ///         }
    ///         Ok(FieldErrors::none())
    ///     }
    /// });
    /// let stack = compose((validation,));
    /// ```
    pub fn check<F, Fut>(self, check: F) -> Self
    where
        F: for<'a> Fn(I::Values<'a>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<FieldErrors, Problem>> + Send + 'static,
    {
        let Ok(context) = self.compiled.read.context().downcast() else {
            // The context is of this type, because the inputs are.
            return self;
        };
        let read = TypedInputs::<I, R> {
            context,
            check: Some(Box::new(move |values| Box::pin(check(values)))),
        };
        self.change(|compiled| compiled.read = Arc::new(read))
    }
}

impl<I, R> Validation<I, R> {
    fn of(compiled: CompiledValidation) -> Self {
        Self {
            compiled: Arc::new(compiled),
            input: PhantomData,
        }
    }

    /// The largest body that is read, in bytes; 1,048,576 by default. With 0, only an empty form
    /// passes. The length of a query is limited by the server.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.change(|compiled| compiled.options.max_body_bytes = bytes)
    }

    /// How many errors a 422 lists at most; 32 by default. All are counted.
    pub fn max_listed_errors(self, errors: usize) -> Self {
        self.change(|compiled| compiled.options.max_listed_errors = errors)
    }

    /// How many values an input may have: members and items of JSON, or parameters of a form or a query;
    /// 100,000 by default.
    ///
    /// It bounds the memory that a value takes, which can be many times that of its text.
    pub fn max_values(self, values: usize) -> Self {
        self.change(|compiled| compiled.options.max_values = values)
    }

    /// Rejects names that no field has, at any depth. By default they are ignored, as by serde.
    ///
    /// It has no effect on header fields and cookies, nor on the names in a flattened map. Each input is
    /// read twice.
    pub fn reject_unknown_names(self) -> Self {
        self.change(|compiled| compiled.options.rejects_unknown_names = true)
    }

    /// Reads nested keys of forms and queries: `address[city]=London`, `tags[]=a&tags[]=b`,
    /// `items[0][price]=10`.
    ///
    /// Each `[]` is another item. The indexes of a list start at 0 and have no gaps. A key may be nested 16
    /// levels deep. By default brackets are part of the name. It has no effect on other inputs.
    pub fn nested_keys(self) -> Self {
        self.change(|compiled| compiled.options.has_nested_keys = true)
    }

    /// The name that clients use for a field of Rust, if errors can't find it by themselves: see
    /// [Names](crate::validation#names). A field of another struct may have the same name, too.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, compose, with_validation};
    ///
    /// fn is_color(text: &str, _: &()) -> garde::Result {
    ///     match text {
    ///         "red" | "green" => Ok(()),
    ///         _ => Err(garde::Error::new("not a color")),
    ///     }
    /// }
    ///
    /// #[derive(serde::Deserialize, garde::Validate)]
    /// struct Car {
    ///     #[serde(rename = "paint")]
    ///     #[garde(custom(is_color))]
    ///     color: String,
    ///     #[serde(rename = "label")]
    ///     #[garde(skip)]
    ///     name: String,
    /// }
    ///
    /// let create = compose((with_validation::<Json<Car>>().field_name("color", "paint"),));
    /// ```
    pub fn field_name(self, in_rust: impl Into<String>, sent: impl Into<String>) -> Self {
        let (in_rust, sent) = (in_rust.into(), sent.into());
        self.change(|compiled| compiled.options.field_names.push((in_rust, sent)))
    }

    /// The content types of the body, instead of those of its format: `application/merge-patch+json`, or
    /// `image/png` for [`Binary`](crate::Binary).
    ///
    /// # Errors
    ///
    /// The list is empty, a text is not a media type without parameters, or the inputs have no body.
    pub fn media_types<T: Into<String>>(
        self,
        types: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        if self.compiled.body.is_none() {
            return Err(ConfigError::new(
                NAME,
                "`media_types` needs an input in the body",
            ));
        }
        if types.is_empty() {
            return Err(ConfigError::new(
                NAME,
                "the list of media types is empty; without `media_types`, they are those of the input",
            ));
        }
        let is_plain = |text: &String| {
            MediaType::parse(text.as_bytes()).is_some() && !text.contains([';', ' ', '*'])
        };
        if let Some(invalid) = types.iter().find(|text| !is_plain(text)) {
            let message = format!("`{invalid}` is not a media type; write it like `image/png`");
            return Err(ConfigError::new(NAME, message));
        }
        Ok(self.change(|compiled| compiled.options.media_types = types))
    }

    /// Writes the text of each error: in another language, for example. `None` keeps the default.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, RequestHead, compose, validation::FieldError, with_validation};
    ///
    /// #[derive(serde::Deserialize, garde::Validate)]
    /// struct NewUser {
    ///     #[garde(length(chars, min = 2, max = 50))]
    ///     name: String,
    /// }
    ///
    /// fn text(error: &FieldError<'_>, _: &RequestHead<'_>) -> Option<String> {
    ///     match (&*error.pointer(), error.code()) {
    ///         ("/name", "length") => Some("A name has 2 to 50 characters.".into()),
    ///         (_, "missing_field") => Some("This field is required.".into()),
    ///         _ => None,
    ///     }
    /// }
    ///
    /// let stack = compose((with_validation::<Json<NewUser>>().texts(text),));
    /// ```
    pub fn texts(
        self,
        text: impl Fn(&FieldError<'_>, &RequestHead<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.change(|compiled| compiled.texts = Some(Arc::new(text)))
    }

    /// Reads bodies of any content type and charset, and bodies without a content type, whatever
    /// [`media_types`](Self::media_types) lists.
    ///
    /// With [`JsonOrForm`](crate::JsonOrForm), a body whose content type is not that of a form is
    /// JSON.
    ///
    /// # Security
    ///
    /// A page of another origin can send such a body without a preflight, with the user's cookies.
    /// Use it only for clients that can't be changed, and where no cookie identifies a user.
    pub fn dangerously_ignore_content_type(self) -> Self {
        self.change(|compiled| compiled.options.any_content_type = true)
    }

    fn change(self, change: impl FnOnce(&mut CompiledValidation)) -> Self {
        let before = &*self.compiled;
        let mut compiled = CompiledValidation {
            inputs: Arc::clone(&before.inputs),
            body: before.body,
            options: before.options.clone(),
            refusals: before.refusals.clone(),
            read: Arc::clone(&before.read),
            texts: before.texts.clone(),
        };
        change(&mut compiled);
        let format = compiled.body.map(|(format, _)| format);
        compiled.refusals = Refusals::new(format, &compiled.options);
        Self::of(compiled)
    }
}

macro_rules! forward {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*);)*) => {$(
        $(#[$doc])*
        pub fn $name(self, $($argument: $kind),*) -> Self {
            placed(self.into_inner().$name($($argument),*))
        }
    )*};
}

impl<I, R> Placed<Validation<I, R>> {
    forward! {
        /// See [`Validation::max_body_bytes`].
        max_body_bytes(bytes: usize);
        /// See [`Validation::max_listed_errors`].
        max_listed_errors(errors: usize);
        /// See [`Validation::max_values`].
        max_values(values: usize);
        /// See [`Validation::reject_unknown_names`].
        reject_unknown_names();
        /// See [`Validation::nested_keys`].
        nested_keys();
        /// See [`Validation::field_name`].
        field_name(in_rust: impl Into<String>, sent: impl Into<String>);
        /// See [`Validation::texts`].
        texts(text: impl Fn(&FieldError<'_>, &RequestHead<'_>) -> Option<String> + Send + Sync + 'static);
        /// See [`Validation::dangerously_ignore_content_type`].
        dangerously_ignore_content_type();
    }

    /// See [`Validation::media_types`].
    ///
    /// # Errors
    ///
    /// As for [`Validation::media_types`].
    pub fn media_types<T: Into<String>>(
        self,
        types: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        self.into_inner().media_types(types).map(placed)
    }

    /// See [`Validation::check`].
    pub fn check<F, Fut>(self, check: F) -> Self
    where
        I: InputSet<R>,
        R: ReadMode,
        F: for<'a> Fn(I::Values<'a>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<FieldErrors, Problem>> + Send + 'static,
    {
        placed(self.into_inner().check(check))
    }

    /// See [`With::when`].
    pub fn when<F>(self, condition: F) -> With<When<Validation<I, R>, F>>
    where
        F: Fn(&RequestHead<'_>) -> bool + Clone,
    {
        with(self.into_inner()).when(condition)
    }

    /// See [`With::except`].
    pub fn except<F>(self, condition: F) -> With<When<Validation<I, R>, F>>
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
    pub fn only_routes<L>(
        self,
        routes: L,
    ) -> Result<With<When<Validation<I, R>, RouteList>>, ConfigError>
    where
        L: IntoIterator<Item: AsRef<str>>,
    {
        with(self.into_inner()).only_routes(routes)
    }

    /// See [`With::except_routes`].
    ///
    /// # Errors
    ///
    /// As for [`With::except_routes`].
    pub fn except_routes<L>(
        self,
        routes: L,
    ) -> Result<With<When<Validation<I, R>, RouteList>>, ConfigError>
    where
        L: IntoIterator<Item: AsRef<str>>,
    {
        with(self.into_inner()).except_routes(routes)
    }
}

impl<I, R> Clone for Validation<I, R> {
    fn clone(&self) -> Self {
        Self {
            compiled: Arc::clone(&self.compiled),
            input: PhantomData,
        }
    }
}

impl<I, R, S> Layer<S> for Validation<I, R> {
    type Service = Wrapped<ErasedValidation, S>;

    fn layer(&self, inner: S) -> Self::Service {
        with(ErasedValidation::new(Arc::clone(&self.compiled))).layer(inner)
    }
}

impl<I: ProvidedInputs<R>, R: ReadMode> Place for Validation<I, R> {
    type Stage = stage::Validate;
    type Provides = I::Provides;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        self.compiled.describe(Description::new(self.name()))
    }
}

impl<I, R, B> Middleware<B> for Validation<I, R>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
{
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        self.compiled.before(request)
    }
}

impl<I, R> Default for Validation<I, R>
where
    I: InputSet<R, Context: Default>,
    R: ReadMode,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<I, R> fmt::Debug for Validation<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CompiledValidation {
            inputs, options, ..
        } = &*self.compiled;
        let inputs: Vec<_> = inputs.iter().map(|input| &*input.name).collect();
        f.debug_struct("Validation")
            .field("inputs", &inputs)
            .field("options", options)
            .finish_non_exhaustive()
    }
}
