//! `Accept`: [`MediaTypes`], its layer, and [`AcceptedMediaType`].

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;

use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, Provided, ReplyBody, Step, With,
        description::Answer, stage, with,
    },
    wire::{
        ConfigError, Problem,
        field::{
            accept::{BEST, MediaRange, Specificity, ranges},
            vary,
        },
    },
};

const NAME: &str = "with_media_types";

/// Finds the media type that the client prefers, and provides it as [`AcceptedMediaType`]; see the
/// [module](super).
pub const fn with_media_types(types: MediaTypes) -> With<MediaTypes> {
    with(types)
}

/// The media types that a handler can answer in: the policy of [`with_media_types`].
///
/// # Example
///
/// ```
/// use wythe::MediaTypes;
///
/// // The first is for clients without preference.
/// let types = MediaTypes::list(["application/json", "text/csv"])?;
/// assert!(MediaTypes::list(["text/*"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct MediaTypes {
    types: Arc<[AcceptedMediaType]>,
    refusal: Option<Problem>,
}

impl MediaTypes {
    /// These types, with or without parameters, the one for clients without preference first.
    ///
    /// # Errors
    ///
    /// The list is empty, or has a type twice, or something that is not a media type.
    pub fn list(types: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConfigError> {
        let error = |message: String| Err(ConfigError::new("MediaTypes", message));
        let mut list: Vec<AcceptedMediaType> = Vec::new();
        for text in types {
            let text: String = text.into();
            let is_type = MediaRange::parse(text.as_bytes()).is_some_and(|range| {
                range.kind != b"*" && range.subtype != b"*" && range.weight == BEST
            });
            if !is_type {
                return error(format!("{text:?} is not a media type"));
            }
            if list.iter().any(|other| other.0.eq_ignore_ascii_case(&text)) {
                return error(format!("{text:?} is listed twice"));
            }
            list.push(AcceptedMediaType(text.into()));
        }
        if list.is_empty() {
            return error("the list of media types is empty".to_owned());
        }
        Ok(Self {
            types: list.into(),
            refusal: None,
        })
    }

    /// Answers 406 to clients that accept none of the types, instead of choosing the first.
    pub fn strict(mut self) -> Self {
        let names: Vec<&str> = self.types.iter().map(AcceptedMediaType::as_str).collect();
        let problem = Problem::new(StatusCode::NOT_ACCEPTABLE)
            .reason("not_acceptable")
            .detail(format!(
                "`Accept` has to accept one of: {}.",
                names.join(", ")
            ))
            .extension("supported_media_types", json!(names))
            .header(header::VARY, HeaderValue::from_static("accept"));
        self.refusal = Some(problem);
        self
    }

    /// The best type; `None` if the client accepts none.
    fn choose(&self, headers: &HeaderMap) -> Option<&AcceptedMediaType> {
        let mut best: Option<(Preference, &AcceptedMediaType)> = None;
        for media_type in &*self.types {
            let preference = preference(media_type.as_str(), headers);
            let is_better = best.is_none_or(|(before, _)| preference > before);
            if preference.weight > 0 && is_better {
                best = Some((preference, media_type));
            }
        }
        best.map(|(_, media_type)| media_type)
    }
}

/// How much a client wants a media type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    /// In thousandths; 0 is not acceptable.
    weight: u16,
    /// Whether the type has all parameters that the client has named. Of `application/json` and
    /// `application/json;version=2`, a client gets the one that it has asked for.
    is_exact: bool,
}

/// The preference for a media type in `Accept`: that of the most specific range that matches (RFC 9110,
/// section 12.5.1). Without a range that can be read, all types are equal.
fn preference(media_type: &str, headers: &HeaderMap) -> Preference {
    let lines = headers.get_all(header::ACCEPT).iter();
    let offer = MediaRange::parse(media_type.as_bytes());
    let mut best: Option<(Specificity, u16)> = None;
    let mut has_range = false;
    for range in ranges(lines.map(HeaderValue::as_bytes)) {
        has_range = true;
        let specificity = offer.and_then(|offer| range.specificity(&offer));
        if let Some(specificity) = specificity
            && best.is_none_or(|(before, _)| specificity > before)
        {
            best = Some((specificity, range.weight));
        }
    }
    let otherwise = if has_range { 0 } else { BEST };
    Preference {
        weight: best.map_or(otherwise, |(_, weight)| weight),
        is_exact: best.is_none_or(|(specificity, _)| specificity.is_exact),
    }
}

/// The media type that the client prefers. [`with_media_types`] provides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AcceptedMediaType(Arc<str>);

impl AcceptedMediaType {
    /// The media type, as the policy lists it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AcceptedMediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AcceptedMediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AcceptedMediaType")
            .field(&self.as_str())
            .finish()
    }
}

impl Provided for AcceptedMediaType {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

impl Place for MediaTypes {
    type Stage = stage::Validate;
    type Provides = Always<AcceptedMediaType>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let layer = Description::new(self.name()).field(header::VARY);
        match &self.refusal {
            Some(refusal) => {
                let refusal = Answer::of(refusal).when("when `Accept` has none of the media types");
                layer.answer(refusal.provoked_by(|request| {
                    let other = HeaderValue::from_static("application/x-none");
                    request.headers.insert(header::ACCEPT, other);
                }))
            }
            None => layer,
        }
    }
}

impl<B> Middleware<B> for MediaTypes {
    type Carry = ();

    fn before(&self, mut request: Request<B>) -> Later<Step<B, ()>> {
        let chosen = self.choose(request.headers()).cloned();
        let chosen = match (chosen, &self.refusal) {
            (None, Some(refusal)) => return Step::reply(refusal.clone()),
            (None, None) => self.types.first().cloned(),
            (chosen, _) => chosen,
        };
        if let Some(chosen) = chosen {
            request.extensions_mut().insert(chosen);
        }
        Step::next(request, ())
    }

    fn after<R: ReplyBody>(&self, (): (), response: &mut Response<R>) {
        vary::add(response.headers_mut(), "accept");
    }
}

impl fmt::Debug for MediaTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strict = if self.refusal.is_some() {
            ", strict"
        } else {
            ""
        };
        let names: Vec<&str> = self.types.iter().map(AcceptedMediaType::as_str).collect();
        write!(f, "MediaTypes({}{strict})", names.join(", "))
    }
}
