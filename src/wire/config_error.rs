//! The error of an invalid policy.

use std::{borrow::Cow, error::Error, fmt};

/// A policy is invalid.
///
/// Every setting that can be wrong is checked where it is set, so a program with an invalid
/// configuration fails at startup, not at the first request.
///
/// # Example
///
/// ```
/// use wythe::ConfigError;
///
/// let error = ConfigError::new("Quota", "a quota of 0 requests would reject every request");
/// assert_eq!(error.to_string(), "Quota: a quota of 0 requests would reject every request");
/// ```
pub struct ConfigError {
    policy: &'static str,
    message: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// An error of the named policy; the message says what is wrong and how to fix it.
    #[must_use]
    pub fn new(policy: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            policy,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The name of the policy: `"Cors"`, for example.
    #[must_use]
    pub const fn policy(&self) -> &'static str {
        self.policy
    }
}

/// The message, as [`Display`](fmt::Display) writes it, and its causes: a `main` that returns the
/// error prints it this way.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.policy, self.message)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
