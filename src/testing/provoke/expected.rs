//! The expected answer, and whether a response is that answer.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{StatusCode, header, response};
use serde_json::Value;

use crate::{
    api::routes::DescribedRoute,
    contract::{Description, description::Answer},
    wire::Problem,
};

/// The fields that an answer with this status always has, if it declares them.
const CERTAIN_FIELDS: [http::HeaderName; 3] =
    [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE];

/// The expected answer.
pub(super) struct Expected<'a> {
    pub(super) answer: Answer,
    /// The layer that gives it, if one does, and the names of its limits.
    limits: Vec<&'a str>,
    /// The reasons of other answers with the same status.
    other_reasons: BTreeSet<&'a str>,
    /// All members that problems of this status may have.
    members: BTreeSet<&'a str>,
    /// Refusals are given in another form.
    is_rendered: bool,
    /// A layer answers 410 to all requests after a date.
    pub(super) has_sunset: bool,
}

/// A response that was read.
pub(super) struct Received {
    pub(super) head: response::Parts,
    pub(super) body: Bytes,
}

impl<'a> Expected<'a> {
    pub(super) fn new(route: &'a DescribedRoute, layer: &'a Description, answer: &Answer) -> Self {
        let all = route.layers.iter().flat_map(Description::answers);
        let same = all.filter(|other| other.status() == answer.status());
        let reasons = same.clone().filter(|other| *other != answer);
        Self {
            answer: answer.clone(),
            limits: layer.limits().iter().map(|limit| limit.name()).collect(),
            other_reasons: reasons
                .flat_map(|answer| answer.reasons())
                .map(|reason| &**reason)
                .collect(),
            members: same
                .flat_map(|answer| answer.members())
                .chain(route.layers.iter().flat_map(Description::problem_members))
                .map(|name| &**name)
                .collect(),
            is_rendered: route.layers.iter().any(Description::is_refusal_renderer),
            has_sunset: route.layers.iter().any(is_gone_after_sunset),
        }
    }

    /// An answer that no layer gives, within the layers around all routes.
    pub(super) fn of_api(answer: Answer, routes: &'a [DescribedRoute]) -> Self {
        let layers = routes.iter().flat_map(|route| &route.layers);
        Self {
            answer,
            limits: Vec::new(),
            other_reasons: BTreeSet::new(),
            members: layers
                .flat_map(Description::problem_members)
                .map(|name| &**name)
                .collect(),
            is_rendered: false,
            has_sunset: false,
        }
    }

    /// Whether this is the answer. It is an error if it is, and differs from what is declared.
    pub(super) fn is_met_by(&self, received: &Received) -> Result<bool, String> {
        const STANDARD_MEMBERS: [&str; 5] = ["type", "title", "status", "detail", "instance"];

        let answer = &self.answer;
        if received.head.status != answer.status() {
            return Ok(false);
        }
        let problem = received.head.extensions.get::<Problem>();
        if let Some(reason) = problem.and_then(Problem::reason_code) {
            let is_of = |reasons: &[std::borrow::Cow<'static, str>]| {
                reasons.iter().any(|expected| expected == reason)
            };
            if !is_of(answer.reasons()) && self.other_reasons.contains(reason) {
                return Ok(false);
            }
        }
        for field in CERTAIN_FIELDS {
            if answer.fields().contains(&field) && !received.head.headers.contains_key(&field) {
                return Err(format!("it came without `{field}`"));
            }
        }
        let Some(kind) = answer.kind_uri().filter(|_| !self.is_rendered) else {
            return Ok(true);
        };
        let json: Value = serde_json::from_slice(&received.body)
            .map_err(|error| format!("it came without a problem in JSON: {error}"))?;
        let spent = json.get("violated-policies").and_then(Value::as_array);
        if let Some(spent) = spent {
            let mut names = spent.iter().filter_map(Value::as_str);
            if !names.any(|name| self.limits.contains(&name)) {
                // The quota of another layer.
                return Ok(false);
            }
        }
        let found = json
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("about:blank");
        if found != kind {
            return Err(format!(
                "the type of the problem is `{found}`, and not `{kind}`"
            ));
        }
        let members = json.as_object().into_iter().flatten();
        let undeclared = members
            .map(|(name, _)| &**name)
            .find(|name| !STANDARD_MEMBERS.contains(name) && !self.members.contains(name));
        match undeclared {
            Some(name) => Err(format!("the problem has the undeclared member `{name}`")),
            None => Ok(true),
        }
    }
}

/// Whether a layer answers 410 after the sunset.
fn is_gone_after_sunset(layer: &Description) -> bool {
    let mut answers = layer.answers().iter();
    layer.deprecation().is_some() && answers.any(|answer| answer.status() == StatusCode::GONE)
}
