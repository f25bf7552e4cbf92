//! `Accept-Language`: [`Languages`], its layer, and [`AcceptedLanguage`].

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;

use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, Provided, ReplyBody, Step, With,
        description::{Answer, InputSource, RequestInput},
        stage, with,
    },
    wire::{
        ConfigError, Problem,
        field::{
            accept_language::{best_language, is_tag, language_ranges},
            vary,
        },
    },
};

const NAME: &str = "with_languages";

/// Finds the language that the client prefers, and provides it as [`AcceptedLanguage`]; see the
/// [module](super).
pub const fn with_languages(languages: Languages) -> With<Languages> {
    with(languages)
}

/// The languages that a handler can answer in: the policy of [`with_languages`].
///
/// # Example
///
/// ```
/// use wythe::Languages;
///
/// // The first is for clients without preference.
/// let languages = Languages::list(["en", "de", "pt-BR"])?;
/// assert!(Languages::list(["pt_BR"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Languages {
    tags: Arc<[String]>,
    languages: Arc<[AcceptedLanguage]>,
    refusal: Option<Problem>,
}

impl Languages {
    /// The languages with these tags (RFC 5646), the one for clients without preference first.
    ///
    /// # Errors
    ///
    /// The list is empty, or has a tag twice, or something that is not a language tag.
    pub fn list(tags: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConfigError> {
        let error = |message: String| Err(ConfigError::new("Languages", message));
        let tags: Vec<String> = tags.into_iter().map(Into::into).collect();
        if tags.is_empty() {
            return error("the list of languages is empty".to_owned());
        }
        for (at, tag) in tags.iter().enumerate() {
            if !is_tag(tag) {
                return error(format!("{tag:?} is not a language tag: write `pt-BR`"));
            }
            let mut before = tags.iter().take(at);
            if before.any(|other| other.eq_ignore_ascii_case(tag)) {
                return error(format!("{tag:?} is listed twice"));
            }
        }
        let languages = tags.iter().map(|tag| AcceptedLanguage(tag.as_str().into()));
        Ok(Self {
            languages: languages.collect(),
            tags: tags.into(),
            refusal: None,
        })
    }

    /// Answers 406 to clients that accept none of the languages, instead of choosing the first.
    pub fn strict(mut self) -> Self {
        let tags = &*self.tags;
        let problem = Problem::new(StatusCode::NOT_ACCEPTABLE)
            .reason("not_acceptable")
            .detail(format!(
                "`Accept-Language` has to accept one of: {}.",
                tags.join(", ")
            ))
            .extension("supported_languages", json!(tags))
            .header(header::VARY, HeaderValue::from_static("accept-language"));
        self.refusal = Some(problem);
        self
    }

    /// The best language; `None` if the client accepts none.
    fn choose(&self, headers: &HeaderMap) -> Option<&AcceptedLanguage> {
        let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
        let ranges = language_ranges(lines.map(HeaderValue::as_bytes));
        if ranges.is_empty() {
            return self.languages.first();
        }
        best_language(&ranges, &self.tags).and_then(|index| self.languages.get(index))
    }
}

/// The language that the client prefers. [`with_languages`] provides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AcceptedLanguage(Arc<str>);

impl AcceptedLanguage {
    /// The language tag, as the policy lists it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AcceptedLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AcceptedLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AcceptedLanguage")
            .field(&self.as_str())
            .finish()
    }
}

impl Provided for AcceptedLanguage {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

impl Place for Languages {
    type Stage = stage::Validate;
    type Provides = Always<AcceptedLanguage>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let field = RequestInput::parameter(InputSource::Header, "accept-language");
        let field = field.description("The languages of the user (RFC 9110, section 12.5.4).");
        let layer = Description::new(self.name())
            .field(header::VARY)
            .reads(field.optional());
        match &self.refusal {
            Some(refusal) => {
                let refusal =
                    Answer::of(refusal).when("when `Accept-Language` has none of the languages");
                layer.answer(refusal.provoked_by(|request| {
                    let none = HeaderValue::from_static("*;q=0");
                    request.headers.insert(header::ACCEPT_LANGUAGE, none);
                }))
            }
            None => layer,
        }
    }
}

impl<B> Middleware<B> for Languages {
    type Carry = ();

    fn before(&self, mut request: Request<B>) -> Later<Step<B, ()>> {
        let chosen = self.choose(request.headers()).cloned();
        let chosen = match (chosen, &self.refusal) {
            (None, Some(refusal)) => return Step::reply(refusal.clone()),
            (None, None) => self.languages.first().cloned(),
            (chosen, _) => chosen,
        };
        if let Some(chosen) = chosen {
            request.extensions_mut().insert(chosen);
        }
        Step::next(request, ())
    }

    fn after<R: ReplyBody>(&self, (): (), response: &mut Response<R>) {
        vary::add(response.headers_mut(), "accept-language");
    }
}

impl fmt::Debug for Languages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strict = if self.refusal.is_some() {
            ", strict"
        } else {
            ""
        };
        write!(f, "Languages({}{strict})", self.tags.join(", "))
    }
}
