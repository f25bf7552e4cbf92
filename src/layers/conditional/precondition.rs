//! What handlers of writes are given: [`Precondition`] and [`ExpectedVersion`].

use http::{Extensions, Method};

use super::{
    policy::precondition_failed,
    validators::{Expected, Fields, Outcome, Validators},
};
use crate::{
    contract::Provided,
    wire::{Problem, field::entity_tag::ETag},
};

/// The preconditions of a request, for a handler that checks them itself, inside a transaction for
/// example.
///
/// `with_conditional(Conditional::new())` provides it. Reads need no check: the layer compares their
/// responses.
///
/// # Example
///
/// ```
/// use wythe::{ETag, Precondition, Problem, conditional::Validators};
///
/// async fn replace(precondition: Precondition) -> Result<(), Problem> {
///     // BEGIN; SELECT version FROM settings FOR UPDATE
///     let current = Validators::from(ETag::version(7));
///     precondition.check(Some(&current))?;
///     // UPDATE settings SET ..; COMMIT
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a precondition that is not checked has no effect"]
pub struct Precondition {
    pub(super) fields: Fields,
    /// The 428, if a precondition that can be evaluated is required.
    pub(super) required: Option<Problem>,
}

impl Precondition {
    /// Compares them with the current version; `None` if the resource does not exist.
    ///
    /// # Errors
    ///
    /// 412 if a precondition is false. 428 if a precondition is required and none can be evaluated: the
    /// client has sent `If-Unmodified-Since`, and the time of the last change is not known.
    pub fn check(&self, current: Option<&Validators>) -> Result<ExpectedVersion, Problem> {
        match self.fields.evaluate(false, current) {
            Outcome::Perform => {}
            Outcome::Failed | Outcome::NotModified => return Err(precondition_failed()),
        }
        match (self.fields.expected(current), &self.required) {
            (Some(expected), _) => Ok(ExpectedVersion(expected)),
            (None, Some(problem)) => Err(problem.clone()),
            (None, None) => Ok(ExpectedVersion(Expected::Anything)),
        }
    }
}

/// What must still hold when a handler writes: the layer has checked the preconditions of the request,
/// but another request may change the resource before the handler writes.
///
/// A policy with [`Conditional::current`](crate::Conditional::current) provides it.
///
/// # Example
///
/// ```
/// use wythe::{ExpectedVersion, Problem};
///
/// async fn replace(expected: ExpectedVersion) -> Result<(), Problem> {
///     // UPDATE users SET name = $1, version = version + 1
///     // WHERE id = $2 AND ($3 IS NULL OR version = $3)
///     let version: Option<i64> = expected.version()?;
///     let rows_affected = 1;
///     if rows_affected == 0 {
///         return Err(ExpectedVersion::failed());
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a write that does not depend on it may overwrite what the client has not seen"]
pub struct ExpectedVersion(pub(super) Expected);

impl ExpectedVersion {
    /// The version that the resource must still have: that of the tag which was current at the check.
    /// `None` if the client does not depend on one, because it has sent no precondition, or `*`.
    ///
    /// # Errors
    ///
    /// 500: the closure has yielded something other than an [`ETag::version`], which a handler would
    /// overwrite without noticing.
    pub fn version(&self) -> Result<Option<i64>, Problem> {
        let Expected::Unchanged(current) = &self.0 else {
            return Ok(None);
        };
        let version = current.etag().and_then(ETag::to_version);
        version.map(Some).ok_or_else(|| {
            Problem::internal("the current version of the resource is not an `ETag::version`")
        })
    }

    /// The validators that the resource must still have; `None` as for [`version`](Self::version).
    #[must_use]
    pub const fn unchanged(&self) -> Option<&Validators> {
        match &self.0 {
            Expected::Unchanged(current) => Some(current),
            _ => None,
        }
    }

    /// Whether the resource must not exist: the client creates it, with `If-None-Match: *`.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self.0, Expected::Absent)
    }

    /// Whether the resource must exist, in whatever version: `If-Match: *`.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        matches!(self.0, Expected::Present)
    }

    /// The 412 for a handler that finds the resource changed when it writes.
    pub fn failed() -> Problem {
        precondition_failed()
    }
}

/// In the extensions of a request: a layer has seen it, and it has no precondition.
#[derive(Clone, Copy)]
pub(super) struct NoPrecondition;

impl Provided for Precondition {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        let none = |_: &NoPrecondition| Self::default();
        extensions
            .get()
            .cloned()
            .or_else(|| extensions.get().map(none))
    }
}

impl Provided for ExpectedVersion {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        let none = |_: &NoPrecondition| Self(Expected::Anything);
        extensions
            .get()
            .cloned()
            .or_else(|| extensions.get().map(none))
    }
}

/// Whether preconditions of this method are those of a write. Others have no effect (RFC 9110, section
/// 13.2.1), and `QUERY` is a read whose responses are not compared.
pub(super) fn is_write(method: &Method) -> bool {
    let others = [Method::CONNECT];
    !method.is_safe() && !others.contains(method) && method.as_str() != "QUERY"
}
