//! Describes a layer in data, for the printed stack and whatever else is derived from it.

use std::{any::type_name, borrow::Cow, fmt};

use http::{HeaderName, StatusCode};

use crate::wire::without_paths;

/// A layer in words: its name, what it can answer in the handler's place, which fields it adds.
///
/// # Example
///
/// ```
/// use http::{StatusCode, header};
/// use wythe::Description;
///
/// let description = Description::new("with_maintenance")
///     .answers(StatusCode::SERVICE_UNAVAILABLE, "while the site is under maintenance")
///     .adds(header::RETRY_AFTER);
/// assert_eq!(description.name(), "with_maintenance");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Description {
    name: Cow<'static, str>,
    answers: Vec<Answer>,
    adds: Vec<HeaderName>,
}

/// One way in which a layer can answer a request itself.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    when: Cow<'static, str>,
}

impl Description {
    /// A layer of this name that answers nothing and adds nothing. If it is the name of a type, the
    /// paths of its modules are dropped.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        let mut name = name.into();
        if name.contains("::") {
            name = without_paths(&name).into();
        }
        Self {
            name,
            answers: Vec::new(),
            adds: Vec::new(),
        }
    }

    /// A layer named as its type, without the paths.
    pub fn of<L: ?Sized>() -> Self {
        Self::new(type_name::<L>())
    }

    /// Adds an answer, and when it is given.
    pub fn answers(mut self, status: StatusCode, when: impl Into<Cow<'static, str>>) -> Self {
        self.answers.push(Answer {
            status,
            when: when.into(),
        });
        self
    }

    /// Adds a header field that the layer sets on responses.
    pub fn adds(mut self, field: HeaderName) -> Self {
        self.adds.push(field);
        self
    }

    /// Adds words to the name: `with_auth`, then `with_auth, when ..`.
    pub fn suffix(mut self, words: &str) -> Self {
        self.name.to_mut().push_str(words);
        self
    }

    /// The layer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the layer can answer in the handler's place.
    #[must_use]
    pub fn all_answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The header fields that the layer sets on responses.
    #[must_use]
    pub fn all_fields(&self) -> &[HeaderName] {
        &self.adds
    }
}

impl Answer {
    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// When it is given.
    #[must_use]
    pub fn when(&self) -> &str {
        &self.when
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_str(), self.when)
    }
}
