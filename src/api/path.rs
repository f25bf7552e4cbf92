//! The parameters and the route of a request, as arguments of handlers: [`Path`], [`RoutePath`].

use std::{any::type_name, borrow::Cow, fmt};

use axum::{body::Body, extract::MatchedPath, response::Response};
use http::{StatusCode, request::Parts};
use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess,
        Visitor,
    },
    forward_to_deserialize_any,
};

use crate::{
    integrations::axum::{Argument, PathUse},
    request::with_path_params,
    wire::Problem,
};

/// The parameters of the path, typed: `Path(id): Path<u64>`.
///
/// `T` is the type of the one parameter, a tuple of as many types as the route has parameters, in
/// order, or a struct with fields of their names. Each value is percent-decoded once, after the route
/// has been matched: an encoded `/` is part of the value.
///
/// It is an argument of handlers inside [`Stack::handler`](crate::Stack::handler): under an
/// [`Api`](crate::Api), which checks when it is built that the route has the parameters, and in
/// axum's router. axum's own `Path` works in both as well; an `Api` needs more time for it, because
/// only axum's router can fill it.
///
/// # Example
///
/// ```
/// use wythe::{Api, Path, compose};
///
/// async fn show(Path((team, number)): Path<(String, u32)>) -> String {
///     format!("{team} {number}")
/// }
///
/// let service = Api::<()>::new("Teams", "1.0.0")
///     .get("/teams/{team}/players/{number}", compose(()).handler(show))
///     .service(())?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Responses
///
/// | status | when |
/// |---|---|
/// | 400 | a parameter is not UTF-8, or can't be read as its type |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct Path<T>(pub T);

/// The route of the request, with the prefixes of the routers around it: `/users/{id}`.
///
/// It is an argument of handlers inside [`Stack::handler`](crate::Stack::handler). In a fallback, where
/// no route has matched, it is empty.
///
/// # Example
///
/// ```
/// use wythe::{Api, RoutePath, compose};
///
/// async fn show(route: RoutePath) -> String {
///     route.as_str().to_owned()
/// }
///
/// let service = Api::<()>::new("Users", "1.0.0")
///     .get("/users/{id}", compose(()).handler(show))
///     .service(())?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RoutePath(Option<MatchedPath>);

impl RoutePath {
    /// The route, with the names of its parameters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", MatchedPath::as_str)
    }
}

impl fmt::Debug for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoutePath").field(&self.as_str()).finish()
    }
}

/// The index of an argument that is given by the route, and by no layer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GivenByRoute;

impl<L, S: Sync> Argument<L, S, GivenByRoute> for RoutePath {
    fn note_path_use(_: &mut PathUse) {}

    async fn take(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}

impl<T, L, S> Argument<L, S, GivenByRoute> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Sync,
{
    fn note_path_use(path_use: &mut PathUse) {
        path_use.takes.push(takes::<T>);
    }

    async fn take(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        // Compiled once for each type, and not for each stack.
        Self::of(parts).map_err(|problem| problem.into_response().map(Body::from))
    }
}

impl<T: DeserializeOwned> Path<T> {
    fn of(parts: &mut Parts) -> Result<Self, Problem> {
        let read = with_path_params(parts, |params| {
            let read = T::deserialize(Params::Sent(params));
            read.map_err(|error| match params {
                [(name, _)] => error.named(name),
                _ => error,
            })
        });
        match read? {
            Some(Ok(params)) => Ok(Self(params)),
            Some(Err(error)) => Err(refused(error)),
            None => Err(refused(PathError::Route(format!(
                "no route has matched this request, so there is no `{}`",
                type_name::<Self>()
            )))),
        }
    }
}

fn refused(error: PathError) -> Problem {
    match error {
        PathError::Value { name, message } => {
            let detail = match &*name {
                "" => format!("A path parameter is invalid: {message}."),
                name => format!("The path parameter `{name}` is invalid: {message}."),
            };
            let problem = Problem::new(StatusCode::BAD_REQUEST).reason("invalid_path_parameter");
            problem.detail(detail)
        }
        PathError::Route(message) => Problem::misconfigured(message),
    }
}

/// Whether a `T` can be made of parameters with these names, as far as that can be told without
/// values.
fn takes<T: DeserializeOwned>(names: &[&str]) -> Result<(), String> {
    match T::deserialize(Params::Named(names)) {
        Err(PathError::Route(message)) => Err(message),
        // A type may reject the value that was made up for it.
        Err(PathError::Value { .. }) | Ok(_) => Ok(()),
    }
}

/// Why the parameters do not make up a value.
#[derive(Debug)]
enum PathError {
    /// The client has sent something else. The name is empty if it is not known yet.
    Value { name: String, message: String },
    /// The route has other parameters.
    Route(String),
}

impl PathError {
    /// The error of this parameter, if it is of no other.
    fn named(self, parameter: &str) -> Self {
        match self {
            Self::Value { name, message } if name.is_empty() => Self::Value {
                name: parameter.to_owned(),
                message,
            },
            other => other,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { message, .. } | Self::Route(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for PathError {}

impl serde::de::Error for PathError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::Value {
            name: String::new(),
            message: message.to_string(),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Route(format!("the route has no parameter `{field}`"))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Route(format!("the handler does not take the parameter `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Route(format!("the route has two parameters `{field}`"))
    }
}

/// The parameters of a route.
enum Params<'a> {
    /// Their names and values.
    Sent(&'a [(&'a str, Cow<'a, str>)]),
    /// Their names: no request has been made.
    Named(&'a [&'a str]),
}

impl<'a> Params<'a> {
    const fn len(&self) -> usize {
        match self {
            Self::Sent(params) => params.len(),
            Self::Named(names) => names.len(),
        }
    }

    fn values(&self) -> impl Iterator<Item = Value<'a>> {
        let (sent, named) = match *self {
            Self::Sent(params) => (params, [].as_slice()),
            Self::Named(names) => ([].as_slice(), names),
        };
        let sent = sent.iter().map(|(name, text)| Value {
            name,
            text: Some(text),
        });
        sent.chain(named.iter().map(|name| Value { name, text: None }))
    }

    fn single(&self) -> Result<Value<'a>, PathError> {
        self.check_count(1)?;
        let mut values = self.values();
        values.next().ok_or_else(|| PathError::custom("no value"))
    }

    fn check_count(&self, count: usize) -> Result<(), PathError> {
        if self.len() == count {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        Err(PathError::Route(format!(
            "the handler takes {count} path parameter{plural}, and the route has {}",
            self.len()
        )))
    }
}

macro_rules! single {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            self.single()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Params<'_> {
    type Error = PathError;

    single! {
        deserialize_any deserialize_bool deserialize_char deserialize_str deserialize_string
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_identifier
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.single()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_seq(Values::of(self.values()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.check_count(count)?;
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_tuple(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_map(Values::of(self.values()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }
}

/// The value of one parameter.
#[derive(Clone, Copy)]
struct Value<'a> {
    name: &'a str,
    /// `None`: some value that fits, because no request has been made.
    text: Option<&'a str>,
}

/// The values one by one. An error names its value.
struct Values<'a, I> {
    rest: I,
    /// The value whose key has been read.
    current: Option<Value<'a>>,
}

impl<'a, I: Iterator<Item = Value<'a>>> Values<'a, I> {
    const fn of(rest: I) -> Self {
        let current = None;
        Self { rest, current }
    }
}

impl<'de, 'a, I: Iterator<Item = Value<'a>>> SeqAccess<'de> for Values<'a, I> {
    type Error = PathError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, PathError> {
        let read = |value: Value<'_>| seed.deserialize(value).map_err(|e| e.named(value.name));
        self.rest.next().map(read).transpose()
    }
}

impl<'de, 'a, I: Iterator<Item = Value<'a>>> MapAccess<'de> for Values<'a, I> {
    type Error = PathError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, PathError> {
        self.current = self.rest.next();
        let read = |value: Value<'a>| seed.deserialize(value.name.into_deserializer());
        self.current.map(read).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, PathError> {
        let Some(value) = self.current.take() else {
            return Err(PathError::custom("no value"));
        };
        seed.deserialize(value).map_err(|e| e.named(value.name))
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $example:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            let value = match self.text {
                None => $example,
                Some(text) => text.parse().map_err(PathError::custom)?,
            };
            visitor.$visit(value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = PathError;

    parsed! {
        deserialize_bool visit_bool true;
        deserialize_char visit_char 'x';
        deserialize_i8 visit_i8 1;
        deserialize_i16 visit_i16 1;
        deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1;
        deserialize_i128 visit_i128 1;
        deserialize_u8 visit_u8 1;
        deserialize_u16 visit_u16 1;
        deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1;
        deserialize_u128 visit_u128 1;
        deserialize_f32 visit_f32 1.0;
        deserialize_f64 visit_f64 1.0;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_str(self.text.unwrap_or("x"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        let text = self.text.or_else(|| variants.first().copied());
        let variant = text.unwrap_or_default().into_deserializer();
        visitor.visit_enum(variant)
    }

    /// A pair is the name and the value.
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        if count != 2 {
            return self.deserialize_seq(visitor);
        }
        let name = Value {
            name: self.name,
            text: Some(self.name),
        };
        visitor.visit_seq(Values::of([name, self].into_iter()))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, PathError> {
        Err(PathError::Route(format!(
            "the parameter `{}` is one value, and the handler takes several for it",
            self.name
        )))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    forward_to_deserialize_any! {
        bytes byte_buf identifier ignored_any str string unit unit_struct
    }
}
