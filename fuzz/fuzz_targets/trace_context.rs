//! `traceparent` and `tracestate`: what is read is as the rules of W3C Trace Context, level 1, have it,
//! what is written is read back, and nothing of an invalid field is handed on.
#![no_main]

use http::{HeaderMap, HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use wythe::{Trace, TraceContext, trace::TraceParent, with_trace};
use wythe_fuzz::{Frames, Handler, run};

/// Section 3.2.2, read in another way: by places.
fn is_valid(field: &[u8]) -> bool {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let Some((known, rest)) = field.split_at_checked(55) else {
        return false;
    };
    let places_fit = known.iter().enumerate().all(|(place, byte)| match place {
        2 | 35 | 52 => *byte == b'-',
        _ => is_hex(byte),
    });
    let is_zero = |range: std::ops::Range<usize>| known[range].iter().all(|byte| *byte == b'0');
    let rest_fits = match &known[..2] {
        b"ff" => false,
        b"00" => rest.is_empty(),
        _ => rest.is_empty() || rest[0] == b'-',
    };
    places_fit && rest_fits && !is_zero(3..35) && !is_zero(36..52)
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else {
        return false;
    };
    let is_part = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | '*' | '/');
    let is_name = |name: &str, longest: usize, first: fn(char) -> bool| {
        name.len() <= longest && name.starts_with(first) && name.chars().all(is_part)
    };
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_key = match key.split_once('@') {
        None => is_name(key, 256, is_letter),
        Some((tenant, system)) => {
            is_name(tenant, 241, |c| {
                c.is_ascii_lowercase() || c.is_ascii_digit()
            }) && is_name(system, 14, is_letter)
        }
    };
    let is_value = (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value
            .chars()
            .all(|c| matches!(c, ' '..='~') && c != ',' && c != '=');
    is_key && is_value
}

/// The members that are handed on (section 3.3.1).
fn state(lines: &[&[u8]]) -> Option<String> {
    let lines: Option<Vec<_>> = lines
        .iter()
        .map(|line| std::str::from_utf8(line).ok())
        .collect();
    let list = lines?.join(",");
    let members = list
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']));
    let mut members: Vec<&str> = members.filter(|member| !member.is_empty()).collect();
    let mut keys: Vec<_> = members
        .iter()
        .map(|member| member.split('=').next())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.len() < members.len()
        || members.len() > 32
        || !members.iter().all(|member| is_member(member))
    {
        return None;
    }
    if members.join(",").len() > 512 {
        members.retain(|member| member.len() <= 128);
    }
    while members.join(",").len() > 512 {
        members.pop();
    }
    Some(members.join(",")).filter(|state| !state.is_empty())
}

fn context(headers: HeaderMap) -> TraceContext {
    let mut request = Request::new(Frames::default());
    *request.headers_mut() = headers;
    let layer = with_trace(Trace::new().dangerously_continue_from_everybody());
    let mut service = tower_layer::Layer::layer(&layer, Handler::default());
    let Ok(response) = run(tower_service::Service::call(&mut service, request));
    response
        .extensions()
        .get::<TraceContext>()
        .expect("the layer provides it")
        .clone()
}

fuzz_target!(|input: &[u8]| {
    // The first line is `traceparent`, the others are `tracestate`.
    let mut lines = input.split(|byte| *byte == b'\n');
    let parent = lines.next().unwrap_or_default();
    let states: Vec<_> = lines.collect();

    let read = TraceParent::parse(parent);
    assert_eq!(read.is_some(), is_valid(parent));
    if let Some(read) = read {
        let written = read.to_string();
        assert_eq!(TraceParent::parse(written.as_bytes()), Some(read));
        assert_eq!(read.to_header_value(), written);
        assert_eq!(written.as_bytes()[3..52], parent[3..52]);
    }

    let mut headers = HeaderMap::new();
    let Ok(value) = HeaderValue::from_bytes(parent) else {
        return;
    };
    headers.append("traceparent", value);
    for state in &states {
        let Ok(value) = HeaderValue::from_bytes(state) else {
            return;
        };
        headers.append("tracestate", value);
    }
    let given = context(headers);
    assert_eq!(given.caller(), read.as_ref());
    let expected = read.and_then(|_| state(&states));
    assert_eq!(
        given
            .tracestate()
            .map(|state| state.to_str().unwrap().to_owned()),
        expected
    );
    if let Some(read) = read {
        assert_eq!(given.trace_id(), read.trace_id());
        assert_eq!(given.parent_id(), Some(read.span_id()));
    }

    // The service that is called reads the same.
    let mut headers = HeaderMap::new();
    let child = given.child();
    child.write_to(&mut headers);
    let called = context(headers);
    assert_eq!(called.caller(), Some(child.traceparent()));
    assert_eq!(called.trace_id(), given.trace_id());
    assert_eq!(called.tracestate(), given.tracestate());
});
