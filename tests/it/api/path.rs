//! `Path`: the parameters of a path as any type, in an `Api` and in a router of axum.
#![expect(dead_code, reason = "some types are only printed")]

use std::collections::BTreeMap;

use axum::{Router, routing::get};
use serde::Deserialize;
use wythe::{Api, FinishedApi, Path, api::Concern, compose};

use super::{answers, call, shown};

#[derive(Debug, Deserialize)]
struct Player {
    number: u8,
    team: String,
}

#[derive(Debug, Deserialize)]
struct Optional {
    a: Option<u8>,
    other: Option<u8>,
}

#[derive(Debug, Deserialize)]
struct Id(u8);

#[derive(Debug, Deserialize)]
struct Pair(String, u8);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Color {
    Red,
    LightBlue,
}

#[derive(Debug, Deserialize)]
struct Painted {
    a: Color,
    b: Even,
}

/// Has a rule of its own.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u8")]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, &'static str> {
        if number.is_multiple_of(2) {
            Ok(Self(number))
        } else {
            Err("an odd number")
        }
    }
}

/// A route for each type of parameters, in an `Api` and in a router of axum.
macro_rules! shapes {
    ($($path:literal: $shape:ty;)*) => {
        fn shapes() -> FinishedApi<()> {
            let stack = compose(());
            Api::new("Shapes", "1.0.0")
                $(.get($path, stack.handler(async |Path(path): Path<$shape>| format!("{path:?}"))))*
                .finish()
        }

        fn shapes_in_axum() -> Router {
            let stack = compose(());
            Router::new()
                $(.route($path, get(stack.handler(async |Path(path): Path<$shape>| format!("{path:?}")))))*
        }
    };
}

shapes! {
    "/number/{a}": u8;
    "/signed/{a}": i64;
    "/float/{a}": f32;
    "/bool/{a}": bool;
    "/char/{a}": char;
    "/text/{a}": String;
    "/address/{a}": std::net::Ipv4Addr;
    "/newtype/{a}": Id;
    "/even/{a}": Even;
    "/enum/{a}": Color;
    "/option/{a}": Option<u8>;
    "/rest/{*a}": String;
    "/file-{a}": u8;
    "/one/{a}": (u8,);
    "/tuple/{a}/{b}": (String, u8);
    "/array/{a}/{b}": [u8; 2];
    "/struct/{team}/{number}": Player;
    "/optional/{a}": Optional;
    "/pair/{a}/{b}": Pair;
    "/painted/{a}/{b}": Painted;
    "/list/{a}/{b}": Vec<u8>;
    "/pairs/{a}/{b}": Vec<(String, u8)>;
    "/map/{a}/{b}": BTreeMap<String, u8>;
}

#[tokio::test]
async fn the_parameters_of_a_path_are_read_as_any_type() {
    let cases = [
        ("GET /number/7", "200 7"),
        ("GET /number/%37", "200 7"),
        ("GET /signed/-7", "200 -7"),
        ("GET /float/1.5", "200 1.5"),
        ("GET /float/-01E+2", "200 -100.0"),
        ("GET /bool/true", "200 true"),
        ("GET /char/%C3%A4", "200 'ä'"),
        ("GET /text/a%2fb%20c+d", r#"200 "a/b c+d""#),
        ("GET /text/%2541", r#"200 "%41""#),
        ("GET /text/..", r#"200 "..""#),
        ("GET /address/192.0.2.1", "200 192.0.2.1"),
        ("GET /newtype/7", "200 Id(7)"),
        ("GET /even/8", "200 Even(8)"),
        ("GET /enum/light-blue", "200 LightBlue"),
        ("GET /option/7", "200 Some(7)"),
        ("GET /rest/a/%2e%2e//b/", r#"200 "a/..//b/""#),
        ("GET /file-7", "200 7"),
        ("GET /one/7", "200 (7,)"),
        ("GET /tuple/a/7", r#"200 ("a", 7)"#),
        ("GET /tuple//7", r#"200 ("", 7)"#),
        ("GET /array/1/2", "200 [1, 2]"),
        (
            "GET /struct/red/7",
            r#"200 Player { number: 7, team: "red" }"#,
        ),
        (
            "GET /optional/7",
            "200 Optional { a: Some(7), other: None }",
        ),
        ("GET /pair/a/7", r#"200 Pair("a", 7)"#),
        ("GET /painted/red/8", "200 Painted { a: Red, b: Even(8) }"),
        ("GET /list/1/2", "200 [1, 2]"),
        ("GET /pairs/1/2", r#"200 [("a", 1), ("b", 2)]"#),
        ("GET /map/1/2", r#"200 {"a": 1, "b": 2}"#),
    ];
    answers(&shapes().service(()).unwrap(), &cases).await;
    answers(&shapes().router(()).unwrap(), &cases).await;
    answers(&shapes_in_axum(), &cases).await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of types")]
async fn a_parameter_that_is_not_of_its_type_is_answered_with_its_name() {
    let cases = [
        (
            "GET /number/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /number/256",
            "`a` is invalid: number too large to fit in target type.",
        ),
        (
            "GET /number/%20",
            "`a` is invalid: invalid digit found in string.",
        ),
        ("GET /float/x", "`a` is invalid: invalid float literal."),
        ("GET /number/+7", "`a` is invalid: not a number as in JSON."),
        ("GET /float/+1", "`a` is invalid: not a number as in JSON."),
        ("GET /float/.5", "`a` is invalid: not a number as in JSON."),
        ("GET /float/NaN", "`a` is invalid: not a number as in JSON."),
        ("GET /float/inf", "`a` is invalid: not a number as in JSON."),
        (
            "GET /float/1e39",
            "`a` is invalid: number too large to fit in target type.",
        ),
        (
            "GET /bool/yes",
            "`a` is invalid: provided string was not `true` or `false`.",
        ),
        (
            "GET /char/ab",
            "`a` is invalid: too many characters in string.",
        ),
        (
            "GET /address/localhost",
            "`a` is invalid: invalid IPv4 address syntax.",
        ),
        (
            "GET /newtype/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        ("GET /even/7", "`a` is invalid: an odd number."),
        (
            "GET /enum/green",
            "`a` is invalid: unknown variant `green`, expected `red` or `light-blue`.",
        ),
        (
            "GET /option/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /file-x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /one/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /tuple/a/x",
            "`b` is invalid: invalid digit found in string.",
        ),
        (
            "GET /array/x/1",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /struct/red/x",
            "`number` is invalid: invalid digit found in string.",
        ),
        (
            "GET /optional/x",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /pair/a/x",
            "`b` is invalid: invalid digit found in string.",
        ),
        (
            "GET /painted/green/8",
            "`a` is invalid: unknown variant `green`, expected `red` or `light-blue`.",
        ),
        ("GET /painted/red/7", "`b` is invalid: an odd number."),
        (
            "GET /list/1/x",
            "`b` is invalid: invalid digit found in string.",
        ),
        (
            "GET /pairs/x/2",
            "`a` is invalid: invalid digit found in string.",
        ),
        (
            "GET /map/1/x",
            "`b` is invalid: invalid digit found in string.",
        ),
    ];
    let cases = cases.map(|(line, says)| (line, format!("400 The path parameter {says}")));
    let cases: Vec<_> = cases
        .iter()
        .map(|(line, says)| (*line, says.as_str()))
        .collect();
    let malformed = [
        (
            "GET /text/%ff",
            "400 A parameter of the path is not valid UTF-8.",
        ),
        (
            "GET /tuple/%C3%28/7",
            "400 A parameter of the path is not valid UTF-8.",
        ),
    ];
    let (service, router) = (shapes().service(()).unwrap(), shapes().router(()).unwrap());
    for cases in [&*cases, &malformed] {
        answers(&service, cases).await;
        answers(&router, cases).await;
        answers(&shapes_in_axum(), cases).await;
    }
}

#[tokio::test]
async fn parameters_without_a_route_are_a_fault_of_the_set_up() {
    let app: Router =
        Router::new().fallback(compose(()).handler(async |Path(id): Path<u8>| id.to_string()));
    assert_eq!(
        shown(&call(&app, "GET /7").await).split(' ').next(),
        Some("500")
    );
}

#[tokio::test]
async fn the_parameters_of_a_router_inside_a_public_prefix_are_all_there() {
    let stack = compose(());
    let inner: Router = Api::<()>::new("Inner", "1.0.0")
        .get(
            "/{id}",
            stack
                .handler(async |Path((team, id)): Path<(String, u8)>| format!("{team} {id}"))
                .allow(
                    Concern::MissingPathParameter,
                    "the prefix has the other one",
                ),
        )
        .router(())
        .unwrap();
    let api = || {
        let inner = inner.clone();
        Api::<()>::new("Outer", "1.0.0").public("a test", |open| open.router("/{team}", inner))
    };
    let cases = [("GET /red/7", "200 red 7")];
    answers(&api().service(()).unwrap(), &cases).await;
    answers(&api().router(()).unwrap(), &cases).await;
}
