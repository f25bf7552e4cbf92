//! Prints a stack: a table of layer, stage, and what the layer can answer.

use std::fmt;

use http::HeaderName;

use super::{Cons, Nil, Stack};
use crate::contract::{Description, Place, stage::Stage};

/// A list whose layers describe themselves.
pub trait Describe {
    /// Calls `each` with the stage and the description of every layer, outermost first.
    fn describe_each(&self, each: &mut dyn FnMut(&'static str, Description));
}

impl Describe for Nil {
    fn describe_each(&self, _: &mut dyn FnMut(&'static str, Description)) {}
}

impl<H: Place, T: Describe> Describe for Cons<H, T> {
    fn describe_each(&self, each: &mut dyn FnMut(&'static str, Description)) {
        each(H::Stage::NAME, self.head.describe());
        self.tail.describe_each(each);
    }
}

impl<L: Describe> Stack<L> {
    /// The layers in words, outermost first: the name of the stage, and the description.
    #[must_use]
    pub fn describe(&self) -> Vec<(&'static str, Description)> {
        rows(&self.list)
    }
}

impl<L: Describe> fmt::Display for Stack<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(&rows(&self.list), f)
    }
}

/// The stage and the description of every layer, outermost first.
pub(crate) fn rows(list: &impl Describe) -> Vec<(&'static str, Description)> {
    let mut all = Vec::new();
    list.describe_each(&mut |stage, description| all.push((stage, description)));
    all
}

/// Writes the table of these layers.
pub(crate) fn write_table(
    rows: &[(&'static str, Description)],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let names = rows.iter().map(|(_, layer)| layer.name().chars().count());
    let name_width = names.chain(["layer".len()]).max().unwrap_or_default();
    let stages = rows.iter().map(|(stage, _)| stage.len());
    let stage_width = stages.chain(["stage".len()]).max().unwrap_or_default();

    writeln!(
        f,
        "{:name_width$}  {:stage_width$}  answers and sets",
        "layer", "stage"
    )?;
    for (stage, layer) in rows {
        let mut name = layer.name();
        let mut stage = *stage;
        let mut lines: Vec<_> = layer
            .all_answers()
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.extend(sets(layer));
        if lines.is_empty() {
            writeln!(f, "{name:name_width$}  {stage}")?;
        }
        for line in lines {
            writeln!(f, "{name:name_width$}  {stage:stage_width$}  {line}")?;
            (name, stage) = ("", "");
        }
    }
    Ok(())
}

/// The fields that a layer sets, in a line.
fn sets(layer: &Description) -> Option<String> {
    let fields: Vec<_> = layer.all_fields().iter().map(HeaderName::as_str).collect();
    (!fields.is_empty()).then(|| format!("sets {}", fields.join(", ")))
}
