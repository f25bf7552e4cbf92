//! RFC 9110, section 13.2.2, against a model that is written like its text.

use futures_util::FutureExt;
use proptest::prelude::*;
use wythe::{Conditional, ETag, LastModified, conditional::Validators, with_conditional};

use super::{AFTER, BEFORE, MODIFIED, answer, request, with_fields};

/// What a client says of tags.
#[derive(Clone, Debug)]
enum Tags {
    Any,
    List(Vec<(bool, u8)>),
}

#[derive(Clone, Debug)]
struct Case {
    tag: Option<(bool, u8)>,
    time: Option<i64>,
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_modified_since: Option<i64>,
    if_unmodified_since: Option<i64>,
}

fn tags() -> impl Strategy<Value = Option<Tags>> {
    let list = prop::collection::vec((any::<bool>(), 0..3_u8), 1..4);
    prop::option::of(prop_oneof![1 => Just(Tags::Any), 4 => list.prop_map(Tags::List)])
}

fn case() -> impl Strategy<Value = Case> {
    let tag = prop::option::of((any::<bool>(), 0..3_u8));
    let time = || prop::option::of(-1..=1_i64);
    let time_there = prop::option::of(Just(0));
    (tag, time_there, tags(), tags(), time(), time()).prop_map(
        |(tag, time, if_match, if_none_match, if_modified_since, if_unmodified_since)| Case {
            tag,
            time,
            if_match,
            if_none_match,
            if_modified_since,
            if_unmodified_since,
        },
    )
}

/// The status, and `200` for "perform the method".
fn model(case: &Case, is_read: bool) -> u16 {
    let strong = |(weak, tag): (bool, u8)| case.tag == Some((false, tag)) && !weak;
    let weak = |(_, tag): (bool, u8)| case.tag.is_some_and(|(_, current)| current == tag);
    // "1. When recipient is the origin server and If-Match is present, evaluate"
    if let Some(tags) = &case.if_match {
        let is_true = match tags {
            Tags::Any => true,
            Tags::List(list) => list.iter().copied().any(strong),
        };
        if !is_true {
            return 412;
        }
    } else if let (Some(limit), Some(time)) = (case.if_unmodified_since, case.time)
        // "2. .., If-Match is not present, and If-Unmodified-Since is present"
        && time > limit
    {
        return 412;
    }
    // "3. When If-None-Match is present"
    if let Some(tags) = &case.if_none_match {
        let is_false = match tags {
            Tags::Any => true,
            Tags::List(list) => list.iter().copied().any(weak),
        };
        return match (is_false, is_read) {
            (false, _) => 200,
            (true, true) => 304,
            (true, false) => 412,
        };
    }
    // "4. When the method is GET or HEAD, If-None-Match is not present, and If-Modified-Since is"
    match (is_read, case.if_modified_since, case.time) {
        (true, Some(limit), Some(time)) if time <= limit => 304,
        _ => 200,
    }
}

fn tag((is_weak, tag): (bool, u8)) -> String {
    format!("{}\"{tag}\"", if is_weak { "W/" } else { "" })
}

fn list(tags: &Tags) -> String {
    match tags {
        Tags::Any => "*".to_owned(),
        Tags::List(list) => list.iter().copied().map(tag).collect::<Vec<_>>().join(", "),
    }
}

const fn time(offset: i64) -> &'static str {
    match offset {
        -1 => BEFORE,
        0 => MODIFIED,
        _ => AFTER,
    }
}

proptest! {
    #[test]
    fn every_request_is_answered_as_the_model_says(case in case(), is_read: bool, is_head: bool) {
        let text = |tags: &Option<Tags>| tags.as_ref().map(list);
        let fields = [
            ("if-match", text(&case.if_match)),
            ("if-none-match", text(&case.if_none_match)),
            ("if-modified-since", case.if_modified_since.map(|at| time(at).to_owned())),
            ("if-unmodified-since", case.if_unmodified_since.map(|at| time(at).to_owned())),
        ];
        let fields: Vec<_> = fields
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
            .collect();
        let etag = case.tag.map(tag);
        let status = if is_read {
            let validators = [
                ("etag", etag.as_deref()),
                ("last-modified", case.time.map(time)),
            ];
            let validators: Vec<_> = validators
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            let layer = with_conditional(Conditional::new());
            let method = if is_head { "HEAD" } else { "GET" };
            let response = with_fields(200, &validators, "hello");
            let answer = answer(&layer, request(method, &fields), response);
            answer.now_or_never().unwrap().status()
        } else {
            let mut current = Validators::default();
            if let Some(tag) = etag {
                current = tag.parse::<ETag>().unwrap().into();
            }
            if let Some(time) = case.time {
                current = current.last_modified(LastModified::unix(784_111_777 + time));
            }
            let layer = with_conditional(Conditional::new().current(move |_| Some(current.clone())));
            let answer = answer(&layer, request("PUT", &fields), with_fields(200, &[], ""));
            answer.now_or_never().unwrap().status()
        };
        prop_assert_eq!(status.as_u16(), model(&case, is_read), "{:?}", fields);
    }
}
