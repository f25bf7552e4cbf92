//! Which declared answers came: [`ProvokeReport`].

use std::{collections::BTreeMap, fmt};

use http::StatusCode;

use crate::testing::hold::Violation;

/// Which of the answers that layers declare came; made by [`Provoke::run`](super::Provoke::run).
///
/// [`Display`](fmt::Display) counts them, and lists those that did not come, with the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ProvokeReport {
    pub(super) answers: Vec<ProvokedAnswer>,
    pub(super) violations: Vec<Violation>,
}

/// An answer that a layer declares, and whether it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvokedAnswer {
    pub(super) operation: String,
    pub(super) layer: String,
    pub(super) status: StatusCode,
    pub(super) condition: String,
    pub(super) outcome: ProvokeOutcome,
}

/// Whether a declared answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProvokeOutcome {
    /// It came as declared.
    AsDeclared,
    /// No request of a test gets it, for this reason.
    Impossible(String),
    /// The test, or the layer, has to supply this.
    Incomplete(String),
    /// Something else came.
    NotAsDeclared(String),
}

impl ProvokeReport {
    /// All answers that layers declare, in the order of routes and layers.
    #[must_use]
    pub fn answers(&self) -> &[ProvokedAnswer] {
        &self.answers
    }

    /// The responses that do not conform to the document, whichever layer or handler gave them.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Fails a test unless all answers that a request can provoke came as declared, and no others came.
    ///
    /// # Panics
    ///
    /// With the report, if an answer did not come as declared, if something has to be supplied, or if
    /// there are violations.
    #[track_caller]
    pub fn assert_all(&self) {
        let is_fine = |answer: &ProvokedAnswer| {
            matches!(
                answer.outcome,
                ProvokeOutcome::AsDeclared | ProvokeOutcome::Impossible(_)
            )
        };
        let is_complete = self.answers.iter().all(is_fine) && self.violations.is_empty();
        assert!(is_complete, "{self}");
    }
}

impl ProvokedAnswer {
    /// The method and the path, as they are written in the document.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The name of the layer.
    #[must_use]
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// When the answer is given, in words; may be empty.
    #[must_use]
    pub fn condition(&self) -> &str {
        &self.condition
    }

    /// Whether it came.
    #[must_use]
    pub const fn outcome(&self) -> &ProvokeOutcome {
        &self.outcome
    }
}

impl fmt::Display for ProvokeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let came = self
            .answers
            .iter()
            .filter(|answer| answer.outcome == ProvokeOutcome::AsDeclared);
        let (came, all) = (came.count(), self.answers.len());
        writeln!(f, "{came} of {all} declared answers came")?;
        let sections = [
            ("not as declared", 3),
            ("to be supplied", 2),
            ("not provoked by a request", 1),
        ];
        for (title, section) in sections {
            // One line for each cause, whatever number of operations has it.
            let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for answer in &self.answers {
                let (kind, text) = match &answer.outcome {
                    ProvokeOutcome::AsDeclared => continue,
                    ProvokeOutcome::Impossible(text) => (1, text),
                    ProvokeOutcome::Incomplete(text) => (2, text),
                    ProvokeOutcome::NotAsDeclared(text) => (3, text),
                };
                if kind == section {
                    let ProvokedAnswer {
                        layer,
                        status,
                        condition,
                        ..
                    } = answer;
                    let status = status.as_str();
                    let space = if condition.is_empty() { "" } else { " " };
                    let line = format!("{status} of `{layer}`{space}{condition}: {text}");
                    lines.entry(line).or_default().push(&answer.operation);
                }
            }
            if !lines.is_empty() {
                let count: usize = lines.values().map(Vec::len).sum();
                writeln!(f, "\n{count} {title}")?;
            }
            for (line, operations) in lines {
                writeln!(f, "  {line}")?;
                match &*operations {
                    [one] => writeln!(f, "    {one}")?,
                    [first, rest @ ..] => writeln!(f, "    {first}, and {} more", rest.len())?,
                    [] => {}
                }
            }
        }
        if !self.violations.is_empty() {
            writeln!(f, "\n{} not in the document", self.violations.len())?;
        }
        for violation in &self.violations {
            writeln!(f, "  {}", violation.to_string().replace('\n', "\n  "))?;
        }
        Ok(())
    }
}
