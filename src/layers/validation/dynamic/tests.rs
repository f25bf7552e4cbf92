use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Once, read};

#[derive(Debug, Deserialize, PartialEq)]
struct Everything {
    flag: bool,
    small: i8,
    large: u64,
    huge: i128,
    ratio: f32,
    letter: char,
    text: String,
    bytes: Vec<u8>,
    maybe: Option<Box<Self>>,
    nothing: (),
    marker: Marker,
    wrapped: Wrapped,
    pair: (u8, String),
    map: BTreeMap<u8, Option<bool>>,
    variants: Vec<Variants>,
    tagged: Tagged,
    untagged: Untagged,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Marker;

#[derive(Debug, Deserialize, PartialEq)]
struct Wrapped(u16);

#[derive(Debug, Deserialize, PartialEq)]
enum Variants {
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    A { a: u8 },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Untagged {
    Number(i32),
    List(Vec<i32>),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Rest {
    x: u8,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

const TEXT: &str = r#"{
    "flag": true, "small": -5, "large": 18446744073709551615,
    "huge": -170141183460469231731687303715884105728, "ratio": 0.5, "letter": "é",
    "text": "a\nb", "bytes": [1, 2, 255], "maybe": null, "nothing": null, "marker": null,
    "wrapped": 7, "pair": [1, "one"], "map": {"1": true, "2": null},
    "variants": ["Unit", {"Newtype": 1}, {"Tuple": [1, 2]}, {"Struct": {"a": 1}}],
    "tagged": {"kind": "A", "a": 1}, "untagged": [1, 2], "x": 1, "y": {"z": [1.5, "q"]}
}"#;

/// What `serde_json` reads of a text, and what is read through a source: the same.
fn both<T: DeserializeOwned + Debug + PartialEq>(text: &str) -> Result<T, String> {
    let direct = serde_json::from_str::<T>(text).map_err(|error| error.to_string());
    let mut json = serde_json::Deserializer::from_str(text);
    let source = read::<T>(&mut Once::new(&mut json)).map_err(|fault| fault.to_string());
    assert_eq!(source, direct, "{text}");
    source
}

#[test]
fn every_kind_of_value_is_read() {
    both::<Everything>(TEXT).unwrap();
    let nested = TEXT.replace("\"maybe\": null", &format!("\"maybe\": {TEXT}"));
    assert!(both::<Everything>(&nested).unwrap().maybe.is_some());
    // A struct from its items.
    both::<Wrapped>("3").unwrap();
    both::<Variants>(r#"{"Struct":[1]}"#).unwrap();
}

#[test]
fn an_error_has_the_words_and_the_position_of_the_reader() {
    let values = [
        "null",
        "true",
        "1",
        "-1",
        "0.5",
        "1e300",
        r#""a""#,
        "[]",
        "{}",
        r#"["a"]"#,
        r#"{"a":1}"#,
        r#"{"a":{}}"#,
        "300",
    ];
    let errors = values.iter().filter(|value| {
        let results = [
            both::<bool>(value).is_err(),
            both::<i8>(value).is_err(),
            both::<u64>(value).is_err(),
            both::<f64>(value).is_err(),
            both::<char>(value).is_err(),
            both::<String>(value).is_err(),
            both::<()>(value).is_err(),
            both::<Option<u8>>(value).is_err(),
            both::<Vec<u8>>(value).is_err(),
            both::<(u8, u8)>(value).is_err(),
            both::<BTreeMap<String, u8>>(value).is_err(),
            both::<Wrapped>(value).is_err(),
            both::<Marker>(value).is_err(),
            both::<Variants>(value).is_err(),
            both::<Tagged>(value).is_err(),
            both::<Untagged>(value).is_err(),
            both::<Rest>(value).is_err(),
        ];
        results.contains(&true)
    });
    assert_eq!(errors.count(), values.len());
}

#[test]
fn every_member_that_is_wrong_or_missing_is_named() {
    let complete: serde_json::Map<String, serde_json::Value> = serde_json::from_str(
        // It is read through a map of values, which have no integers of this size.
        &TEXT.replace("-170141183460469231731687303715884105728", "1"),
    )
    .unwrap();
    for name in complete.keys().filter(|name| *name != "y") {
        let mut incomplete = complete.clone();
        incomplete.remove(name);
        let text = serde_json::to_string(&incomplete).unwrap();
        assert_eq!(both::<Everything>(&text).is_ok(), name == "maybe", "{name}");
        let mut wrong = complete.clone();
        wrong.insert(name.clone(), serde_json::json!([[{}]]));
        let text = serde_json::to_string_pretty(&wrong).unwrap();
        both::<Everything>(&text).unwrap_err();
    }
}

#[test]
fn a_raw_value_stays_as_it_is() {
    let mut json = serde_json::Deserializer::from_str(r#"[1.0,  {"b": 2}]"#);
    let raw = read::<Vec<Box<RawValue>>>(&mut Once::new(&mut json));
    let raw: Vec<_> = raw
        .unwrap_or_default()
        .iter()
        .map(|raw| raw.get().to_owned())
        .collect();
    assert_eq!(raw, ["1.0", r#"{"b": 2}"#]);
}
