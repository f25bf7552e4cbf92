//! Translates paths of fields in Rust, as garde reports them, into paths of the document that the
//! client sent.

use garde::Report;
use serde::de::DeserializeSeed;

use super::{
    document::{Document, DocumentSeed, Found, Scalar},
    encoding::Encoding,
    errors::{self, InputError},
    params::Node,
    trace::{Key, PathSegment, Trace},
};

/// The input that the client sent, in which paths are looked up.
///
/// garde names a field as Rust does. The member of a field is found in this order:
///
/// 1. a member with the same name, with one that differs only in case, `_` and `-`
///    (`rename_all = "camelCase"`), or with the name that the application has given;
/// 2. the content of an enum's variant, if the field is in there;
/// 3. a field that the client has not sent, by the names that serde reads;
/// 4. a member of a flattened struct, which has no member of its own;
/// 5. the only member whose content has the rest of the path, or whose value can break the rule
///    (`rename = ".."`). Of several such members, it is the one whose change fixes the error: see
///    [`FieldLocation::Ambiguous`].
///
/// If none of them finds it, the path ends at the parent: no name of Rust is shown.
pub(super) struct FieldPaths<'a> {
    encoding: Encoding,
    document: Document<'a>,
    /// Names that an application has given: that of a field in Rust, and that of clients.
    given: &'a [(String, String)],
    /// What serde tells about the names; it is asked only if the document does not tell enough.
    trace: Option<Trace>,
}

/// Where the client has sent the value of a field.
enum FieldLocation {
    Known(Vec<PathSegment>),
    /// It is one of these, or it is reported at the parent.
    Ambiguous {
        candidates: Vec<Candidate>,
        parent: Vec<PathSegment>,
    },
}

/// A value that may be that of a field.
struct Candidate {
    pub(super) path: Vec<PathSegment>,
    /// Other values for it, some of which satisfy the broken rule.
    pub(super) other_values: Vec<serde_json::Value>,
}

impl<'a> FieldPaths<'a> {
    /// Paths in a JSON text, of which only what these paths lead through is kept.
    pub(super) fn in_json(
        text: &'a str,
        errors: &[InputError],
        given: &'a [(String, String)],
    ) -> Self {
        let mut reader = serde_json::Deserializer::from_str(text);
        let document = DocumentSeed(errors).deserialize(&mut reader);
        Self {
            encoding: Encoding::Json,
            document: document.unwrap_or(Document::Scalar(Scalar::Null)),
            given,
            trace: None,
        }
    }

    /// Paths in a list of parameters.
    pub(super) fn in_params(
        node: &'a Node<'_>,
        encoding: Encoding,
        given: &'a [(String, String)],
    ) -> Self {
        Self {
            encoding,
            document: Document::from(node),
            given,
            trace: None,
        }
    }

    /// Adds what serde tells about the names.
    pub(super) fn add_names(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// The paths of these errors in the document. Without what serde tells, up to the first one that is
    /// not known.
    fn all(&self, errors: &[InputError]) -> Vec<FieldLocation> {
        let resolve_locations = errors
            .iter()
            .map_while(|error| self.as_sent(&error.path, &error.message));
        resolve_locations.collect()
    }

    /// The path in the document for a path of fields in Rust. The message tells which rule is broken.
    fn as_sent(&self, path: &[PathSegment], message: &str) -> Option<FieldLocation> {
        let mut candidates = Vec::new();
        let sent = Vec::with_capacity(path.len());
        let from = Some(&self.document);
        let (sent, _) = self.follow(from, sent, path, message, &mut candidates)?;
        Some(if candidates.is_empty() {
            FieldLocation::Known(sent)
        } else {
            FieldLocation::Ambiguous {
                candidates,
                parent: sent,
            }
        })
    }

    /// Goes on from a value of the document to the last one that is known, and returns its path. Where it
    /// could go on in several ways, the end of each of them is a candidate.
    fn follow<'d>(
        &'d self,
        mut here: Option<&'d Document<'a>>,
        mut sent: Vec<PathSegment>,
        mut rest: &[PathSegment],
        message: &str,
        candidates: &mut Vec<Candidate>,
    ) -> Option<(Vec<PathSegment>, Option<&'d Document<'a>>)> {
        while let Some((segment, after)) = rest.split_first() {
            let Some(value) = here else {
                break;
            };
            if let Some((Key(tag), content)) = value.tag(segment, after) {
                sent.push(PathSegment::Key(tag.to_string()));
                here = Some(content);
                if matches!(segment, PathSegment::Key(_)) {
                    continue;
                }
            }
            rest = after;
            match (segment, here) {
                (PathSegment::Index(index), Some(Document::Array(items))) => {
                    let mut items = items.iter();
                    let item = items.find(|(at, _)| at == index).map(|(_, item)| item);
                    let is_last = matches!(item, None | Some(Document::Scalar(_)));
                    if let (true, Some(PathSegment::Index(_))) = (is_last, after.first()) {
                        // A newtype around the list.
                        continue;
                    }
                    sent.push(PathSegment::Index(*index));
                    here = item;
                }
                // The field of a newtype has an index in Rust, but not in serde; a transparent struct
                // has a name in Rust.
                (PathSegment::Index(_), _) | (PathSegment::Key(_), Some(Document::Scalar(_))) => {}
                (PathSegment::Key(field), Some(value @ Document::Object(_))) => {
                    let mut given = self.given.iter().filter(|(rust, _)| rust == field);
                    let given = given.find_map(|(_, sent)| value.member(sent));
                    if let Some((Key(key), member)) = value.member(field).or(given) {
                        sent.push(PathSegment::Key(key.to_string()));
                        here = Some(member);
                        continue;
                    }
                    let mut fields = self.trace.as_ref()?.fields_at(&sent);
                    if self.encoding == Encoding::Header {
                        // A name in the document is that of a field.
                        fields.clear();
                    }
                    match value.find(field, after, &fields, message) {
                        Found::Member(Key(key), member) => {
                            sent.push(PathSegment::Key(key.to_string()));
                            here = Some(member);
                        }
                        Found::Absent(name) => {
                            sent.push(PathSegment::Key(name.to_owned()));
                            here = None;
                        }
                        Found::Flattened => {}
                        Found::OneOf(members) => {
                            for (Key(key), member) in members {
                                let mut path = sent.clone();
                                path.push(PathSegment::Key(key.to_string()));
                                let known = candidates.len();
                                let (path, value) =
                                    self.follow(Some(member), path, after, message, candidates)?;
                                if let (Some(value), true) = (value, candidates.len() == known) {
                                    let other_values = value.other_values(message);
                                    candidates.push(Candidate { path, other_values });
                                }
                            }
                            break;
                        }
                        Found::Nothing => break,
                    }
                }
                (PathSegment::Key(_), _) => break,
            }
        }
        Some((sent, here))
    }
}

/// Where the client has sent the values of these errors. `check` reads the input once more, as serde
/// does: that tells more names, but takes as long as the first reading. With another value in one place,
/// it also checks the rules; it does so `reads` times at most.
pub(super) fn resolve_locations(
    mut names: FieldPaths<'_>,
    errors: &[InputError],
    mut reads: usize,
    check: &mut dyn FnMut(&Trace) -> Option<Report>,
) -> Vec<Vec<PathSegment>> {
    let mut found = names.all(errors);
    let is_known = found
        .iter()
        .all(|location| matches!(location, FieldLocation::Known(_)));
    if found.len() < errors.len() || !is_known {
        let trace = Trace::default();
        drop(check(&trace));
        names.add_names(trace);
        found = names.all(errors);
    }
    let resolve_locations = errors
        .iter()
        .zip(found)
        .map(|(error, location)| match location {
            FieldLocation::Known(path) => path,
            // The value of the field is the one with which the error goes away.
            FieldLocation::Ambiguous { candidates, parent } => {
                let mut matching = candidates.into_iter().filter_map(|candidate| {
                    let Candidate { path, other_values } = candidate;
                    let is_match = other_values.into_iter().any(|value| {
                        let Some(left) = reads.checked_sub(1) else {
                            return false;
                        };
                        reads = left;
                        let report = check(&Trace::replacing(path.clone(), value));
                        report.is_some_and(|report| {
                            !errors::listed(&report, usize::MAX).any(|other| {
                                other.path == error.path && other.message == error.message
                            })
                        })
                    });
                    is_match.then_some(path)
                });
                match (matching.next(), matching.next()) {
                    (Some(path), None) => path,
                    _ => parent,
                }
            }
        });
    resolve_locations.collect()
}

#[cfg(test)]
mod tests {
    use super::{Encoding, FieldLocation, FieldPaths, InputError, PathSegment, Trace};
    use crate::layers::validation::params::Params;

    /// A path from its short form: `a.0` is a key and an index.
    fn path(short: &str) -> Vec<PathSegment> {
        let names = short.split('.').filter(|name| !name.is_empty());
        let name = |name: &str| match name.parse() {
            Ok(index) => PathSegment::Index(index),
            Err(_) => PathSegment::Key(name.to_owned()),
        };
        names.map(name).collect()
    }

    #[test]
    fn a_path_in_rust_becomes_a_path_in_the_document() {
        let cases = [
            ("same name", r#"{"a":1}"#, "a", "a"),
            ("other case", r#"{"aB":1,"c":2}"#, "a_b", "aB"),
            ("two that could be meant", r#"{"aB":1,"AB":2}"#, "a_b", ""),
            ("missing", r#"{"c":1}"#, "a_b", ""),
            ("deeper than the document", r#"{"a":1}"#, "a.b_c.0", "a"),
            ("list", r#"{"a":[{"bC":1}]}"#, "a.0.b_c", "a.0.bC"),
            ("newtype of a value", r#"{"a":"x"}"#, "a.0", "a"),
            ("newtype of a list", "[1]", "0.0", "0"),
            ("newtype of a struct", r#"{"x":1}"#, "0.x", "x"),
            (
                "struct variant",
                r#"{"s":{"circle":{"r":0}}}"#,
                "s.r",
                "s.circle.r",
            ),
            (
                "newtype variant",
                r#"{"s":{"circle":0}}"#,
                "s.0",
                "s.circle",
            ),
            (
                "newtype variant of a struct",
                r#"{"circle":{"r":0}}"#,
                "0.r",
                "circle.r",
            ),
            ("tuple variant", r#"{"line":[0,1]}"#, "1", "line.1"),
            (
                "repeated, the last one counts",
                r#"{"a":{"bC":1},"a":{"b_c":1}}"#,
                "a.b_c",
                "a.b_c",
            ),
            (
                "newtype variant, repeated",
                r#"{"circle":0,"circle":0}"#,
                "0",
                "circle",
            ),
            (
                "name with escapes",
                r#"{"\u0061B":{"c\u0044":1}}"#,
                "a_b.c_d",
                "aB.cD",
            ),
            (
                "number of any precision",
                r#"{"a":{"$serde_json::private::Number":"1"}}"#,
                "a.0",
                "a",
            ),
            (
                "tagged within, or not at all",
                r#"{"type":"circle","r":0}"#,
                "r",
                "r",
            ),
        ];
        for (name, document, rust, written) in cases {
            let error = InputError {
                encoding: Encoding::Json,
                message: "length is lower than 2".into(),
                path: path(rust),
                code: "length".into(),
            };
            let mut paths = FieldPaths::in_json(document, std::slice::from_ref(&error), &[]);
            paths.add_names(Trace::default());
            let [FieldLocation::Known(found)] = &*paths.all(&[error]) else {
                panic!("{name}");
            };
            assert_eq!(*found, path(written), "{name}");
        }
    }

    #[test]
    fn an_index_of_a_parameter_is_kept_if_it_was_repeated() {
        for (form, written) in [("t=a", "t"), ("t=a&t=b", "t.0"), ("", "")] {
            let params = Params::new(Encoding::Form, form_urlencoded::parse(form.as_bytes()));
            let mut paths = FieldPaths::in_params(&params.root, Encoding::Form, &[]);
            paths.add_names(Trace::default());
            let found = paths.as_sent(&path("t.0"), "");
            assert!(
                matches!(found, Some(FieldLocation::Known(found)) if found == path(written)),
                "{form}"
            );
        }
    }
}
