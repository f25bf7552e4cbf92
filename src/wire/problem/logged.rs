//! Holds what the log is told of a problem, and the client is not.

use std::error::Error;

use http::StatusCode;

use super::Problem;

/// What an event has beside layer, status and cause.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Logged {
    reason: Option<&'static str>,
    scheme: Option<&'static str>,
    severity: Severity,
}

/// Who should look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Somebody, if the status is 500 or more: `error`, and otherwise `debug`.
    #[default]
    ByStatus,
    /// Nobody: `debug`.
    Expected,
    /// Whoever runs what is down: `warn`.
    Unavailable,
}

impl Problem {
    /// A 503 because something that is needed for the answer is down, and not this server itself.
    /// The cause goes to the log, as a warning, and not to the client.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::Problem;
    ///
    /// fn price() -> Result<u32, std::io::Error> {
    ///     Err(std::io::Error::other("connection refused"))
    /// }
    ///
    /// let problem = price().map_err(Problem::unavailable).unwrap_err();
    /// assert_eq!(problem.status(), 503);
    /// assert_eq!(problem.reason_code(), Some("unavailable"));
    /// ```
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .because(cause)
            .reason("unavailable")
            .severity(Severity::Unavailable)
    }

    /// Why, in one word that never changes, for the log and for counters: `quota`, `expired`. The
    /// client does not see it.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use wythe::Problem;
    ///
    /// let problem = Problem::new(StatusCode::CONFLICT).reason("name_taken");
    /// assert_eq!(problem.reason_code(), Some("name_taken"));
    /// assert!(!String::from_utf8_lossy(&problem.to_json()).contains("name_taken"));
    /// ```
    pub fn reason(self, code: &'static str) -> Self {
        self.change(|inner| inner.logged.reason = Some(code))
    }

    /// The scheme of authentication that refused, for the log: `Bearer`, `ApiKey`.
    pub fn scheme(self, name: &'static str) -> Self {
        self.change(|inner| inner.logged.scheme = Some(name))
    }

    /// Is part of normal operation, whatever the status: a 503 of a server that sheds load, or is
    /// being maintained. The log then has it at the level `debug`, and not at `error`.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use wythe::Problem;
    ///
    /// let closed = Problem::new(StatusCode::SERVICE_UNAVAILABLE).reason("maintenance").expected();
    /// ```
    pub fn expected(self) -> Self {
        self.severity(Severity::Expected)
    }

    /// What [`reason`](Self::reason) was given.
    #[must_use]
    pub fn reason_code(&self) -> Option<&'static str> {
        self.0.logged.reason
    }

    /// What [`scheme`](Self::scheme) was given.
    #[must_use]
    pub fn scheme_name(&self) -> Option<&'static str> {
        self.0.logged.scheme
    }

    fn severity(self, severity: Severity) -> Self {
        self.change(|inner| inner.logged.severity = severity)
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn level(&self) -> tracing::Level {
        match self.0.logged.severity {
            Severity::ByStatus if self.0.status.is_server_error() => tracing::Level::ERROR,
            Severity::ByStatus | Severity::Expected => tracing::Level::DEBUG,
            Severity::Unavailable => tracing::Level::WARN,
        }
    }
}
