//! What is wrong with the paths of an `Api` and with the ways in which it is put together. Each
//! finding names the route, the reason and the remedy, in an error and as data.

use std::{collections::BTreeMap, convert::Infallible};

use axum::{Router, body::Body, response::Response};
use http::{Method, Request};
use serde::Deserialize;
use tower::service_fn;
use wythe::{Api, FinishedApi, Path, RoutePath, compose};

async fn hello() -> &'static str {
    "hello"
}

async fn service(_: Request<Body>) -> Result<Response, Infallible> {
    Ok(Response::default())
}

fn api() -> Api<()> {
    Api::new("Test", "1.0.0")
}

/// An `Api` with routes for `GET` at these paths.
fn with_paths(paths: &[&str]) -> FinishedApi<()> {
    let api = api().public("a test", |open| open);
    let add = |api: Api<_, _, _, _>, path: &&str| api.get(path, compose(()).handler(hello));
    paths.iter().fold(api, add).finish()
}

/// The lines of the error are the findings, and are these.
#[track_caller]
fn finds(api: FinishedApi<()>, expected: &[&str]) {
    let findings = api.check();
    let shown: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected);
    let of_router = api.router(()).map(drop);
    if expected.is_empty() {
        of_router.expect("no finding");
        return;
    }
    let plural = if expected.len() == 1 { "" } else { "s" };
    let lines = shown.iter().map(|line| format!("\n- {line}"));
    let error = format!(
        "Api: {} finding{plural}{}",
        expected.len(),
        lines.collect::<String>()
    );
    assert_eq!(of_router.unwrap_err().to_string(), error);
}

#[test]
fn every_finding_is_reported_at_once_and_as_data() {
    let api = with_paths(&["users", "/a", "/a"]);
    let findings = api.check();
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0].route, "GET users");
    assert_eq!(findings[0].reason, "the route `users` must start with `/`");
    assert_eq!(findings[0].remedy, "correct the path");
    assert_eq!(findings[0].concern, None);
    let error = api.service(()).expect_err("two findings");
    assert_eq!(
        error.to_string(),
        "Api: 2 findings\n\
         - GET users: the route `users` must start with `/`; correct the path\n\
         - GET /a: the route collides with `GET /a`; remove one of them"
    );
}

#[test]
fn two_routes_for_one_path_and_method_collide() {
    const REMOVE: &str = "remove one of them";
    finds(
        with_paths(&["/", "/a", "/a/", "/a/{b}", "/{b}", "/a/b"]),
        &[],
    );
    finds(
        with_paths(&["/a", "/b", "/a"]),
        &[&format!(
            "GET /a: the route collides with `GET /a`; {REMOVE}"
        )],
    );
    let stack = compose(());
    let any = api().public("a test", |open| {
        open.service("/a", service_fn(service))
            .get("/a", stack.handler(hello))
            .get("/b", stack.handler(hello))
            .router("/b", Router::new())
    });
    finds(
        any.finish(),
        &[
            &format!("GET /a: the route collides with `* /a`; {REMOVE}"),
            &format!("* /b/{{*rest}}: the route collides with `GET /b`; {REMOVE}"),
        ],
    );
    let nested = api()
        .get("/a/b", stack.handler(hello))
        .nest("/a", with_paths(&["/b", "/c"]));
    finds(
        nested.finish(),
        &[&format!(
            "GET /a/b: the route (of the `Api` nested under `/a`) collides with `GET /a/b`; {REMOVE}"
        )],
    );
    let nested_first = api()
        .nest("/a", with_paths(&["/b", "/c"]))
        .get("/a/b", stack.handler(hello));
    finds(
        nested_first.finish(),
        &[&format!(
            "GET /a/b: the route collides with `GET /a/b` (of the `Api` nested under `/a`); {REMOVE}"
        )],
    );
    let middle = api().nest("/b", with_paths(&["/c"]));
    let both = api()
        .nest("/a", middle)
        .nest("/a", with_paths(&["/b/c"]))
        .merge(with_paths(&["/d", "/d"]));
    finds(
        both.finish(),
        &[
            &format!(
                "GET /a/b/c: the route (of the `Api` nested under `/a`) collides with `GET /a/b/c` (of \
                 the `Api` nested under `/a/b`); {REMOVE}"
            ),
            &format!("GET /d: the route collides with `GET /d`; {REMOVE}"),
        ],
    );
}

#[test]
fn paths_with_parameters_in_one_place_collide_if_their_names_differ() {
    const RENAME: &str = "give their parameters the same names, or change one of the paths";
    let stack = compose(());
    let names = |other: &str| {
        api()
            .get("/users/{id}", stack.handler(hello))
            .put(other, stack.handler(hello))
            .finish()
    };
    finds(names("/users/{id}"), &[]);
    finds(names("/users/{id}/log"), &[]);
    finds(
        names("/users/{name}"),
        &[&format!(
            "PUT /users/{{name}}: the path collides with `/users/{{id}}`; {RENAME}"
        )],
    );
    finds(
        names("/users/{*rest}"),
        &[&format!(
            "PUT /users/{{*rest}}: the path collides with `/users/{{id}}`; {RENAME}"
        )],
    );
    let nested = api()
        .get("/users/{id}", stack.handler(hello))
        .nest("/users", with_paths(&["/{name}"]));
    finds(
        nested.finish(),
        &[&format!(
            "GET /users/{{name}}: the path (of the `Api` nested under `/users`) collides with \
             `/users/{{id}}`; {RENAME}"
        )],
    );
    let nested_first = api()
        .nest("/users", with_paths(&["/{name}"]))
        .get("/users/{id}", stack.handler(hello));
    finds(
        nested_first.finish(),
        &[&format!(
            "GET /users/{{id}}: the path collides with `/users/{{name}}` (of the `Api` nested under \
             `/users`); {RENAME}"
        )],
    );
    let files = |inside: &str| {
        let api = api().public("a test", |open| open.router("/files", Router::new()));
        api.get(inside, stack.handler(hello)).finish()
    };
    finds(files("/files/log"), &[]);
    finds(
        files("/files/{name}"),
        &[&format!(
            "GET /files/{{name}}: the path collides with `/files/{{*rest}}`; {RENAME}"
        )],
    );
}

#[test]
fn a_path_is_written_as_in_axum() {
    for (path, reason) in [
        ("", "must start with `/`"),
        ("users", "must start with `/`"),
        ("/users?a", "must be a path without query and fragment"),
        ("/users/:id", "has a parameter `:id`: write `{id}`"),
        (
            "/users/*",
            "is not written as in the router: write `{*rest}` for the rest of a path",
        ),
        (
            "/{*rest}/log",
            "has a parameter for the rest of the path that is not at its end",
        ),
        (
            "/{id}.json",
            "has unpaired braces, or a parameter without a name or with text after it: write `{name}` \
             at the end of a segment, and `{{` and `}}` for braces in the path",
        ),
    ] {
        let expected = format!("GET {path}: the route `{path}` {reason}; correct the path");
        finds(with_paths(&[path]), &[&expected]);
    }
}

#[test]
fn a_prefix_is_a_path_without_a_slash_at_its_end() {
    const REMEDY: &str = "write it as `/admin`, for example";
    for (prefix, reason) in [
        ("", "the route `` must start with `/`"),
        ("admin", "the route `admin` must start with `/`"),
        ("/", "a prefix can't end with `/` or `{*rest}`"),
        ("/admin/", "a prefix can't end with `/` or `{*rest}`"),
        ("/{*rest}", "a prefix can't end with `/` or `{*rest}`"),
    ] {
        let shown = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}: ")
        };
        let expected = format!("{shown}{reason}; {REMEDY}");
        finds(api().nest(prefix, with_paths(&[])).finish(), &[&expected]);
        let router = |open: wythe::api::PublicRoutes<_, _>| open.router(prefix, Router::new());
        finds(api().public("a test", router).finish(), &[&expected]);
    }
    finds(api().nest("/{team}", with_paths(&["/"])).finish(), &[]);
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only read from a path")]
struct Player {
    team: String,
    number: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is only read from a path")]
struct OnlyTeam {
    team: String,
}

/// The findings about a handler that takes this type at this path.
macro_rules! takes {
    ($($path:literal, $takes:ty: $reason:expr;)*) => {$(
        let handler = compose(()).handler(async |_: Path<$takes>| ());
        let expected: Option<&str> = $reason;
        let expected = expected.map(|reason| format!(
            "GET {}: {reason}; change the path, or the type in the handler's `Path<..>` (or, if it is \
             intended, `.allow(Concern::MissingPathParameter, \"why\")` on the handler)",
            $path
        ));
        finds(api().get($path, handler).finish(), &expected.iter().map(|text| &**text).collect::<Vec<_>>());
    )*};
}

#[test]
fn a_handler_that_takes_other_parameters_than_its_path_has_is_found() {
    takes! {
        "/{id}", u32: None;
        "/{id}", (u32,): None;
        "/{id}", Vec<u32>: None;
        "/{id}", char: None;
        "/{id}", std::net::Ipv6Addr: None;
        "/{team}/{number}", Player: None;
        "/{number}/{team}/{more}", Player: None;
        "/{a}/{b}", (u32, bool): None;
        "/{a}/{b}", BTreeMap<String, u8>: None;
        "/{a}/{b}", Vec<(String, String)>: None;
        "/users", (): None;
        "/users", Vec<u32>: None;
        "/users", u32: Some("the handler takes 1 path parameter, but the route has 0");
        "/{a}/{b}", u32: Some("the handler takes 1 path parameter, but the route has 2");
        "/{a}", (u32, u32): Some("the handler takes 2 path parameters, but the route has 1");
        "/{a}/{b}", Player: Some("the route has no parameter `team`");
        "/{team}/{nr}", Player: Some("the route has no parameter `number`");
        "/{team}/{number}", OnlyTeam: Some("the handler does not take the parameter `number`");
        "/{team}/{team}", Player: Some("the route has two parameters `team`");
        "/{a}/{b}", Vec<Vec<u8>>: Some("the parameter `a` has one value, but the handler takes several");
        "/{a}/{b}", (u8, Player): Some("the parameter `b` has one value, but the handler takes several");
    }
}

/// The name of a team: no value that an `Api` makes up is one.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Team;

impl TryFrom<String> for Team {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        let is_team = ["red", "blue"].contains(&&*name);
        is_team.then_some(Self).ok_or("not a team")
    }
}

/// An even number.
#[derive(Deserialize)]
#[serde(try_from = "u8")]
struct Even;

impl TryFrom<u8> for Even {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, &'static str> {
        let is_even = number.is_multiple_of(2);
        is_even.then_some(Self).ok_or("an odd number")
    }
}

macro_rules! parameters {
    ($($(#[$of_type:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Deserialize)]
        $(#[$of_type])*
        #[expect(dead_code, reason = "it is only read from a path")]
        struct $name { $($(#[$of_field])* $field: $type,)* }
    )*};
}

parameters! {
    TeamThenNumber { team: Team, number: u32, }
    NumberThenTeam { number: u32, team: Team, }
    EvenThenNumber { even: Even, number: u32, }
    #[serde(deny_unknown_fields)]
    TeamAlone { team: Team, }
    TwoTeams { team: Team, other: Team, }
    Optional { team: Team, page: Option<u32>, }
    DefaultThenTeam { #[serde(default)] page: u32, team: Team, }
    TeamOrDefault { #[serde(default)] team: Team, #[serde(default)] page: u32, }
    TeamThenDefault { team: Team, #[serde(default)] page: u32, }
    Renamed { team: Team, #[serde(rename = "nr")] number: u32, }
    Alias { team: Team, #[serde(alias = "nr")] number: u32, }
    Flattened { team: Team, #[serde(flatten)] rest: BTreeMap<String, String>, }
}

#[test]
fn a_missing_parameter_is_found_even_if_the_type_of_another_one_accepts_few_values() {
    let number = Some("the route has no parameter `number`");
    takes! {
        "/{team}/{number}", TeamThenNumber: None;
        "/{team}", TeamThenNumber: number;
        "/{team}", NumberThenTeam: number;
        "/{number}", NumberThenTeam: Some("the route has no parameter `team`");
        "/{even}", EvenThenNumber: number;
        "/{even}/{number}", EvenThenNumber: None;
        "/{team}/{number}", TeamAlone: Some("the handler does not take the parameter `number`");
        "/{team}", TwoTeams: Some("the route has no parameter `other`");
        "/{team}/{other}", TwoTeams: None;
        "/{team}/{number}", Renamed: Some("the route has no parameter `nr`");
        "/{team}/{nr}", Renamed: None;
        "/{team}", Team: None;
        "/{team}/{number}", (Team, u32): None;
    }
}

#[test]
fn a_field_that_may_be_missing_is_not_found() {
    takes! {
        "/{team}", Optional: None;
        "/{team}", DefaultThenTeam: None;
        "/{team}", TeamOrDefault: None;
        "/{team}/{nr}", Alias: None;
        "/{team}/{number}", Alias: None;
        "/{team}", Flattened: None;
    }
}

#[test]
fn a_default_is_not_known_if_the_type_of_a_parameter_before_it_accepts_few_values() {
    takes! {
        "/{team}", TeamThenDefault: Some("the route has no parameter `page`");
    }
}

#[test]
fn the_parameters_of_a_prefix_count() {
    let id = compose(()).handler(async |Path(id): Path<u32>, _: RoutePath| id.to_string());
    let inner = || api().get("/{id}", id.clone());
    finds(api().nest("/users", inner()).finish(), &[]);
    finds(
        api().nest("/teams/{team}", inner()).finish(),
        &[
            "GET /teams/{team}/{id}: the handler takes 1 path parameter, but the route has 2; \
             change the path, or the type in the handler's `Path<..>` (or, if it is intended, \
             `.allow(Concern::MissingPathParameter, \"why\")` on the handler)",
        ],
    );
}

#[test]
fn public_routes_have_a_reason() {
    const FINDING: &str =
        "`.public(..)` has an empty reason; say why anybody may call these routes";
    for reason in ["", " ", "\n\t"] {
        let api = api().public(reason, |open| open.get("/", compose(()).handler(hello)));
        finds(api.finish(), &[FINDING]);
    }
    let inner = api().public("", |open| open);
    let middle = api().nest("/inner", inner);
    finds(
        api().nest("/middle", middle).finish(),
        &[&format!("/middle/inner: {FINDING}")],
    );
}

#[test]
fn an_api_has_one_fallback_and_a_nested_one_has_none() {
    let stack = compose(());
    let with_fallback = || api().public("a test", |open| open.fallback(stack.handler(hello)));
    let second =
        with_fallback().public("a test", |open| open.fallback_service(service_fn(service)));
    finds(
        second.finish(),
        &["there are two fallbacks; remove one of them"],
    );

    let expected = "/inner: the nested `Api` has a fallback, which would never be called; set the \
                    fallback on the outermost `Api`";
    finds(api().nest("/inner", with_fallback()).finish(), &[expected]);
    let middle = api().nest("/inner", with_fallback());
    let expected = format!("/middle{expected}");
    finds(api().nest("/middle", middle).finish(), &[&expected]);
    let public = api().public("a test", |open| open.nest("/inner", with_fallback()));
    assert_eq!(public.check().len(), 1);
}

#[test]
fn an_api_without_routes_is_valid() {
    finds(api().finish(), &[]);
    assert_eq!(
        api()
            .route(Method::TRACE, "/", compose(()).handler(hello))
            .check(),
        []
    );
}
