//! What is wrong with the routes of an [`Api`](super::Api), found when it is built.

use std::fmt;

use crate::{integrations::axum::Concern, request::Routes as Syntax, wire::ConfigError};

/// One thing that is wrong with the routes of an [`Api`](crate::Api), or not intended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What a route can [allow](crate::Handled::allow); `None` if it can't be intended.
    pub concern: Option<Concern>,
    /// The route: `POST /users`, for example. Empty if the finding is not about a single route.
    pub route: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// In one line.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            concern,
            route,
            reason,
            remedy,
        } = self;
        if !route.is_empty() {
            write!(f, "{route}: ")?;
        }
        write!(f, "{reason}; {remedy}")?;
        if let Some(concern) = concern {
            write!(
                f,
                " (or, if it is intended, `.allow(Concern::{concern:?}, \"why\")` on the handler)"
            )?;
        }
        Ok(())
    }
}

impl Finding {
    /// Something that can't be intended.
    pub(super) fn fault(route: impl Into<String>, reason: impl Into<String>, remedy: &str) -> Self {
        Self {
            concern: None,
            route: route.into(),
            reason: reason.into(),
            remedy: remedy.to_owned(),
        }
    }

    /// Something that a route can allow.
    pub(super) fn concern(concern: Concern, route: String, reason: String, remedy: &str) -> Self {
        Self {
            concern: Some(concern),
            ..Self::fault(route, reason, remedy)
        }
    }

    pub(super) fn without_reason() -> Self {
        Self::fault(
            "",
            "`.public(..)` has an empty reason",
            "say why anybody may call these routes",
        )
    }

    #[cfg(feature = "openapi")]
    pub(super) fn undocumented_without_reason() -> Self {
        Self::fault(
            "",
            "`.undocumented(..)` has an empty reason",
            "say why the document does not describe these routes",
        )
    }

    pub(super) fn second_fallback() -> Self {
        Self::fault("", "there are two fallbacks", "remove one of them")
    }

    pub(super) fn nested_fallback(prefix: &str) -> Self {
        Self::fault(
            prefix,
            "the nested `Api` has a fallback, which would never be called",
            "set the fallback on the outermost `Api`",
        )
    }

    /// What is wrong with the prefix of nested routes.
    pub(super) fn of_prefix(prefix: &str) -> Option<Self> {
        let remedy = "write it as `/admin`, for example";
        if let Err(reason) = Syntax::default().add(prefix) {
            return Some(Self::fault(prefix, reason, remedy));
        }
        let wrong = prefix.ends_with('/') || prefix.contains("{*");
        wrong.then(|| Self::fault(prefix, "a prefix can't end with `/` or `{*rest}`", remedy))
    }

    /// The finding about a route of an `Api` that is nested under this prefix.
    pub(super) fn inside(mut self, prefix: &str) -> Self {
        self.route.insert_str(0, prefix);
        self
    }

    /// All findings as one error.
    pub(super) fn error(findings: &[Self]) -> ConfigError {
        let mut message = match findings.len() {
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        for finding in findings {
            message.push_str("\n- ");
            message.push_str(&finding.to_string());
        }
        ConfigError::new("Api", message)
    }
}
