//! The part of a problem that goes to the log, and not to the client.

use std::{error::Error, mem};

use http::StatusCode;

use super::Problem;

/// The fields of an event besides layer, status and cause.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Logged {
    reason: Option<&'static str>,
    scheme: Option<&'static str>,
    severity: Severity,
}

/// Who should act on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The developers, if the status is at least 500: `error`, otherwise `debug`.
    #[default]
    ByStatus,
    /// Nobody: `debug`.
    Expected,
    /// The operators of a dependency that is down: `warn`.
    Unavailable,
    /// The operators of this server: `error`.
    Misconfigured,
}

impl Problem {
    /// A 503 because a dependency of this server is down. The cause goes to the log, as a warning, and
    /// not to the client.
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

    /// A 502 because another server, on which this request depends, can't be reached or has sent an
    /// invalid response (RFC 9110, section 15.6.3). The cause goes to the log, as a warning, and not to
    /// the client.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::Problem;
    ///
    /// fn price(answer: &str) -> Result<u32, Problem> {
    ///     answer.parse().map_err(Problem::bad_gateway)
    /// }
    ///
    /// let problem = price("1,99").unwrap_err();
    /// assert_eq!(problem.status(), 502);
    /// assert_eq!(problem.reason_code(), Some("bad_gateway"));
    /// ```
    pub fn bad_gateway(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY)
            .detail("Another server, which this request needs, did not give a valid response.")
            .because(cause)
            .reason("bad_gateway")
            .severity(Severity::Unavailable)
    }

    /// A 504 because another server, on which this request depends, has not answered in time (RFC 9110,
    /// section 15.6.5). The cause goes to the log, as a warning, and not to the client.
    pub fn gateway_timeout(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT)
            .detail("Another server did not answer in time. The request may have had an effect.")
            .because(cause)
            .reason("gateway_timeout")
            .severity(Severity::Unavailable)
    }

    /// The reason in one stable word, for logs and counters: `quota`, `expired`. The client does not
    /// get it.
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

    /// The authentication scheme, for the log: `Bearer`, `ApiKey`.
    pub fn scheme(self, name: &'static str) -> Self {
        self.change(|inner| inner.logged.scheme = Some(name))
    }

    /// Marks the problem as part of normal operation, whatever the status: a 503 of a server that sheds
    /// load or is under maintenance. It is logged at the level `debug`, and not at `error`.
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

    /// The [`reason`](Self::reason).
    #[must_use]
    pub fn reason_code(&self) -> Option<&'static str> {
        self.inner.logged.reason
    }

    /// The [`scheme`](Self::scheme).
    #[must_use]
    pub fn scheme_name(&self) -> Option<&'static str> {
        self.inner.logged.scheme
    }

    /// A 500 because something that a layer or handler needs is missing in the set-up of the server. The
    /// cause says what to write instead. It is printed once if the program has no `tracing` subscriber,
    /// so it must not contain what a client has sent.
    pub(crate) fn misconfigured(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::internal(cause).severity(Severity::Misconfigured)
    }

    /// The cause of a problem that is [`misconfigured`](Self::misconfigured).
    pub(crate) fn misconfiguration(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        let cause = self.cause();
        cause.filter(|_| self.inner.logged.severity == Severity::Misconfigured)
    }

    /// Marks the problem of a response as logged; `false` if it was marked already.
    pub(crate) const fn mark_as_logged(&mut self) -> bool {
        !mem::replace(&mut self.is_logged, true)
    }

    pub(crate) const fn is_logged(&self) -> bool {
        self.is_logged
    }

    fn severity(self, severity: Severity) -> Self {
        self.change(|inner| inner.logged.severity = severity)
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn level(&self) -> tracing::Level {
        match self.inner.logged.severity {
            Severity::ByStatus if self.inner.status.is_server_error() => tracing::Level::ERROR,
            Severity::ByStatus | Severity::Expected => tracing::Level::DEBUG,
            Severity::Unavailable => tracing::Level::WARN,
            Severity::Misconfigured => tracing::Level::ERROR,
        }
    }
}
