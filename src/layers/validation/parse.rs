//! Reads the inputs of one request, and notes why one of them can't be read.
//!
//! JSON is parsed plainly. Only an input that fails is read a second time, with the path to the error,
//! because tracking the path costs more than the parsing itself.

use std::borrow::Cow;

use bytes::Bytes;
use garde::Report;
#[cfg(feature = "multipart")]
use garde::Validate;
use http::{StatusCode, header, request::Parts};
use serde::de::{DeserializeOwned, IgnoredAny, value::UnitDeserializer};
use serde_json::error::Category;

use super::{
    body::Options,
    dynamic::{self, Fault, Once, Source},
    encoding::{Encoding, Format},
    errors::{self, ErrorList, InputError, excerpt},
    field_path::{FieldPaths, resolve_locations},
    input::{Input, ReadAs, ReadMode},
    params::{Params, Value},
    reader::Reader,
    trace::{PathSegment, Trace},
    wording::invalid,
};
#[cfg(feature = "multipart")]
use super::{
    errors::MAX_LISTED_ERRORS,
    input::{Upload, Valid, WithRules},
};
#[cfg(feature = "axum")]
use crate::request::with_path_params;
use crate::{
    contract::description::InputSource,
    wire::{
        Problem,
        field::{
            cookie,
            urlencoded::{self, Malformed},
        },
    },
};

/// The inputs of one request, while they are read.
#[doc(hidden)]
#[expect(
    missing_debug_implementations,
    unnameable_types,
    reason = "only the crate uses it"
)]
pub struct Reading<'r> {
    pub(super) parts: &'r mut Parts,
    /// The body and its encoding; `None` if the request has none, or if none is read.
    pub(super) body: Option<(Encoding, &'r Bytes)>,
    /// The parts of a form with files, instead of the body.
    pub(super) form: &'r [(String, FormPart)],
    pub(super) options: &'r Options,
    pub(super) errors: ErrorList,
}

/// A part of a form: a text, or the file with this index.
pub(crate) enum FormPart {
    #[cfg_attr(
        not(feature = "multipart"),
        expect(dead_code, reason = "only it has them")
    )]
    Text(String),
    #[cfg_attr(
        not(feature = "multipart"),
        expect(dead_code, reason = "only it has them")
    )]
    File(usize),
}

/// Reads a form whose parts have been received.
///
/// # Errors
///
/// 422: the parts are not a `T`, or break its rules.
#[cfg(feature = "multipart")]
pub(crate) fn read_form<T>(
    parts: &mut Parts,
    form: &[(String, FormPart)],
    has_nested_keys: bool,
    rejects_unknown_names: bool,
    context: &T::Context,
) -> Result<Valid<Upload<T>>, Problem>
where
    T: DeserializeOwned + Validate<Context: Send + Sync + 'static> + Send + 'static,
{
    let mut options = Options::DEFAULT;
    options.has_nested_keys = has_nested_keys;
    options.rejects_unknown_names = rejects_unknown_names;
    let mut reading = Reading {
        parts,
        body: None,
        form,
        options: &options,
        errors: ErrorList::new(MAX_LISTED_ERRORS),
    };
    let value = reading.read::<Upload<T>>()?;
    if let Some(value) = value
        && reading.errors.is_empty()
    {
        match <Upload<T> as ReadAs<WithRules>>::check(&value, context) {
            Ok(()) => return Ok(<Upload<T> as ReadAs<WithRules>>::output(value)),
            Err(report) => {
                reading.note_broken_rules::<Upload<T>, WithRules>(&report, context)?;
            }
        }
    }
    Err(reading.errors.into_problem())
}

/// The 422 to a form that is not its type, or breaks its rules.
#[cfg(feature = "multipart")]
pub(crate) fn invalid_form() -> Problem {
    ErrorList::new(0).into_problem()
}

/// Reads a value of some type.
type Read<'s> = dyn FnMut(&mut dyn Source<'_>) -> Result<(), Fault> + 's;

/// Reads a value of some type and, if that is asked for, checks its rules. `None` if it can't be read.
type Check<'s> = dyn FnMut(&mut dyn Source<'_>, bool) -> Option<Report> + 's;

impl<'r> Reading<'r> {
    /// The value of an input; `None` if it is invalid, and why is noted.
    ///
    /// # Errors
    ///
    /// 400: the input can't be parsed.
    pub(super) fn read<I: Input<Value: DeserializeOwned>>(
        &mut self,
    ) -> Result<Option<I::Value>, Problem> {
        let encoding = self.encoding(I::FORMAT);
        // Only the parsers of its format are compiled for a type.
        if const { matches!(I::FORMAT, Format::Binary) }
            && let Some((_, bytes)) = self.body
            && let Some(value) = I::of_bytes(bytes)
        {
            return Ok(Some(value));
        }
        let is_absent = I::IS_OPTIONAL && self.is_absent(encoding);
        let mut fault = None;
        if const { matches!(I::FORMAT, Format::Json | Format::JsonOrForm) }
            && encoding == Encoding::Json
            && !is_absent
        {
            match serde_json::from_str::<I::Value>(self.json_text()?) {
                Ok(value) if !self.options.rejects_unknown_names => return Ok(Some(value)),
                Ok(_) => {}
                Err(error) => fault = Some(error),
            }
        }
        let mut value = None;
        self.read_source(
            encoding,
            is_absent,
            fault.as_ref(),
            &mut |source| match dynamic::read::<I::Value>(source) {
                Ok(read) => {
                    value = Some(read);
                    Ok(())
                }
                Err(fault) => Err(fault),
            },
        )?;
        Ok(value)
    }

    fn read_source(
        &mut self,
        encoding: Encoding,
        is_absent: bool,
        fault: Option<&serde_json::Error>,
        read: &mut Read<'_>,
    ) -> Result<(), Problem> {
        if is_absent {
            let absent = UnitDeserializer::<serde::de::value::Error>::new();
            if let Err(error) = read(&mut Once::new(absent)) {
                self.errors
                    .add(invalid(&error.to_string(), Vec::new(), encoding));
            }
            return Ok(());
        }
        match encoding {
            Encoding::Json => self.read_json_again(fault, read),
            _ => self.read_params(encoding, read),
        }
    }

    /// Notes the rules that a value breaks, at the places where the client has sent it.
    pub(super) fn note_broken_rules<I, R>(
        &mut self,
        report: &Report,
        context: &I::Context,
    ) -> Result<(), Problem>
    where
        I: ReadAs<R>,
        R: ReadMode,
    {
        let encoding = self.encoding(I::FORMAT);
        self.note_report(report, encoding, &mut |source, has_rules| {
            let value = dynamic::read::<I::Value>(source).ok()?;
            has_rules.then(|| I::check(&value, context).err().unwrap_or_else(Report::new))
        })
    }

    fn encoding(&self, format: Format) -> Encoding {
        let only = Encoding::only(format);
        match self.body {
            Some((encoding, _)) if only.source() == InputSource::Body => encoding,
            _ => only,
        }
    }

    fn is_absent(&self, encoding: Encoding) -> bool {
        match encoding.source() {
            InputSource::Body => self.body.is_none_or(|(_, bytes)| bytes.is_empty()),
            InputSource::Query => self.parts.uri.query().is_none_or(str::is_empty),
            InputSource::Cookie => !self.parts.headers.contains_key(header::COOKIE),
            InputSource::Header | InputSource::Path => false,
        }
    }

    fn body_bytes(&self) -> &'r [u8] {
        self.body.map_or(&[], |(_, bytes)| bytes)
    }

    // JSON

    fn json_text(&self) -> Result<&'r str, Problem> {
        let bytes = self.body_bytes();
        // The whole input is checked: serde_json does not check strings that it skips.
        let text = std::str::from_utf8(bytes)
            .map_err(|error| not_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()))?;
        // A value needs at least one of these bytes; strings contain some too, so they are counted only
        // if there are many.
        let max_values = self.options.max_values;
        let separators = bytes
            .iter()
            .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
        if text.len() > max_values
            && separators.count() > max_values
            && count_values(text) > max_values
        {
            return Err(too_many_values(max_values, Encoding::Json));
        }
        Ok(text)
    }

    /// Reads JSON with the path to the error, or with the names that no field takes.
    ///
    /// The second reader is more lenient than the first: an integer may be written as `89.0`.
    fn read_json_again(
        &mut self,
        fault: Option<&serde_json::Error>,
        read: &mut Read<'_>,
    ) -> Result<(), Problem> {
        let text = self.json_text()?;
        if let Some(error) = fault {
            check_syntax(text, error)?;
        }
        let trace = Trace::default();
        let mut json = serde_json::Deserializer::from_str(text);
        match read(&mut Once::new(trace.of(&mut json))) {
            Ok(()) => self.note_unknown_names(&trace, Encoding::Json),
            Err(error) => {
                let text = error.to_string();
                let (message, position) = take_position(&text);
                let position = position.or_else(|| Some((fault?.line(), fault?.column())));
                // The error of an untagged enum has no position.
                let position = position.filter(|(line, _)| *line > 0);
                self.errors
                    .add(invalid(message, trace.failure(), Encoding::Json));
                self.errors.position = position;
            }
        }
        Ok(())
    }

    // Forms, queries, paths, header fields, cookies, and texts

    /// Calls `read` with the parameters, unless their keys contradict each other: that is noted.
    fn with_params<T>(
        &mut self,
        encoding: Encoding,
        read: impl FnOnce(&Params<'_>, &Options) -> T,
    ) -> Result<Option<T>, Problem> {
        let options = self.options;
        let has_nested_keys = options.has_nested_keys
            && matches!(
                encoding,
                Encoding::Form | Encoding::Multipart | Encoding::Query
            );
        let params = match encoding {
            Encoding::Form | Encoding::Query => {
                let bytes = match encoding {
                    Encoding::Form => self.body_bytes(),
                    _ => self.parts.uri.query().unwrap_or_default().as_bytes(),
                };
                urlencoded::check(bytes).map_err(|fault| malformed_form(fault, encoding))?;
                let max_values = options.max_values;
                let separators = bytes.iter().filter(|byte| **byte == b'&');
                if bytes.len() > max_values && separators.count() >= max_values {
                    return Err(too_many_values(max_values, encoding));
                }
                let pairs = form_urlencoded::parse(bytes);
                if has_nested_keys {
                    Params::nested(encoding, pairs)
                } else {
                    Ok(Params::new(encoding, pairs))
                }
            }
            Encoding::Multipart => {
                let pairs = self.form.iter().map(|(name, part)| {
                    let value = match part {
                        FormPart::Text(text) => Value::Text(Cow::Borrowed(text.as_str())),
                        FormPart::File(index) => Value::File(*index),
                    };
                    (Cow::Borrowed(name.as_str()), value)
                });
                if has_nested_keys {
                    Params::nested(encoding, pairs)
                } else {
                    Ok(Params::new(encoding, pairs))
                }
            }
            Encoding::Header => {
                let fields = self.parts.headers.iter();
                let fields = fields.map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes().trim_ascii());
                    (Cow::Borrowed(name.as_str()), value)
                });
                Ok(Params::new(encoding, fields))
            }
            Encoding::Cookie => Ok(Params::new(encoding, cookie::all(&self.parts.headers))),
            Encoding::Path => {
                #[cfg(feature = "axum")]
                {
                    let found = with_path_params(self.parts, |params| {
                        let params = params.iter();
                        let params = params
                            .map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(&**value)));
                        read(&Params::new(encoding, params), options)
                    })?;
                    return found.map(Some).ok_or_else(no_route);
                }
                #[cfg(not(feature = "axum"))]
                return Err(no_route());
            }
            Encoding::Json | Encoding::Text | Encoding::Binary => {
                let bytes = self.body_bytes();
                let text = std::str::from_utf8(bytes).map_err(|error| {
                    not_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())
                })?;
                Ok(Params::text(encoding, text))
            }
        };
        match params {
            Ok(params) => Ok(Some(read(&params, options))),
            Err(fault) => {
                self.errors.add(InputError {
                    encoding,
                    message: fault.message.into(),
                    path: vec![PathSegment::Key(fault.key)],
                    code: fault.code.into(),
                });
                Ok(None)
            }
        }
    }

    fn read_params(&mut self, encoding: Encoding, read: &mut Read<'_>) -> Result<(), Problem> {
        let outcome = self.with_params(encoding, |params, options| {
            let error = loop {
                match read(&mut Once::new(Reader::of(params))).map_err(|error| error.to_string()) {
                    Ok(()) => break None,
                    Err(error) if params.can_retry_after(&error) => {}
                    Err(error) => break Some(error),
                }
            };
            let must_know_names = options.rejects_unknown_names || params.has_bracketed_keys();
            let trace = Trace::default();
            if error.is_none() && !must_know_names {
                return None;
            }
            // The outcome is known: this is for the path to the error, or the names that no field takes.
            drop(read(&mut Once::new(trace.of(Reader::of(params)))));
            Some((error, trace))
        })?;
        match outcome {
            None | Some(None) => {}
            Some(Some((Some(error), trace))) => {
                if encoding == Encoding::Path && is_fault_of_route(&error) {
                    return Err(wrong_route(&error));
                }
                self.errors.add(invalid(&error, trace.failure(), encoding));
            }
            Some(Some((None, trace))) => self.note_unknown_names(&trace, encoding),
        }
        Ok(())
    }

    /// Notes the names that no field has taken: all of them if that is asked for, and a name with
    /// brackets (`tags[]`) always, if there is a field of that name without them.
    fn note_unknown_names(&mut self, trace: &Trace, encoding: Encoding) {
        let fields = trace.fields_at(&[]);
        let (ignored, more) = trace.take_ignored();
        if self.options.rejects_unknown_names {
            self.errors.count_more(more);
        }
        for path in ignored {
            let field = match path.as_slice() {
                [PathSegment::Key(key)] if !self.options.has_nested_keys => {
                    key.split_once('[').map(|(name, _)| name)
                }
                _ => None,
            };
            let field = field.filter(|name| encoding != Encoding::Json && fields.contains(name));
            if field.is_none() && !self.options.rejects_unknown_names {
                continue;
            }
            let Some(PathSegment::Key(name)) = path.last() else {
                continue;
            };
            let message = match field {
                Some(field) => {
                    format!("keys with brackets are not read; send `{field}`, repeated for a list")
                }
                None => format!("unknown field `{}`", excerpt(name)),
            };
            self.errors.add(InputError {
                encoding,
                message: message.into(),
                path,
                code: errors::UNKNOWN_FIELD.into(),
            });
        }
    }

    // Rules

    fn note_report(
        &mut self,
        report: &Report,
        encoding: Encoding,
        check: &mut Check<'_>,
    ) -> Result<(), Problem> {
        /// How often an input is read at most, to find fields with other names.
        const MAX_READS: usize = 64;
        /// How many bytes are read at most.
        const MAX_BYTES: usize = 4 * 1024 * 1024;

        let listed: Vec<_> = errors::listed(report, self.errors.room()).collect();
        let more = report.iter().count().saturating_sub(listed.len());
        let query = self.parts.uri.query().unwrap_or_default();
        let parts = self.form.iter().map(|(_, part)| match part {
            FormPart::Text(text) => text.len(),
            FormPart::File(_) => 0,
        });
        let input_bytes = [self.body_bytes().len(), query.len(), parts.sum()];
        let input_bytes = input_bytes
            .iter()
            .fold(1, |all, bytes| bytes.saturating_add(all));
        let max_reads = match more {
            0 => MAX_READS.min(MAX_BYTES.checked_div(input_bytes).unwrap_or(0)),
            // A report that is not listed as a whole takes long to make.
            _ => 0,
        };
        let noted = if encoding == Encoding::Json {
            let text = self.json_text()?;
            let names = FieldPaths::in_json(text, &listed, &self.options.field_names);
            resolve_locations(names, &listed, max_reads, &mut |trace| {
                let mut json = serde_json::Deserializer::from_str(text);
                check(&mut Once::new(trace.of(&mut json)), trace.replaces())
            })
        } else {
            let found = self.with_params(encoding, |params, options| {
                let names = FieldPaths::in_params(&params.root, encoding, &options.field_names);
                resolve_locations(names, &listed, max_reads, &mut |trace| {
                    let reader = trace.of(Reader::of(params));
                    check(&mut Once::new(reader), trace.replaces())
                })
            })?;
            found.unwrap_or_default()
        };
        for (error, path) in listed.into_iter().zip(noted) {
            self.errors.add(InputError {
                encoding,
                path,
                ..error
            });
        }
        self.errors.count_more(more);
        Ok(())
    }
}

/// How many values a JSON text has; one more than really, if it is malformed.
fn count_values(text: &str) -> usize {
    let mut values = 1_usize;
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => values = values.saturating_add(1),
            _ => {}
        }
    }
    values
}

pub(super) fn too_many_values(max_values: usize, encoding: Encoding) -> Problem {
    let status = match encoding {
        Encoding::Query => StatusCode::URI_TOO_LONG,
        _ => StatusCode::PAYLOAD_TOO_LARGE,
    };
    Problem::new(status)
        .reason("too_many_values")
        .detail(format!(
            "The input must not have more than {max_values} values."
        ))
        .extension("max_values", max_values)
}

/// Checks that a text is JSON, although its type expects another value. The first reader stops at the
/// error, and the second one at the end of the value.
fn check_syntax(text: &str, error: &serde_json::Error) -> Result<(), Problem> {
    // Where a variant of an enum is expected, serde_json calls a value of another type a fault of the
    // syntax.
    let is_data = error.classify() == Category::Data
        || take_position(&error.to_string()).0 == "expected value";
    if !is_data {
        return Err(malformed_json(text, error));
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(IgnoredAny) => Ok(()),
        Err(error) => Err(malformed_json(text, &error)),
    }
}

/// A body that is not JSON: 400, with the position.
fn malformed_json(text: &str, error: &serde_json::Error) -> Problem {
    if text.trim_ascii().is_empty() {
        return malformed("The body is empty, but JSON is expected.".to_owned());
    }
    // RFC 8259, section 8.1: senders must not add one.
    if text.starts_with('\u{feff}') {
        let detail = "The body starts with a byte order mark, which is not allowed in JSON.";
        return at(malformed(detail.to_owned()), 1, 1);
    }
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = excerpt(take_position(&text).0);
    let detail = format!("The body is not JSON: {reason} at line {line}, column {column}.");
    at(malformed(detail), line, column)
}

fn not_utf8(valid: &[u8]) -> Problem {
    let lines = valid.split(|byte| *byte == b'\n');
    let (line, column) = lines.fold((0_usize, 0), |(line, _), text| {
        (line.saturating_add(1), text.len().saturating_add(1))
    });
    let detail = format!("The body is not UTF-8 at line {line}, column {column}.");
    at(malformed(detail), line, column)
}

fn at(problem: Problem, line: usize, column: usize) -> Problem {
    problem.extension("line", line).extension("column", column)
}

/// The message of an error of `serde_json`, and the position at its end.
fn take_position(text: &str) -> (&str, Option<(usize, usize)>) {
    let found = text
        .rsplit_once(" at line ")
        .and_then(|(message, position)| {
            let (line, column) = position.split_once(" column ")?;
            Some((message, (line.parse().ok()?, column.parse().ok()?)))
        });
    match found {
        Some((message, position)) => (message, Some(position)),
        None => (text, None),
    }
}

fn malformed_form(fault: Malformed, encoding: Encoding) -> Problem {
    let part = encoding.name();
    match fault {
        Malformed::Escape { at } => malformed(format!(
            "In the {part}, the % at byte {at} is not followed by two hexadecimal digits."
        ))
        .extension("byte", at),
        Malformed::NotUtf8 => malformed(format!("The {part} is not UTF-8.")),
    }
}

/// An input that can't be parsed: 400.
fn malformed(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("malformed")
        .detail(detail)
}

/// Whether the parameters of the path do not fit the type, whatever the client sends.
fn is_fault_of_route(error: &str) -> bool {
    error.starts_with("missing field ") || error.starts_with("invalid length ")
}

#[cold]
fn wrong_route(error: &str) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
        .reason("wrong_path")
        .because(format!(
            "the parameters of the route do not fit the type of the path: {error}"
        ))
}

#[cold]
fn no_route() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
        .reason("wrong_path")
        .because("no route has matched, so there are no path parameters")
}
