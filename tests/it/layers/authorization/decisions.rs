//! `with_scopes`, `with_roles` and `with_authorization`.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use proptest::prelude::*;
use tower::{Layer, Service, ServiceExt};
use wythe::{
    Auth, ConfigError, HasRoles, HasScopes, Later, Place, Problem, Roles, Scopes, assume,
    auth::{Authenticate, Verdict},
    compose, with_auth, with_authorization, with_roles, with_scopes,
};

use crate::common::{self, Body, Ok200, empty, problem, send};

#[derive(Clone, Debug, Default)]
struct Claims {
    scope: String,
    roles: Vec<String>,
    level: Option<Level>,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Level {
    Reader,
    Editor,
    Admin,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

impl HasRoles for Claims {
    type Role = str;

    fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }
}

/// Who has a level of the application's own.
#[derive(Clone, Debug)]
struct Member(Level);

impl HasRoles for Member {
    type Role = Level;

    fn has_role(&self, role: &Level) -> bool {
        self.0 >= *role
    }
}

fn from<C: Clone + Send + Sync + 'static>(principal: C) -> Request<Body> {
    let request = Request::get("/orders/7").extension(Auth(principal));
    request.body(empty()).unwrap()
}

fn scoped(scope: &str) -> Request<Body> {
    from(Claims {
        scope: scope.to_owned(),
        ..Claims::default()
    })
}

fn challenge(response: &Response<Bytes>) -> Option<&str> {
    let value = response.headers().get("www-authenticate")?;
    Some(value.to_str().unwrap())
}

fn cause(response: &Response<Bytes>) -> String {
    let problem = response.extensions().get::<Problem>().unwrap();
    problem.cause().map(ToString::to_string).unwrap_or_default()
}

/// A refusal that tells the client no more than its status does.
#[track_caller]
fn forbidden(response: &Response<Bytes>, name: &str) {
    problem(response, StatusCode::FORBIDDEN);
    let expected = r#"{"type":"about:blank","title":"Forbidden","status":403}"#;
    assert_eq!(response.body(), expected, "{name}");
}

#[tokio::test]
async fn all_scopes_must_have_been_granted() -> Result<(), ConfigError> {
    // granted, required, the missing one
    let cases: [(&str, &[&str], _); 12] = [
        ("read", &["read"], None),
        ("read write", &["read", "write"], None),
        ("write read admin", &["read", "write"], None),
        ("", &["read"], Some("read")),
        ("read", &["read", "write"], Some("write")),
        ("write", &["read", "write"], Some("read")),
        ("read:all", &["read"], Some("read")),
        ("read", &["read:all"], Some("read:all")),
        ("READ", &["read"], Some("read")),
        ("read,write", &["read"], Some("read")),
        ("*", &["read"], Some("read")),
        ("read\twrite", &["write"], Some("write")),
    ];
    for (granted, required, missing) in cases {
        let response = send(
            &with_scopes(Scopes::<Claims>::all(required)?),
            scoped(granted),
        )
        .await;
        let name = format!("{granted:?} {required:?}");
        let Some(missing) = missing else {
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            continue;
        };
        forbidden(&response, &name);
        // RFC 6750, section 3.1.
        let expected = format!(
            r#"Bearer error="insufficient_scope", scope="{}""#,
            required.join(" ")
        );
        assert_eq!(challenge(&response), Some(&*expected), "{name}");
        let expected = format!("the principal lacks the scope {missing:?}");
        assert_eq!(cause(&response), expected, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn any_of_several_scopes_is_enough() -> Result<(), ConfigError> {
    let layer = with_scopes(Scopes::<Claims>::any(["orders:write", "admin"])?);
    for (granted, status) in [
        ("admin", 200),
        ("orders:write", 200),
        ("x admin orders:write", 200),
        ("orders:read", 403),
        ("", 403),
    ] {
        let response = send(&layer, scoped(granted)).await;
        assert_eq!(response.status(), status, "{granted:?}");
        if status == 403 {
            forbidden(&response, granted);
            // The first of them is enough; to ask for all would be to ask for too much.
            let expected = r#"Bearer error="insufficient_scope", scope="orders:write""#;
            assert_eq!(challenge(&response), Some(expected));
            let expected = r#"the principal has none of the scopes "orders:write", "admin""#;
            assert_eq!(cause(&response), expected);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn scopes_are_compared_as_sets(
        granted in prop::collection::vec("[ab]{1,2}", 0..5),
        required in prop::collection::vec("[ab]{1,2}", 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let status = |layer| {
            runtime.block_on(send(&layer, scoped(&granted.join(" ")))).status()
        };
        let all = status(with_scopes(Scopes::<Claims>::all(&required).unwrap()));
        let any = status(with_scopes(Scopes::<Claims>::any(&required).unwrap()));
        let granted: BTreeSet<_> = granted.iter().collect();
        let required: BTreeSet<_> = required.iter().collect();
        prop_assert_eq!(all == 200, required.is_subset(&granted));
        prop_assert_eq!(any == 200, !required.is_disjoint(&granted));
    }
}

#[tokio::test]
async fn the_challenge_has_a_realm_or_is_omitted() -> Result<(), ConfigError> {
    let scopes = || Scopes::<Claims>::all(["read", "read", "write"]);
    let cases = [
        (
            scopes()?,
            Some(r#"Bearer error="insufficient_scope", scope="read write""#),
        ),
        (
            scopes()?.realm(r#"the "orders" api"#)?,
            Some(
                r#"Bearer realm="the \"orders\" api", error="insufficient_scope", scope="read write""#,
            ),
        ),
        (
            scopes()?.realm("a")?.realm("b")?,
            Some(r#"Bearer realm="b", error="insufficient_scope", scope="read write""#),
        ),
        (scopes()?.realm("a")?.without_challenge(), None),
    ];
    for (scopes, expected) in cases {
        let response = send(&with_scopes(scopes), scoped("read")).await;
        forbidden(&response, "");
        assert_eq!(challenge(&response), expected);
        assert_eq!(
            response.headers().len(),
            1 + usize::from(expected.is_some())
        );
    }
    let layer = with_scopes(scopes()?.realm("a")?.by(|_: &Claims, _| false));
    let response = send(&layer, scoped("read")).await;
    assert!(challenge(&response).unwrap().contains(r#"realm="a""#));
    Ok(())
}

#[test]
fn rejects_invalid_scopes_and_roles_when_the_policy_is_built() {
    let scopes: [&[&str]; 9] = [
        &[],
        &[""],
        &["read write"],
        &["read", "wr\"ite"],
        &["back\\slash"],
        &["caf\u{e9}"],
        &["line\nbreak"],
        &["\t"],
        &["\u{7f}"],
    ];
    for scopes in scopes {
        for policy in [Scopes::<Claims>::all(scopes), Scopes::any(scopes)] {
            let error = policy.unwrap_err();
            assert_eq!(error.policy(), "Scopes", "{scopes:?}");
        }
    }
    let nobody: [&str; 0] = [];
    for policy in [Roles::<Claims, str>::all(nobody), Roles::any(nobody)] {
        assert_eq!(policy.unwrap_err().policy(), "Roles");
    }
    let scopes = Scopes::<Claims>::all(["read"]).unwrap();
    scopes.realm("line\r\nbreak").unwrap_err();
}

#[tokio::test]
async fn roles_are_strings_or_types_of_the_application() -> Result<(), ConfigError> {
    let held = |roles: &[&str]| {
        from(Claims {
            roles: roles.iter().copied().map(str::to_owned).collect(),
            ..Claims::default()
        })
    };
    let both = with_roles(Roles::<Claims, str>::all(["editor", "billing"])?);
    let either = with_roles(Roles::<Claims, str>::any(["editor", "billing"])?);
    // held, with both, with either
    let cases: [(&[&str], _, _); 5] = [
        (&["editor", "billing"], 200, 200),
        (&["editor"], 403, 200),
        (&["billing"], 403, 200),
        (&["Editor", "editor "], 403, 403),
        (&[], 403, 403),
    ];
    for (roles, with_both, with_either) in cases {
        for (layer, status) in [(&both, with_both), (&either, with_either)] {
            let response = send(layer, held(roles)).await;
            assert_eq!(response.status(), status, "{roles:?}");
            if status == 403 {
                forbidden(&response, "");
                assert_eq!(challenge(&response), None, "a role is no scope");
            }
        }
    }
    let response = send(&both, held(&["editor"])).await;
    assert_eq!(
        cause(&response),
        r#"the principal lacks the role "billing""#
    );

    let layer = with_roles(Roles::all([Level::Editor])?);
    let stack = compose((assume::<Auth<Member>>(), layer));
    for (level, status) in [
        (Level::Reader, 403),
        (Level::Editor, 200),
        (Level::Admin, 200),
    ] {
        let response = send(&stack, from(Member(level))).await;
        assert_eq!(response.status(), status, "{level:?}");
        if status == 403 {
            assert_eq!(cause(&response), "the principal lacks the role Editor");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_closure_answers_for_principals_of_other_crates() -> Result<(), ConfigError> {
    type Foreign = (u64, BTreeSet<String>);
    let foreign = |held: &[&str]| {
        let held = held.iter().copied().map(str::to_owned).collect();
        from::<Foreign>((7, held))
    };
    let scopes =
        with_scopes(Scopes::all(["read"])?.by(|who: &Foreign, scope| who.1.contains(scope)));
    let roles =
        with_roles(Roles::all(["read"])?.by(|who: &Foreign, role: &str| who.1.contains(role)));
    for (held, status) in [(&["read"][..], 200), (&["reader"], 403), (&[], 403)] {
        assert_eq!(send(&scopes, foreign(held)).await.status(), status);
        assert_eq!(send(&roles, foreign(held)).await.status(), status);
    }
    Ok(())
}

/// A check that could not be made.
fn down() -> std::io::Error {
    std::io::Error::other("store-3.internal refused")
}

fn hidden() -> Problem {
    Problem::new(StatusCode::NOT_FOUND).because("not a member of the tenant")
}

/// Sends a request through a check that returns this at once, and through one that returns it
/// later.
macro_rules! decided {
    ($returned:expr) => {{
        let now = with_authorization(|_: &Auth<Claims>, _| $returned);
        let later = with_authorization(|_: &Auth<Claims>, _| async {
            tokio::task::yield_now().await;
            $returned
        });
        [send(&now, scoped("")).await, send(&later, scoped("")).await]
    }};
}

#[tokio::test]
async fn a_check_decides_immediately_or_asynchronously() {
    type Asked = Result<bool, std::io::Error>;
    // name, responses, status, what the log gets
    let cases = [
        ("true", decided!(true), 200, ""),
        ("false", decided!(false), 403, "denied by the check"),
        ("ok", decided!(Ok::<(), Problem>(())), 200, ""),
        (
            "a problem of its own",
            decided!(Err::<(), _>(hidden())),
            404,
            "not a member of the tenant",
        ),
        ("asked: yes", decided!(Asked::Ok(true)), 200, ""),
        (
            "asked: no",
            decided!(Asked::Ok(false)),
            403,
            "denied by the check",
        ),
        (
            "a store that is down has not denied anything",
            decided!(Asked::Err(down())),
            503,
            "store-3.internal refused",
        ),
        (
            "a failure that is a problem already",
            decided!(Err::<bool, _>(hidden())),
            404,
            "not a member of the tenant",
        ),
    ];
    for (name, responses, status, reason) in cases {
        for response in responses {
            assert_eq!(response.status(), status, "{name}");
            if status == 200 {
                assert_eq!(response.body(), "ok", "{name}");
                continue;
            }
            assert!(cause(&response).starts_with(reason), "{name}");
            let json = problem(&response, response.status());
            assert!(json.get("detail").is_none(), "{name}: {json}");
            assert_eq!(challenge(&response), None, "{name}");
        }
    }
}

#[tokio::test]
async fn a_check_sees_the_principal_and_the_head() {
    let layer = with_authorization(|Auth(claims): &Auth<Claims>, head| {
        claims.level >= Some(Level::Admin) || head.method() == Method::GET
    });
    for (level, method, status) in [
        (Level::Admin, Method::DELETE, 200),
        (Level::Editor, Method::GET, 200),
        (Level::Editor, Method::DELETE, 403),
    ] {
        let mut request = from(Claims {
            level: Some(level),
            ..Claims::default()
        });
        *request.method_mut() = method.clone();
        let response = send(&layer, request).await;
        assert_eq!(response.status(), status, "{level:?} {method}");
    }
}

#[tokio::test]
async fn a_store_is_asked_once_for_a_request_and_keeps_the_body() -> Result<(), ConfigError> {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let layer = with_authorization(move |Auth(claims): &Auth<Claims>, _| {
        let (asked, reads) = (Arc::clone(&count), claims.scope.has_scope("read"));
        async move {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(reads)
        }
    });
    let mut request = scoped("read");
    *request.body_mut() = Body::from("the body");
    let echo = |request: Request<Body>| async { Ok(Response::new(request.into_body())) };
    let response = common::send_to(&layer, request, echo).await;
    assert_eq!(response.body(), "the body");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    Ok(())
}

/// What is there is of another type, or not there at all.
async fn finds_nobody<L>(name: &str, layer: L)
where
    L: Layer<Ok200>,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let nobody = Request::get("/").body(empty()).unwrap();
    for request in [nobody, from(Some(Claims::default())), from("Claims")] {
        let response = send(&layer, request).await;
        let json = problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(json.get("detail").is_none(), "{name}: {json}");
        let cause = cause(&response);
        assert!(cause.contains("Claims>"), "{name}: {cause}");
        let fix = format!("put `with_auth` outside `{name}`");
        assert!(cause.contains(&fix), "{name}: {cause}");
    }
}

#[tokio::test]
async fn a_missing_assumed_principal_is_a_500() -> Result<(), ConfigError> {
    let yes = |_: &Claims, _: &str| true;
    let somebody = || assume::<Auth<Claims>>();
    let scopes = compose((somebody(), with_scopes(Scopes::all(["read"])?.by(yes))));
    finds_nobody("with_scopes", scopes).await;
    let roles = compose((somebody(), with_roles(Roles::all(["editor"])?.by(yes))));
    finds_nobody("with_roles", roles).await;
    let now = with_authorization(|_: &Auth<Claims>, _| true);
    finds_nobody("with_authorization", compose((somebody(), now))).await;
    let later = with_authorization(|_: &Auth<Claims>, _| async { true });
    finds_nobody("with_authorization", compose((somebody(), later))).await;
    Ok(())
}

/// Verifies what the field `x-scope` claims.
struct Claimed;

impl Authenticate for Claimed {
    type Principal = Claims;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Claimed")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Claims>> {
        Later::Ready(
            head.headers
                .get("x-scope")
                .map_or(Verdict::Missing, |scope| {
                    Verdict::Verified(Claims {
                        scope: scope.to_str().unwrap_or_default().to_owned(),
                        ..Claims::default()
                    })
                }),
        )
    }
}

fn claiming(scope: Option<&str>) -> Request<Body> {
    let request = Request::get("/");
    match scope {
        Some(scope) => request.header("x-scope", scope),
        None => request,
    }
    .body(empty())
    .unwrap()
}

#[tokio::test]
async fn stands_inside_authentication_and_finds_the_type_of_the_principal()
-> Result<(), ConfigError> {
    async fn handler(Auth(claims): Auth<Claims>, _: Request<Body>) -> Response<Body> {
        Response::new(Body::from(claims.scope))
    }
    let service = compose((
        with_auth(Claimed),
        with_scopes(Scopes::all(["read"])?),
        with_scopes(Scopes::any(["write", "admin"])?),
        with_authorization(|auth: &Auth<Claims>, _| !auth.0.scope.has_scope("blocked")),
    ))
    .service_fn(handler);
    for (scope, status) in [
        (None, 401),
        (Some("write"), 403),
        (Some("read"), 403),
        (Some("read write blocked"), 403),
        (Some("read write"), 200),
        (Some("admin read"), 200),
    ] {
        let response = service.clone().oneshot(claiming(scope)).await.unwrap();
        assert_eq!(response.status(), status, "{scope:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_condition_leaves_the_other_requests_alone() -> Result<(), ConfigError> {
    let stack = compose((
        assume::<Auth<Claims>>(),
        with_scopes(Scopes::all(["write"])?).except(|head| head.method() == Method::GET),
    ));
    assert_eq!(send(&stack, scoped("")).await.status(), StatusCode::OK);
    let mut request = scoped("");
    *request.method_mut() = Method::PUT;
    forbidden(&send(&stack, request).await, "PUT");
    Ok(())
}

#[test]
fn describes_what_it_answers() -> Result<(), ConfigError> {
    fn rows(layer: &impl Place) -> Vec<String> {
        let layer = layer.describe();
        let answers = layer.answers().iter().map(ToString::to_string);
        let name = [layer.name().to_owned()];
        name.into_iter().chain(answers).collect()
    }
    let no = "403 when the check denies the request";
    let cases = [
        (
            rows(&with_scopes(Scopes::<Claims>::all(["read"])?)),
            vec!["with_scopes", r#"403 without the scope "read""#],
        ),
        (
            rows(&with_scopes(Scopes::<Claims>::all(["read", "write"])?)),
            vec!["with_scopes", r#"403 without the scopes "read", "write""#],
        ),
        (
            rows(&with_scopes(Scopes::<Claims>::any(["read", "write"])?)),
            vec![
                "with_scopes",
                r#"403 without one of the scopes "read", "write""#,
            ],
        ),
        (
            rows(&with_roles(Roles::<Member, _>::all([Level::Editor])?)),
            vec!["with_roles", r#"403 without the role "Editor""#],
        ),
        (
            rows(&with_roles(Roles::<Claims, str>::any(["editor", "admin"])?)),
            vec![
                "with_roles",
                r#"403 without one of the roles "editor", "admin""#,
            ],
        ),
        (
            rows(&with_authorization(|_: &Auth<Claims>, _| true)),
            vec!["with_authorization", no],
        ),
        (
            rows(&with_authorization(|_: &Auth<Claims>, _| async {
                Err::<bool, _>(down())
            })),
            vec!["with_authorization", no, "503 when the check fails"],
        ),
    ];
    for (row, expected) in cases {
        assert_eq!(row, expected);
    }
    Ok(())
}

#[test]
fn shows_what_it_requires_and_nothing_else() -> Result<(), ConfigError> {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>(layer: &T) -> String {
        format!("{layer:?}")
    }
    let cases = [
        (
            shared(&with_scopes(Scopes::<Claims>::all(["read"])?)),
            r#"With(Scopes(without the scope "read"))"#,
        ),
        (
            shared(&with_roles(
                Roles::all([Level::Admin])?.by(|_: &Claims, _| true),
            )),
            "With(Roles(without the role \"Admin\"))",
        ),
        (
            shared(&with_authorization(|_: &Auth<Claims>, _| true)),
            "With(Authorization(..))",
        ),
    ];
    for (shown, expected) in cases {
        assert_eq!(shown, expected);
    }
    Ok(())
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn stands_around_axum_handlers_and_routers() -> Result<(), ConfigError> {
    use axum::{Router, body::Body, routing::get};

    async fn read(Auth(claims): Auth<Claims>) -> String {
        claims.scope
    }
    let one = compose((with_auth(Claimed), with_scopes(Scopes::all(["read"])?)));
    let admin = compose((
        assume::<Auth<Claims>>(),
        with_scopes(Scopes::all(["admin"])?),
        with_authorization(|_: &Auth<Claims>, head| {
            let reads = head.method() == Method::GET;
            async move { reads }
        }),
    ));
    let inner = Router::new()
        .route("/users", get(async || "users"))
        .layer(admin);
    let app: Router = Router::new()
        .route("/", get(one.handler(read)))
        .nest(
            "/admin",
            inner.clone().layer(compose((with_auth(Claimed),))),
        )
        .nest("/wrong", inner);
    for (uri, scope, status) in [
        ("/", Some("read"), 200),
        ("/", Some("write"), 403),
        ("/", None, 401),
        ("/admin/users", Some("admin"), 200),
        ("/admin/users", Some("read"), 403),
        ("/admin/users", None, 401),
        ("/wrong/users", Some("admin"), 500),
    ] {
        let mut request = claiming(scope).map(|_| Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{uri} {scope:?}");
    }
    Ok(())
}
