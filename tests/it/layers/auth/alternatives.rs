//! `or`, `either`, `map`, `try_map`, `and_then`: which scheme decides, and what is answered.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header::SET_COOKIE, request::Parts};
use proptest::prelude::*;
use wythe::{
    Auth, Description, Either, Later, Place, Problem, Provided,
    auth::{Authenticate, Details, Refusal, Verdict},
    with_auth,
};

use crate::common::{Body, empty, get, problem, send_to};

/// What a scheme finds in a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SchemeResult {
    Missing,
    Right,
    /// Right, and the response is to set a cookie.
    RightWithCookie,
    Wrong,
    /// Wrong, with a challenge of the refusal's own.
    Expired,
    Malformed,
    /// Wrong, in a cookie.
    Dead,
    Down,
}

const ALL: [SchemeResult; 8] = [
    SchemeResult::Missing,
    SchemeResult::Right,
    SchemeResult::RightWithCookie,
    SchemeResult::Wrong,
    SchemeResult::Expired,
    SchemeResult::Malformed,
    SchemeResult::Dead,
    SchemeResult::Down,
];

/// A scheme that says this, at once or later.
#[derive(Clone, Debug)]
struct Scheme {
    name: &'static str,
    says: SchemeResult,
    later: bool,
    /// How often somebody has begun to wait for it.
    begun: Arc<AtomicUsize>,
}

impl Scheme {
    fn new(name: &'static str, says: SchemeResult, later: bool) -> Self {
        let begun = Arc::default();
        Self {
            name,
            says,
            later,
            begun,
        }
    }

    fn verdict(&self) -> Verdict<By> {
        let by = By(self.name);
        match self.says {
            SchemeResult::Missing => Verdict::Missing,
            SchemeResult::Right => Verdict::Verified(by),
            SchemeResult::RightWithCookie => {
                let cookie = HeaderValue::try_from(format!("{}=renewed", self.name));
                let fields = HeaderMap::from_iter([(SET_COOKIE, cookie.unwrap())]);
                Verdict::VerifiedWith(by, Details::new().fields(fields))
            }
            SchemeResult::Wrong => Verdict::refused(format!("wrong {}", self.name)),
            SchemeResult::Expired => {
                let own = HeaderValue::try_from(expired(self.name)).unwrap();
                Verdict::Refused(Refusal::new("expired").challenge(own))
            }
            SchemeResult::Malformed => Verdict::Refused(Refusal::malformed("malformed")),
            SchemeResult::Dead => Verdict::Refused(Refusal::new("dead").unless_optional()),
            SchemeResult::Down => Verdict::Failed("the store is down".into()),
        }
    }
}

fn expired(name: &str) -> String {
    format!("{name} error=\"expired\"")
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct By(&'static str);

impl Authenticate for Scheme {
    type Principal = By;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(self.name)
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<By>> {
        let verdict = self.verdict();
        if !self.later {
            return Later::Ready(verdict);
        }
        let begun = Arc::clone(&self.begun);
        Later::pending(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            verdict
        })
    }
}

/// Whatever scheme.
struct Any(Box<dyn Authenticate<Principal = By> + Send + Sync>);

impl Authenticate for Any {
    type Principal = By;

    fn challenge(&self) -> HeaderValue {
        self.0.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<By>> {
        self.0.authenticate(head)
    }

    fn describe(&self, layer: Description) -> Description {
        self.0.describe(layer)
    }
}

/// Alternatives of alternatives.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Scheme),
    Or(Box<Self>, Box<Self>, bool),
}

impl Tree {
    fn scheme(&self) -> Any {
        match self {
            Self::Leaf(scheme) => Any(Box::new(scheme.clone())),
            Self::Or(first, second, false) => Any(Box::new(first.scheme().or(second.scheme()))),
            Self::Or(first, second, true) => {
                Any(Box::new(first.scheme().or(second.scheme()).exclusive()))
            }
        }
    }

    /// The same, of schemes that have not begun.
    fn fresh(&self) -> Self {
        match self {
            Self::Leaf(leaf) => Self::Leaf(Scheme::new(leaf.name, leaf.says, leaf.later)),
            Self::Or(first, second, exclusive) => Self::Or(
                Box::new(first.fresh()),
                Box::new(second.fresh()),
                *exclusive,
            ),
        }
    }

    fn leaves(&self) -> Vec<&Scheme> {
        match self {
            Self::Leaf(scheme) => vec![scheme],
            Self::Or(first, second, _) => [first.leaves(), second.leaves()].concat(),
        }
    }

    fn challenge(&self) -> String {
        let names: Vec<_> = self.leaves().iter().map(|leaf| leaf.name).collect();
        names.join(", ")
    }

    /// What the pages say.
    fn expected(&self) -> Expected {
        match self {
            Self::Leaf(leaf) => Expected::of(leaf),
            Self::Or(first, second, exclusive) => match (first.expected(), second.expected()) {
                (Expected::Missing, other) => other.beside(first),
                (found, Expected::Missing) => found.beside(second),
                (_, _) if *exclusive => Expected::Refused(400, vec![]),
                (Expected::Dead(_), found) => found.beside(first),
                (found, _) => found.beside(second),
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Expected {
    Missing,
    Passes(&'static str, bool),
    Refused(u16, Vec<String>),
    /// Refused with these challenges, or none if credentials are optional.
    Dead(Vec<String>),
}

impl Expected {
    fn of(leaf: &Scheme) -> Self {
        let name = leaf.name;
        match leaf.says {
            SchemeResult::Missing => Self::Missing,
            SchemeResult::Right => Self::Passes(name, false),
            SchemeResult::RightWithCookie => Self::Passes(name, true),
            SchemeResult::Wrong => Self::Refused(401, vec![name.to_owned()]),
            SchemeResult::Expired => Self::Refused(401, vec![expired(name)]),
            SchemeResult::Malformed => Self::Refused(400, vec![]),
            SchemeResult::Dead => Self::Dead(vec![name.to_owned()]),
            SchemeResult::Down => Self::Refused(503, vec![]),
        }
    }

    /// A 401 has the challenges of the others, too.
    fn beside(mut self, other: &Tree) -> Self {
        if let Self::Refused(401, challenges) | Self::Dead(challenges) = &mut self {
            challenges.push(other.challenge());
        }
        self
    }
}

fn request() -> Request<Body> {
    get("/").body(empty()).unwrap()
}

async fn whoami(mut request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let who = Auth::<By>::from_extensions(request.extensions_mut());
    let name = who.map_or("nobody", |Auth(By(name))| name);
    Ok(Response::new(Body::from(name)))
}

/// What became of a request.
fn outcome(response: &Response<Bytes>) -> (u16, String, Vec<String>, Vec<String>) {
    let all = |name| {
        let lines = response.headers().get_all(name).iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    };
    let status = response.status().as_u16();
    let body = if status == 200 {
        String::from_utf8(response.body().to_vec()).unwrap()
    } else {
        problem(response, response.status());
        String::new()
    };
    (status, body, all("www-authenticate"), all("set-cookie"))
}

async fn holds(tree: &Tree, optional: bool) {
    let tree = &tree.fresh();
    let layer = with_auth(tree.scheme());
    let response = if optional {
        send_to(&layer.optional(), request(), whoami).await
    } else {
        send_to(&layer, request(), whoami).await
    };
    let nothing = Vec::new;
    let expected = match tree.expected() {
        Expected::Missing | Expected::Dead(_) if optional => {
            (200, "nobody".to_owned(), nothing(), nothing())
        }
        Expected::Dead(challenges) => (401, String::new(), challenges, nothing()),
        Expected::Missing => (401, String::new(), vec![tree.challenge()], nothing()),
        Expected::Passes(name, cookie) => {
            let cookies = cookie.then(|| format!("{name}=renewed"));
            (
                200,
                name.to_owned(),
                nothing(),
                cookies.into_iter().collect(),
            )
        }
        Expected::Refused(status, challenges) => (status, String::new(), challenges, nothing()),
    };
    assert_eq!(
        outcome(&response),
        expected,
        "{tree:?}, optional: {optional}"
    );
    if !exclusive(tree) {
        // Whatever stands after the scheme that decides has not begun.
        let leaves = tree.leaves();
        let decides = leaves
            .iter()
            .position(|leaf| !matches!(leaf.says, SchemeResult::Missing | SchemeResult::Dead));
        for (n, leaf) in leaves.iter().enumerate() {
            let asked = leaf.later && decides.is_none_or(|decides| n <= decides);
            let begun = leaf.begun.load(Ordering::SeqCst);
            assert_eq!(begun, usize::from(asked), "{} of {tree:?}", leaf.name);
        }
    }
}

fn exclusive(tree: &Tree) -> bool {
    match tree {
        Tree::Leaf(_) => false,
        Tree::Or(first, second, here) => *here || exclusive(first) || exclusive(second),
    }
}

/// Each with what it may say, at once or later.
fn every(name: &'static str) -> impl Iterator<Item = Tree> {
    ALL.into_iter()
        .flat_map(move |says| [false, true].map(|later| Tree::Leaf(Scheme::new(name, says, later))))
}

#[tokio::test]
async fn the_first_of_two_schemes_that_finds_credentials_decides() {
    for optional in [false, true] {
        for exclusive in [false, true] {
            for first in every("Ant") {
                for second in every("Bee") {
                    let first = Box::new(first.clone());
                    let tree = Tree::Or(first, Box::new(second), exclusive);
                    holds(&tree, optional).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_first_of_three_schemes_decides_in_any_grouping() {
    for first in every("Ant") {
        for second in every("Bee") {
            for third in every("Cow") {
                let [a, b, c] = [&first, &second, &third].map(|tree| Box::new(tree.clone()));
                let left = Box::new(Tree::Or(a.clone(), b.clone(), false));
                holds(&Tree::Or(left, c.clone(), false), false).await;
                let right = Box::new(Tree::Or(b, c, false));
                holds(&Tree::Or(a, right, false), false).await;
            }
        }
    }
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let names = prop::sample::select(vec!["Ant", "Bee", "Cow", "Doe", "Elk", "Fox"]);
    let leaf = (names, prop::sample::select(ALL.to_vec()), any::<bool>());
    let leaf = leaf.prop_map(|(name, says, later)| Tree::Leaf(Scheme::new(name, says, later)));
    leaf.prop_recursive(4, 12, 2, |inner| {
        (inner.clone(), inner, any::<bool>())
            .prop_map(|(a, b, exclusive)| Tree::Or(Box::new(a), Box::new(b), exclusive))
    })
    .prop_filter("each scheme once", |tree| {
        let mut names: Vec<_> = tree.leaves().iter().map(|leaf| leaf.name).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    })
}

proptest! {
    #[test]
    fn any_combination_of_schemes_follows_the_rules(tree in any_tree(), optional: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(holds(&tree, optional));
    }
}

#[tokio::test]
async fn a_redundant_challenge_is_sent_once() {
    #[derive(Clone)]
    struct Bearer(bool);

    impl Authenticate for Bearer {
        type Principal = By;

        fn challenge(&self) -> HeaderValue {
            HeaderValue::from_static(r#"Bearer realm="api""#)
        }

        fn authenticate(&self, _: &Parts) -> Later<Verdict<By>> {
            let error = HeaderValue::from_static(r#"Bearer realm="api", error="invalid_token""#);
            Later::Ready(match self.0 {
                false => Verdict::Missing,
                true => Verdict::Refused(Refusal::new("wrong").challenge(error)),
            })
        }
    }

    for (first, second, expected) in [
        (false, false, r#"Bearer realm="api""#),
        (true, false, r#"Bearer realm="api", error="invalid_token""#),
        (false, true, r#"Bearer realm="api", error="invalid_token""#),
    ] {
        let layer = with_auth(Bearer(first).or(Bearer(second)));
        let (status, _, challenges, _) = outcome(&send_to(&layer, request(), whoami).await);
        assert_eq!((status, challenges), (401, vec![expected.to_owned()]));
    }
    // A client has one token, whatever the realms are called.
    #[derive(Clone)]
    struct Inner(bool);

    impl Authenticate for Inner {
        type Principal = By;

        fn challenge(&self) -> HeaderValue {
            HeaderValue::from_static(r#"bearer realm="inner, Ant", Bee realm="inner""#)
        }

        fn authenticate(&self, _: &Parts) -> Later<Verdict<By>> {
            Later::Ready(match self.0 {
                false => Verdict::Missing,
                true => Verdict::refused("wrong"),
            })
        }
    }

    let inner = r#"bearer realm="inner, Ant", Bee realm="inner""#;
    let outer = r#"Bearer realm="api""#;
    let bee = r#"Bee realm="inner""#;
    let invalid = r#"Bearer realm="api", error="invalid_token""#;
    for (first, second, expected) in [
        (false, false, vec![format!("{outer}, {bee}")]),
        (true, false, vec![invalid.to_owned(), bee.to_owned()]),
        (false, true, vec![inner.to_owned()]),
    ] {
        let layer = with_auth(Bearer(first).or(Inner(second)));
        let (status, _, challenges, _) = outcome(&send_to(&layer, request(), whoami).await);
        assert_eq!((status, challenges), (401, expected));
    }

    let ant = || Scheme::new("Ant", SchemeResult::Missing, false);
    let bearer = r#"Bearer realm="api""#;
    let after = ant().or(Bearer(false)).or(Bearer(false));
    assert_eq!(after.challenge(), format!("Ant, {bearer}").as_str());
    let before = Bearer(false).or(ant()).or(Bearer(false));
    assert_eq!(before.challenge(), format!("{bearer}, Ant").as_str());
}

#[tokio::test]
async fn describes_the_refusal_of_credentials_of_two_schemes() {
    let scheme = |name| Scheme::new(name, SchemeResult::Missing, false);
    for (layer, expected) in [
        (
            with_auth(Any(Box::new(scheme("Ant").or(scheme("Bee"))))),
            false,
        ),
        (
            with_auth(Any(Box::new(scheme("Ant").or(scheme("Bee")).exclusive()))),
            true,
        ),
    ] {
        let described = layer.describe();
        let mut answers = described.answers().iter();
        let found = answers.any(|answer| answer.condition() == "with credentials of two schemes");
        assert_eq!(found, expected);
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Claims(&'static str);

#[derive(Clone, Debug, PartialEq)]
struct Partner(&'static str);

#[derive(Clone, Debug, PartialEq)]
struct Guest;

type Three = Either<Either<Claims, Partner>, Guest>;

#[tokio::test]
async fn the_handler_learns_which_of_three_schemes_decided() {
    let cases = [
        (
            [
                SchemeResult::Right,
                SchemeResult::Right,
                SchemeResult::Right,
            ],
            "first: Claims(\"Ant\")",
        ),
        (
            [
                SchemeResult::Missing,
                SchemeResult::Right,
                SchemeResult::Wrong,
            ],
            "second: Partner(\"Bee\")",
        ),
        (
            [
                SchemeResult::Missing,
                SchemeResult::Missing,
                SchemeResult::RightWithCookie,
            ],
            "third",
        ),
        (
            [
                SchemeResult::Missing,
                SchemeResult::Wrong,
                SchemeResult::Right,
            ],
            "401",
        ),
        (
            [SchemeResult::Down, SchemeResult::Right, SchemeResult::Right],
            "503",
        ),
    ];
    for (says, expected) in cases {
        for later in 0..8_u8 {
            let scheme = |n: usize, name| Scheme::new(name, says[n], later >> n & 1 == 1);
            let claims = scheme(0, "Ant").map(|By(name)| Claims(name));
            let partner = scheme(1, "Bee").map(|By(name)| Partner(name));
            let guest = scheme(2, "Cow").map(|_| Guest);
            let layer = with_auth(claims.either(partner).either(guest));
            let response = send_to(&layer, request(), |mut request| async move {
                let Auth(who) = Auth::<Three>::from_extensions(request.extensions_mut()).unwrap();
                let words = match who {
                    Either::First(Either::First(claims)) => format!("first: {claims:?}"),
                    Either::First(Either::Second(partner)) => format!("second: {partner:?}"),
                    Either::Second(Guest) => "third".to_owned(),
                };
                Ok(Response::new(Body::from(words)))
            })
            .await;
            let (status, body, challenges, cookies) = outcome(&response);
            match status {
                200 => assert_eq!(body, expected),
                _ => assert_eq!(status.to_string(), expected),
            }
            if status == 401 {
                assert_eq!(challenges, ["Bee", "Ant", "Cow"]);
            }
            assert_eq!(cookies.len(), usize::from(expected == "third"));
        }
    }
}

#[tokio::test]
async fn schemes_with_different_principals_can_exclude_each_other() {
    let scheme = |name, later| Scheme::new(name, SchemeResult::Right, later);
    for later in [false, true] {
        let either = scheme("Ant", later)
            .map(|_| Guest)
            .either(scheme("Bee", !later));
        let response = send_to(&with_auth(either.exclusive()), request(), whoami).await;
        assert_eq!(outcome(&response).0, 400);
        let problem = response.extensions().get::<Problem>().unwrap();
        assert_eq!(problem.reason_code(), Some("several_schemes"));
    }
}

#[tokio::test]
async fn try_map_can_refuse_a_principal() {
    // What the scheme says, what is made of it, status, challenges, cookies.
    let cases = [
        (SchemeResult::Right, true, 200, 0, 0),
        (SchemeResult::RightWithCookie, true, 200, 0, 1),
        (SchemeResult::Right, false, 401, 1, 0),
        (SchemeResult::RightWithCookie, false, 401, 1, 0),
        (SchemeResult::Missing, true, 401, 1, 0),
        (SchemeResult::Wrong, true, 401, 1, 0),
        (SchemeResult::Malformed, true, 400, 0, 0),
        (SchemeResult::Down, true, 503, 0, 0),
    ];
    for (says, taken, status, challenges, cookies) in cases {
        for later in [false, true] {
            let scheme = Scheme::new("Ant", says, later).try_map(move |by| match taken {
                true => Ok(by),
                false => Err(Refusal::new("not taken").reason("not_taken")),
            });
            let response = send_to(&with_auth(scheme), request(), whoami).await;
            let found = outcome(&response);
            let counts = (found.0, found.2.len(), found.3.len());
            assert_eq!(counts, (status, challenges, cookies), "{says:?} {taken}");
            if !taken {
                let problem = response.extensions().get::<Problem>().unwrap();
                assert_eq!(problem.reason_code(), Some("not_taken"));
                // It never falls through to another scheme, nor to a guest.
                assert_eq!(found.2, ["Ant"]);
            }
        }
    }
}

#[tokio::test]
async fn and_then_looks_up_a_principal_and_a_failure_is_a_503() {
    type Row = Result<Option<By>, io::Error>;
    let found: fn() -> Row = || Ok(Some(By("row")));
    let cases: [(SchemeResult, fn() -> Row, u16, &str, usize); 7] = [
        (SchemeResult::Right, found, 200, "row", 1),
        (SchemeResult::RightWithCookie, found, 200, "row", 1),
        (
            SchemeResult::Right,
            || Ok(None),
            401,
            "unknown_principal",
            1,
        ),
        (
            SchemeResult::Right,
            || Err(io::Error::other("down")),
            503,
            "look_up_failed",
            1,
        ),
        (SchemeResult::Missing, found, 401, "no_credentials", 0),
        (SchemeResult::Wrong, found, 401, "wrong_credentials", 0),
        (SchemeResult::Down, found, 503, "unavailable", 0),
    ];
    for (says, row, status, words, asked) in cases {
        for later in [false, true] {
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            let scheme = Scheme::new("Ant", says, later).and_then(move |By(name)| {
                assert_eq!(name, "Ant");
                counted.fetch_add(1, Ordering::SeqCst);
                async move { row() }
            });
            let layer = with_auth(scheme);
            let described = layer.describe();
            assert!(
                described
                    .answers()
                    .iter()
                    .any(|answer| answer.status() == 503)
            );
            let response = send_to(&layer, request(), whoami).await;
            let (found, body, _, cookies) = outcome(&response);
            assert_eq!(found, status, "{says:?}");
            match response.extensions().get::<Problem>() {
                Some(problem) => assert_eq!(problem.reason_code(), Some(words)),
                None => assert_eq!(body, words),
            }
            assert_eq!(
                cookies.len(),
                usize::from(says == SchemeResult::RightWithCookie)
            );
            assert_eq!(count.load(Ordering::SeqCst), asked, "{says:?}");
        }
    }
}

#[tokio::test]
async fn an_error_of_and_then_is_the_server_error_that_it_says() {
    let cases: [(fn() -> Problem, u16, &str); 5] = [
        (|| Problem::internal("a row twice"), 500, "look_up_failed"),
        (|| Problem::unavailable("down"), 503, "unavailable"),
        (|| Problem::internal("x").reason("own"), 500, "own"),
        (|| Problem::bad_gateway("x"), 502, "bad_gateway"),
        // Only a verdict refuses the client.
        (
            || Problem::new(http::StatusCode::FORBIDDEN),
            503,
            "look_up_failed",
        ),
    ];
    for (error, status, reason) in cases {
        let scheme = Scheme::new("Ant", SchemeResult::Right, false);
        let scheme = scheme.and_then(move |_| async move { Err::<Option<By>, _>(error()) });
        let response = send_to(&with_auth(scheme).optional(), request(), whoami).await;
        assert_eq!(response.status(), status);
        let problem: &Problem = response.extensions().get().unwrap();
        assert_eq!(problem.reason_code(), Some(reason));
        assert!(problem.cause().is_some());
    }
}

#[tokio::test]
async fn valid_credentials_never_count_as_missing() {
    for later in [false, true] {
        let scheme = Scheme::new("Ant", SchemeResult::Right, later);
        let scheme = scheme.and_then(|_| async { Verdict::<By>::Missing });
        let layer = with_auth(scheme.or(Scheme::new("Bee", SchemeResult::Right, later))).optional();
        let response = send_to(&layer, request(), whoami).await;
        let (status, _, challenges, _) = outcome(&response);
        assert_eq!(
            (status, challenges),
            (401, vec!["Ant".to_owned(), "Bee".to_owned()])
        );
    }
}

#[tokio::test]
async fn both_the_scheme_and_the_lookup_can_add_fields() {
    let scheme =
        Scheme::new("Ant", SchemeResult::RightWithCookie, false).and_then(|by| async move {
            let own = [("Ant", "of the store"), ("Bee", "new")];
            let own = own.map(|(name, value)| {
                let value = HeaderValue::try_from(format!("{name}={value}")).unwrap();
                (SET_COOKIE, value)
            });
            Verdict::VerifiedWith(by, Details::new().fields(own.into_iter().collect()))
        });
    let response = send_to(&with_auth(scheme), request(), whoami).await;
    let (status, _, _, cookies) = outcome(&response);
    assert_eq!(
        (status, cookies.as_slice()),
        (
            200,
            &["Ant=of the store".to_owned(), "Bee=new".to_owned()][..]
        )
    );
}

#[tokio::test]
async fn a_store_is_not_asked_if_another_scheme_decides() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let second = Scheme::new("Bee", SchemeResult::Right, false).and_then(move |by| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, Infallible>(Some(by)) }
    });
    let layer = with_auth(Scheme::new("Ant", SchemeResult::Right, true).or(second));
    let response = send_to(&layer, request(), whoami).await;
    assert_eq!(outcome(&response).1, "Ant");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[cfg(feature = "authorization")]
#[tokio::test]
async fn either_principal_has_its_scopes_and_roles() {
    use wythe::{HasRoles, HasScopes, Roles, Scopes, compose, with_roles, with_scopes};

    #[derive(Clone)]
    struct User(&'static str);

    #[derive(Clone)]
    struct Machine(Vec<&'static str>);

    impl HasScopes for User {
        fn has_scope(&self, scope: &str) -> bool {
            self.0.has_scope(scope)
        }
    }

    impl HasScopes for Machine {
        fn has_scope(&self, scope: &str) -> bool {
            self.0.has_scope(scope)
        }
    }

    impl HasRoles for User {
        type Role = str;

        fn has_role(&self, role: &str) -> bool {
            role == "person"
        }
    }

    impl HasRoles for Machine {
        type Role = str;

        fn has_role(&self, role: &str) -> bool {
            role == "machine"
        }
    }

    // The user's verdict, the scope and the role that are asked for, the status.
    let cases = [
        (SchemeResult::Right, "read", "person", 200),
        (SchemeResult::Right, "write", "person", 403),
        (SchemeResult::Right, "read", "machine", 403),
        (SchemeResult::Missing, "write", "machine", 200),
        (SchemeResult::Missing, "read", "machine", 403),
        (SchemeResult::Missing, "write", "person", 403),
    ];
    for (says, scope, role, status) in cases {
        let user = Scheme::new("Ant", says, false).map(|_| User("read"));
        let machine = Scheme::new("Bee", SchemeResult::Right, true).map(|_| Machine(vec!["write"]));
        let stack = compose((
            with_auth(user.either(machine)),
            with_scopes(Scopes::all([scope]).unwrap()),
            with_roles(Roles::all([role]).unwrap()),
        ));
        let response = send_to(&stack, request(), whoami).await;
        assert_eq!(
            response.status().as_u16(),
            status,
            "{says:?} {scope} {role}"
        );
    }
}

/// A refusal for missing scopes names the scheme by which the request was authenticated.
#[cfg(feature = "authorization")]
#[tokio::test]
async fn the_challenge_of_a_missing_scope_names_the_scheme_that_was_used() {
    use wythe::{Scopes, compose, with_scopes};

    let scopes = || Scopes::all(["read"]).unwrap().by(|_: &By, _: &str| false);
    let [right, missing] = [SchemeResult::Right, SchemeResult::Missing];
    let cases = [
        (right, right, right, "Ant"),
        (SchemeResult::RightWithCookie, right, right, "Ant"),
        (missing, right, right, "Bee"),
        (missing, SchemeResult::RightWithCookie, right, "Bee"),
        (missing, missing, right, "Bearer"),
    ];
    for (ant, bee, bearer, name) in cases {
        let sets_cookie = [ant, bee].contains(&SchemeResult::RightWithCookie);
        for later in [false, true] {
            let ant = Scheme::new("Ant", ant, later);
            let bee = Scheme::new("Bee", bee, !later);
            let bee = bee.and_then(|by| async move { Ok::<_, Infallible>(Some(by)) });
            let scheme = ant
                .or(bee.map(|by| by))
                .or(Scheme::new("Bearer", bearer, later));
            let stack = compose((
                with_auth(scheme.clone()),
                with_scopes(scopes().realm("api").unwrap()),
            ));
            let response = send_to(&stack, request(), whoami).await;
            let (status, _, challenges, cookies) = outcome(&response);
            let expected =
                format!(r#"{name} realm="api", error="insufficient_scope", scope="read""#);
            assert_eq!((status, challenges), (403, vec![expected]));
            assert_eq!(cookies.len(), usize::from(sets_cookie));
            let stack = compose((with_auth(scheme), with_scopes(scopes().without_challenge())));
            let (_, _, challenges, _) = outcome(&send_to(&stack, request(), whoami).await);
            assert!(challenges.is_empty());
        }
    }
    // Only one scheme, and a refusal of the handler's own.
    let stack = compose((
        with_auth(Scheme::new("Ant", right, true)),
        with_scopes(scopes()),
    ));
    let (_, _, challenges, _) = outcome(&send_to(&stack, request(), whoami).await);
    assert_eq!(
        challenges,
        [r#"Ant error="insufficient_scope", scope="read""#]
    );
    let layer = with_auth(Scheme::new("Ant", right, true));
    let response = send_to(&layer, request(), |_| async {
        let own = HeaderValue::from_static(r#"Bearer error="own""#);
        let mut response = Response::new(Body::from(""));
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        response.headers_mut().insert("www-authenticate", own);
        Ok(response)
    })
    .await;
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Bearer error="own""#
    );
}

#[test]
fn schemes_show_their_parts_and_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let scheme = |name| Scheme::new(name, SchemeResult::Right, false);
    let mapped = scheme("Ant")
        .map(|_| Guest)
        .either(scheme("Bee").try_map(Ok));
    let asked = scheme("Cow").and_then(|by| async move { Ok::<_, Infallible>(Some(by)) });
    shared(&mapped);
    shared(&asked);
    let shown = format!("{mapped:?} {asked:?}");
    for part in ["EitherOf", "Map", "AndThen", "Ant", "Bee", "Cow"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let layer = format!("{:?}", with_auth(mapped));
    assert!(layer.contains("EitherOf<Map<Scheme, "), "{layer}");
}
