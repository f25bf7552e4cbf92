//! `with_validation` for several parts of a request, `with_parsing`, and checks of an application.

use axum::{Router, body::Body, response::IntoResponse, routing::post};
use bytes::Bytes;
use garde::Validate;
use http::{Request, Response, StatusCode, header, request};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;
use wythe::{
    Binary, Cookie, Form, Header, Json, JsonOrForm, Parsed, Path, Problem, Query, Secret, Text,
    Valid, Validation, compose, placed,
    validation::{FieldError, FieldErrors, rule_error},
    with_parsing, with_validation,
};

use crate::common::problem;

#[derive(Debug, Deserialize, Validate)]
struct Id {
    #[garde(range(min = 1))]
    id: u32,
}

#[derive(Debug, Deserialize, Validate)]
struct Page {
    #[garde(range(min = 1, max = 100))]
    per_page: Option<u32>,
}

#[derive(Debug, Deserialize, Validate)]
struct NewUser {
    #[garde(length(chars, min = 2))]
    name: String,
}

#[derive(Debug, Deserialize, Validate)]
struct Client {
    #[garde(length(max = 4))]
    x_client: String,
    #[serde(default)]
    #[garde(length(max = 2))]
    accept_language: Vec<String>,
}

#[derive(Debug, Deserialize, Validate)]
struct Preferences {
    #[garde(length(max = 5))]
    theme: Option<String>,
}

fn all_parts() -> Router {
    type All = (
        Path<Id>,
        Query<Page>,
        Header<Client>,
        Cookie<Preferences>,
        Json<NewUser>,
    );
    async fn save(
        id: Valid<Path<Id>>,
        page: Valid<Query<Page>>,
        client: Valid<Header<Client>>,
        preferences: Valid<Cookie<Preferences>>,
        user: Valid<Json<NewUser>>,
    ) -> String {
        format!(
            "{} {:?} {} {:?} {:?} {}",
            id.id,
            page.per_page,
            client.x_client,
            client.accept_language,
            preferences.theme,
            user.name
        )
    }
    let stack = compose((with_validation::<All>(),));
    Router::new().route("/users/{id}", post(stack.handler(save)))
}

async fn send(
    router: &Router,
    request: request::Builder,
    body: impl Into<Body>,
) -> Response<Bytes> {
    let request = request.body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Response::from_parts(parts, bytes)
}

fn json_to(uri: &str) -> request::Builder {
    Request::post(uri).header(header::CONTENT_TYPE, "application/json")
}

fn errors(response: &Response<Bytes>) -> Value {
    problem(response, StatusCode::UNPROCESSABLE_ENTITY)["errors"].take()
}

#[tokio::test]
async fn forms_and_queries_with_any_names_are_lists_of_pairs_or_maps() {
    type Pairs = Vec<(String, String)>;
    type Lists = std::collections::BTreeMap<String, Vec<String>>;

    async fn list(form: Parsed<Form<Pairs>>, query: Parsed<Query<Pairs>>) -> String {
        json!([form.into_inner().0, query.into_inner().0]).to_string()
    }
    async fn maps(form: Parsed<Form<Lists>>, query: Parsed<Query<Lists>>) -> String {
        json!([form.into_inner().0, query.into_inner().0]).to_string()
    }
    let lists = compose((with_parsing::<(Form<Pairs>, Query<Pairs>)>(),));
    let in_maps = compose((with_parsing::<(Form<Lists>, Query<Lists>)>(),));
    let router = Router::new()
        .route("/lists", post(lists.handler(list)))
        .route("/maps", post(in_maps.handler(maps)));
    let cases = [
        (
            "/lists?q=1&q=on",
            "b=2&a=+1&b=&c%5Bd%5D=x%26y",
            json!([
                [["b", "2"], ["b", ""], ["a", " 1"], ["c[d]", "x&y"]],
                [["q", "1"], ["q", "on"]]
            ]),
        ),
        ("/lists", "", json!([[], []])),
        ("/lists?q", "a", json!([[["a", ""]], [["q", ""]]])),
        (
            "/maps?q=1&q=on",
            "b=2&a=1&b=",
            json!([{"a": ["1"], "b": ["2", ""]}, {"q": ["1", "on"]}]),
        ),
    ];
    for (uri, body, expected) in cases {
        let request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{uri} {body}");
        let bytes = http_body_util::BodyExt::collect(response.into_body()).await;
        let read: Value = serde_json::from_slice(&bytes.unwrap().to_bytes()).unwrap();
        assert_eq!(read, expected, "{uri} {body}");
    }
}

#[tokio::test]
async fn each_part_of_a_request_is_an_input() {
    let request = json_to("/users/7?per_page=20")
        .header("x-client", "web")
        .header("accept-language", "de, en")
        .header("cookie", "theme=dark; other=1");
    let response = send(&all_parts(), request, r#"{"name":"Ada"}"#).await;
    assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    let text = r#"7 Some(20) web ["de", "en"] Some("dark") Ada"#;
    assert_eq!(response.body(), text);
}

#[tokio::test]
async fn a_field_that_is_not_utf8_is_rejected_where_it_is_read() {
    let request = |name: &str, value: &[u8]| {
        let value = header::HeaderValue::from_bytes(value).unwrap();
        json_to("/users/7").header(name, value)
    };
    let web = |request: request::Builder| request.header("x-client", "web");
    let other = web(request("user-agent", b"\xff")).header("cookie", "theme=dark");
    let response = send(&all_parts(), other, r#"{"name":"Ada"}"#).await;
    assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    let other_cookie = web(request("cookie", b"\xff=1; a=\xff; theme=dark"));
    let response = send(&all_parts(), other_cookie, r#"{"name":"Ada"}"#).await;
    assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    for (request, part, name) in [
        (request("x-client", b"w\xff"), "header", "x-client"),
        (
            web(request("accept-language", b"de, \xff")),
            "header",
            "accept-language",
        ),
        (web(request("cookie", b"theme=\xff")), "cookie", "theme"),
    ] {
        let response = send(&all_parts(), request, r#"{"name":"Ada"}"#).await;
        let detail = "invalid value: not UTF-8";
        let expected = json!([{"code": "value", "detail": detail, "in": part, "name": name}]);
        assert_eq!(errors(&response), expected);
    }
}

#[tokio::test]
async fn one_list_says_of_each_error_where_it_is() {
    let request = json_to("/users/0?per_page=0")
        .header("x-client", "toolong")
        .header("accept-language", "de, en")
        .header("accept-language", "fr")
        .header("cookie", "theme=purple");
    let response = send(&all_parts(), request, r#"{"name":"A"}"#).await;
    let expected = json!([
        {"code": "range", "detail": "lower than 1", "in": "path", "name": "id"},
        {"code": "range", "detail": "lower than 1", "in": "query", "name": "per_page"},
        {"code": "length", "detail": "length is greater than 4", "in": "header", "name": "x-client"},
        {"code": "length", "detail": "length is greater than 5", "in": "cookie", "name": "theme"},
        {"code": "length", "detail": "length is lower than 2", "in": "body", "pointer": "#/name"},
    ]);
    // Two lines of a list are joined: their items are three.
    let mut found = errors(&response);
    let listed = found.as_array_mut().unwrap();
    let languages = listed
        .iter()
        .position(|error| error["name"] == "accept-language");
    assert_eq!(listed.remove(languages.unwrap())["code"], "length");
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_cannot_be_read_is_in_the_same_list() {
    let request = json_to("/users/x?per_page=many").header("cookie", "theme=a; theme=b");
    let response = send(&all_parts(), request, r#"{"name":1}"#).await;
    let integer = |text: &str| {
        format!("invalid value: string \"{text}\", expected an integer from 0 to 4294967295")
    };
    let expected = json!([
        {"code": "value", "detail": integer("x"), "in": "path", "name": "id"},
        {"code": "value", "detail": integer("many"), "in": "query", "name": "per_page"},
        {"code": "missing_field", "detail": "missing field `x-client`", "in": "header", "name": "x-client"},
        {"code": "duplicate_field", "detail": "repeated, but only one value is expected", "in": "cookie", "name": "theme"},
        {"code": "type", "detail": "invalid type: integer `1`, expected a string", "in": "body", "pointer": "#/name"},
    ]);
    assert_eq!(errors(&response), expected);
    // What can't be parsed is answered alone.
    let request = json_to("/users/x?per_page=%zz");
    problem(
        &send(&all_parts(), request, "{}").await,
        StatusCode::BAD_REQUEST,
    );
    let request = json_to("/users/%ff");
    problem(
        &send(&all_parts(), request, "{}").await,
        StatusCode::BAD_REQUEST,
    );
}

#[tokio::test]
async fn a_path_that_lacks_what_its_type_needs_is_a_fault_of_the_server() {
    let stack = compose((with_validation::<Path<Id>>(),));
    let router = Router::new().route(
        "/{user}",
        post(stack.handler(async |_: Valid<Path<Id>>| ())),
    );
    let response = send(&router, Request::post("/7"), "").await;
    problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_secret_is_read_from_json_and_forms_and_never_quoted() {
    #[derive(Deserialize, Validate)]
    struct Login {
        #[garde(length(min = 4))]
        pin: Secret,
    }
    let stack = compose((with_validation::<JsonOrForm<Login>>(),));
    async fn login(login: Valid<JsonOrForm<Login>>) -> String {
        login.pin.matches("1234").to_string()
    }
    let router = Router::new().route("/", post(stack.handler(login)));
    let form = || {
        let form = "application/x-www-form-urlencoded";
        Request::post("/").header(header::CONTENT_TYPE, form)
    };
    assert_eq!(send(&router, form(), "pin=1234").await.body(), "true");
    let response = send(&router, json_to("/"), r#"{"pin":"1234"}"#).await;
    assert_eq!(response.body(), "true");
    for (request, body) in [
        (form(), "pin=987"),
        (json_to("/"), r#"{"pin":"987"}"#),
        (json_to("/"), r#"{"pin":98765}"#),
        (json_to("/"), r#"{"pin":[98765]}"#),
    ] {
        let response = send(&router, request, body).await;
        let error = &errors(&response)[0];
        assert!(
            error["pointer"] == "#/pin" || error["name"] == "pin",
            "{response:?}"
        );
        assert!(!format!("{response:?}").contains("987"), "{response:?}");
    }
}

#[tokio::test]
async fn a_body_may_be_absent() {
    let stack = compose((with_validation::<Option<Json<NewUser>>>(),));
    async fn save(user: Valid<Option<Json<NewUser>>>) -> String {
        format!("{:?}", user.as_ref().map(|user| &user.name))
    }
    let router = Router::new().route("/", post(stack.handler(save)));
    let ok = |response: &Response<Bytes>| {
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        response.body().clone()
    };
    assert_eq!(ok(&send(&router, Request::post("/"), "").await), "None");
    assert_eq!(ok(&send(&router, json_to("/"), "").await), "None");
    assert_eq!(ok(&send(&router, json_to("/"), "null").await), "None");
    assert_eq!(
        ok(&send(&router, json_to("/"), r#"{"name":"Ada"}"#).await),
        "Some(\"Ada\")"
    );
    let invalid = send(&router, json_to("/"), r#"{"name":"A"}"#).await;
    assert_eq!(errors(&invalid)[0]["pointer"], "#/name");
    // A body that is there is held against its type.
    let response = send(&router, Request::post("/"), r#"{"name":"Ada"}"#).await;
    problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    problem(
        &send(&router, json_to("/"), "{").await,
        StatusCode::BAD_REQUEST,
    );
}

#[tokio::test]
async fn inputs_without_rules_are_parsed() {
    #[derive(Deserialize)]
    struct Plain {
        number: u8,
    }
    async fn save(
        Parsed(Json(plain)): Parsed<Json<Plain>>,
        query: Parsed<Option<Query<Plain>>>,
    ) -> String {
        format!(
            "{} {:?}",
            plain.number,
            query.as_ref().map(|query| query.number)
        )
    }
    let stack =
        compose((with_parsing::<(Json<Plain>, Option<Query<Plain>>)>().max_body_bytes(20),));
    let router = Router::new().route("/", post(stack.handler(save)));
    let cases = [
        ("/", r#"{"number":1}"#, 200),
        ("/?number=2", r#"{"number":1}"#, 200),
        ("/?number=2", r#"{"number":300}"#, 422),
        ("/?other=2", r#"{"number":1}"#, 422),
        ("/", r#"{"number":1}                "#, 413),
        ("/", "{", 400),
    ];
    for (uri, body, status) in cases {
        assert_eq!(
            send(&router, json_to(uri), body).await.status(),
            status,
            "{uri} {body}"
        );
    }
}

#[tokio::test]
async fn texts_and_bytes_are_inputs() {
    #[derive(Debug, Deserialize, Validate)]
    #[garde(transparent)]
    struct Note(#[garde(length(max = 5))] String);

    async fn note(note: Valid<Text<Note>>) -> String {
        note.0.0.clone()
    }
    async fn raw(raw: Parsed<Binary>) -> Bytes {
        raw.into_inner().0
    }
    let notes = compose((with_validation::<Text<Note>>(),));
    let raws = compose((with_parsing::<Binary>()
        .max_body_bytes(8)
        .media_types(["image/png"])
        .unwrap(),));
    let any = compose((with_parsing::<Binary>(),));
    let router = Router::new()
        .route("/note", post(notes.handler(note)))
        .route("/png", post(raws.handler(raw)))
        .route("/any", post(any.handler(raw)));
    let cases: [(&str, &str, &[u8], u16); 10] = [
        ("/note", "text/plain", b"hello", 200),
        (
            "/note",
            "text/plain; charset=utf-8",
            "h\u{e9}".as_bytes(),
            200,
        ),
        ("/note", "text/plain; charset=latin1", b"hello", 415),
        ("/note", "application/json", b"hello", 415),
        ("/note", "text/plain", b"\xff", 400),
        ("/note", "text/plain", b"too long", 422),
        ("/png", "image/png", b"\x89PNG\xff", 200),
        ("/png", "image/jpeg", b"\xff", 415),
        ("/png", "image/png", b"123456789", 413),
        ("/any", "x/y", b"\x00\xff", 200),
    ];
    for (uri, kind, body, status) in cases {
        let request = Request::post(uri).header(header::CONTENT_TYPE, kind);
        let response = send(&router, request, body.to_vec()).await;
        assert_eq!(response.status(), status, "{uri} {kind}");
        if status == 200 {
            assert_eq!(response.body(), body);
        }
        if status == 422 {
            let expected =
                json!([{"code": "length", "detail": "length is greater than 5", "in": "body"}]);
            assert_eq!(errors(&response), expected);
        }
    }
    assert_eq!(
        send(&router, Request::post("/any"), "x").await.status(),
        200
    );
}

#[test]
fn media_types_that_are_none_are_a_config_error() {
    for odd in ["png", "image/*", "image/png; q=1", ""] {
        assert!(
            with_parsing::<Binary>().media_types([odd]).is_err(),
            "{odd}"
        );
    }
    let error = with_validation::<Query<Page>>()
        .media_types(["image/png"])
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`media_types` needs an input in the body"),
        "{error}"
    );
    let error = with_parsing::<Binary>()
        .media_types([""; 0])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the list of media types is empty"),
        "{error}"
    );
}

#[tokio::test]
async fn a_check_of_the_application_adds_to_the_list() {
    let validation = with_validation::<(Path<Id>, Json<NewUser>)>().check(|(id, user)| {
        let (id, name) = (id.id, user.name.clone());
        async move {
            tokio::task::yield_now().await;
            match &*name {
                "Ada" => Ok(FieldErrors::at("/name", "taken", "this name is taken")
                    .and_at("/id", "unknown", format!("there is no user {id}"))
                    .in_part(wythe::description::InputSource::Path)),
                "Down" => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE)),
                _ => Ok(FieldErrors::none()),
            }
        }
    });
    async fn save(user: Valid<Json<NewUser>>) -> String {
        user.name.clone()
    }
    let router = Router::new().route("/{id}", post(compose((validation,)).handler(save)));
    let response = send(&router, json_to("/7"), r#"{"name":"Eve"}"#).await;
    assert_eq!(response.body(), "Eve");
    let response = send(&router, json_to("/7"), r#"{"name":"Ada"}"#).await;
    let expected = json!([
        {"code": "taken", "detail": "this name is taken", "in": "body", "pointer": "#/name"},
        {"code": "unknown", "detail": "there is no user 7", "in": "path", "name": "id"},
    ]);
    assert_eq!(errors(&response), expected);
    let response = send(&router, json_to("/7"), r#"{"name":"Down"}"#).await;
    problem(&response, StatusCode::SERVICE_UNAVAILABLE);
    // A value that breaks a rule is not checked.
    let response = send(&router, json_to("/0"), r#"{"name":"Ada"}"#).await;
    assert_eq!(errors(&response).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_context_may_be_made_from_the_head_of_the_request() {
    struct Limits {
        longest: usize,
    }
    #[derive(Deserialize, Validate)]
    #[garde(context(Limits))]
    struct Title {
        #[garde(custom(is_short))]
        title: String,
    }
    fn is_short(title: &str, limits: &Limits) -> garde::Result {
        if title.len() > limits.longest {
            return Err(rule_error(
                "too_long",
                format!("longer than {}", limits.longest),
            ));
        }
        Ok(())
    }
    let validation = Validation::<Json<Title>>::in_context_of(|head| Limits {
        longest: if head.headers().contains_key("x-pro") {
            9
        } else {
            3
        },
    });
    let router = Router::new().route(
        "/",
        post(
            compose((placed(validation),))
                .handler(async |title: Valid<Json<Title>>| title.title.clone()),
        ),
    );
    let body = r#"{"title":"Hello"}"#;
    assert_eq!(
        send(&router, json_to("/").header("x-pro", "1"), body)
            .await
            .status(),
        200
    );
    let expected = json!([{"code": "too_long", "detail": "longer than 3", "in": "body", "pointer": "#/title"}]);
    assert_eq!(errors(&send(&router, json_to("/"), body).await), expected);
}

#[tokio::test]
async fn an_application_writes_the_texts_of_errors() {
    fn text(error: &FieldError<'_>, head: &wythe::RequestHead<'_>) -> Option<String> {
        let is_german = head
            .headers()
            .get("accept-language")
            .is_some_and(|value| value == "de");
        match (error.code(), &*error.pointer()) {
            ("length", "/name") if is_german => Some("zu kurz".into()),
            ("missing_field", _) => Some("required".into()),
            _ => None,
        }
    }
    let stack = compose((with_validation::<(Query<Page>, Json<NewUser>)>().texts(text),));
    let router = Router::new().route("/", post(stack.handler(async |_: Valid<Json<NewUser>>| ())));
    let detail = async |language: &str, body: &'static str| {
        let request = json_to("/").header("accept-language", language);
        errors(&send(&router, request, body).await)[0]["detail"].take()
    };
    assert_eq!(detail("de", r#"{"name":"A"}"#).await, "zu kurz");
    assert_eq!(
        detail("en", r#"{"name":"A"}"#).await,
        "length is lower than 2"
    );
    assert_eq!(detail("en", "{}").await, "required");
}

#[derive(Debug, Deserialize, Validate)]
struct Item {
    #[garde(range(min = 1))]
    qty: u32,
}
#[derive(Debug, Deserialize, Validate)]
struct Address {
    #[garde(length(min = 1))]
    city: String,
}
#[derive(Debug, Deserialize, Validate)]
struct Order {
    #[serde(default)]
    #[garde(inner(length(min = 1)))]
    tags: Vec<String>,
    #[garde(dive)]
    address: Option<Address>,
    #[serde(default)]
    #[garde(dive)]
    items: Vec<Item>,
}
async fn save(order: Valid<Form<Order>>) -> String {
    format!("{:?}", **order)
}
async fn answer(router: &Router, body: impl Into<Body>) -> Response<Bytes> {
    let request =
        Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    send(router, request, body).await
}

async fn first_error_is(router: &Router, body: &'static str, name: &str, code: &str) {
    let found = errors(&answer(router, body).await);
    assert_eq!(
        (&found[0]["name"], &found[0]["code"]),
        (&json!(name), &json!(code)),
        "{body}: {found}"
    );
}

#[tokio::test]
async fn keys_of_forms_and_queries_can_be_nested() {
    let nested = compose((with_validation::<Form<Order>>().nested_keys(),));
    let nested = Router::new().route("/", post(nested.handler(save)));
    let cases = [
        (
            "tags=a&tags=b",
            r#"Order { tags: ["a", "b"], address: None, items: [] }"#,
        ),
        (
            "tags[]=a&tags[]=b",
            r#"Order { tags: ["a", "b"], address: None, items: [] }"#,
        ),
        (
            "tags%5B%5D=a",
            r#"Order { tags: ["a"], address: None, items: [] }"#,
        ),
        (
            "tags[1]=b&tags[0]=a",
            r#"Order { tags: ["a", "b"], address: None, items: [] }"#,
        ),
        (
            "address[city]=Rome&items[0][qty]=1&items[1][qty]=2",
            r#"Order { tags: [], address: Some(Address { city: "Rome" }), items: [Item { qty: 1 }, Item { qty: 2 }] }"#,
        ),
        (
            "items[][qty]=1&items[][qty]=2",
            "Order { tags: [], address: None, items: [Item { qty: 1 }, Item { qty: 2 }] }",
        ),
        ("", "Order { tags: [], address: None, items: [] }"),
    ];
    for (body, expected) in cases {
        let response = answer(&nested, body).await;
        assert_eq!(String::from_utf8_lossy(response.body()), expected, "{body}");
    }
    let cases = [
        ("items[0][qty]=0", "items[0][qty]", "range"),
        ("items[0][qty]=x", "items[0][qty]", "value"),
        ("address[city]=", "address[city]", "length"),
        ("address=x", "address", "type"),
        ("tags[5]=a", "tags", "value"),
        ("tags=a&tags[0]=b", "tags", "conflict"),
        ("tags[0]=a&tags[]=b", "tags[]", "conflict"),
        (
            "address[city]=a&address[city][x]=b",
            "address[city]",
            "conflict",
        ),
    ];
    for (body, name, code) in cases {
        first_error_is(&nested, body, name, code).await;
    }
    let deep = "a".to_owned() + &"[a]".repeat(16) + "=1";
    let request =
        Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(
        errors(&send(&nested, request, deep).await)[0]["code"],
        "depth"
    );
}

#[tokio::test]
async fn a_variant_with_content_is_a_nested_key() {
    #[derive(Debug, Deserialize, Validate)]
    #[serde(rename_all = "lowercase")]
    enum Payment {
        Cash,
        Card(#[garde(length(min = 1))] String),
        Transfer {
            #[garde(length(min = 1))]
            iban: String,
        },
    }
    #[derive(Debug, Deserialize, Validate)]
    struct Paid {
        #[garde(dive)]
        by: Payment,
    }
    async fn pay(paid: Valid<Form<Paid>>) -> String {
        format!("{:?}", paid.by)
    }
    let nested = compose((with_validation::<Form<Paid>>().nested_keys(),));
    let nested = Router::new().route("/", post(nested.handler(pay)));
    let cases = [
        ("by=cash", "Cash"),
        ("by[card]=1234", r#"Card("1234")"#),
        ("by[transfer][iban]=DE", r#"Transfer { iban: "DE" }"#),
    ];
    for (body, expected) in cases {
        let response = answer(&nested, body).await;
        assert_eq!(String::from_utf8_lossy(response.body()), expected, "{body}");
    }
    let cases = [
        ("by[transfer][iban]=", "by[transfer][iban]", "length"),
        ("by[card]=1&by[transfer][iban]=DE", "by", "type"),
        ("by=cheque", "by", "unknown_variant"),
    ];
    for (body, name, code) in cases {
        first_error_is(&nested, body, name, code).await;
    }
}

#[tokio::test]
async fn a_key_with_brackets_is_not_dropped_in_silence() {
    let flat = compose((with_validation::<Form<Order>>(),));
    let flat = Router::new().route("/", post(flat.handler(save)));
    let found = errors(&answer(&flat, "tags[]=a").await);
    assert_eq!(
        (&found[0]["name"], &found[0]["code"]),
        (&json!("tags[]"), &json!("unknown_field"))
    );
    assert_eq!(
        answer(&flat, "tags=a&other[]=1").await.status(),
        StatusCode::OK
    );
    // However many others there are.
    let others: String = (0..2_000).map(|number| format!("n{number}=1&")).collect();
    let found = errors(&answer(&flat, others + "tags[]=a").await);
    assert_eq!(found[0]["name"], "tags[]");
}

#[tokio::test]
async fn unknown_names_are_rejected_if_that_is_asked_for() {
    #[derive(Deserialize, Validate)]
    struct Team {
        #[garde(skip)]
        #[expect(dead_code, reason = "it is only read")]
        name: String,
        #[garde(dive)]
        lead: Option<NewUser>,
    }
    let stack = compose((with_validation::<(Query<Page>, Json<Team>)>().reject_unknown_names(),));
    let router = Router::new().route("/", post(stack.handler(async |_: Valid<Json<Team>>| ())));
    let known = r#"{"name":"a","lead":{"name":"Ada"}}"#;
    assert_eq!(
        send(&router, json_to("/?per_page=1"), known).await.status(),
        200
    );
    let unknown = r#"{"name":"a","lead":{"name":"Ada","x":1},"y":2}"#;
    let expected = json!([
        {"code": "unknown_field", "detail": "unknown field `page`", "in": "query", "name": "page"},
        {"code": "unknown_field", "detail": "unknown field `x`", "in": "body", "pointer": "#/lead/x"},
        {"code": "unknown_field", "detail": "unknown field `y`", "in": "body", "pointer": "#/y"},
    ]);
    assert_eq!(
        errors(&send(&router, json_to("/?page=1"), unknown).await),
        expected
    );
}

#[tokio::test]
async fn an_answer_is_small_whatever_the_request() {
    #[derive(Deserialize, Validate)]
    struct Tree {
        #[serde(default)]
        #[garde(dive)]
        children: Vec<Self>,
        #[garde(range(min = 1))]
        #[serde(default)]
        size: u8,
    }
    let stack = compose((with_validation::<
        Json<std::collections::HashMap<String, Tree>>,
    >(),));
    let router = Router::new().route(
        "/",
        post(stack.handler(async |_: Valid<Json<std::collections::HashMap<String, Tree>>>| ())),
    );
    let long = "\u{1}".repeat(300);
    let many: Vec<_> = (0..40)
        .map(|key| format!("\"{key}{long}\":{{}}").replace('\u{1}', "~"))
        .collect();
    let response = send(&router, json_to("/"), format!("{{{}}}", many.join(","))).await;
    let json = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json["error_count"], 40);
    assert!(
        response.body().len() < 11_000,
        "{} bytes",
        response.body().len()
    );
    // More values than are read.
    let too_many = format!(
        "{{\"a\":{{\"children\":[{}]}}}}",
        vec!["{}"; 60_000].join(",")
    );
    let response = send(&router, json_to("/"), too_many).await;
    let json = problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(json["max_values"], 100_000);
}

#[tokio::test]
async fn an_invalid_request_is_a_problem_for_the_presentation_as_well() {
    let response = all_parts()
        .oneshot(json_to("/users/1").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert!(
        response
            .into_response()
            .extensions()
            .get::<Problem>()
            .is_some()
    );
}

proptest::proptest! {
    /// A value that is written as nested keys comes back, with indexes and with `[]`.
    #[test]
    fn nested_keys_come_back(
        tags in proptest::collection::vec("\\PC{0,8}", 0..5),
        address in proptest::collection::btree_map("[a-z0-9_\u{e9}&= ]{1,6}", "\\PC{0,8}", 0..4),
        prices in proptest::collection::vec(("\\PC{0,8}", proptest::prelude::any::<u16>()), 0..4),
        has_indexes: bool,
    ) {
        #[derive(Debug, PartialEq, Deserialize, Validate)]
        #[garde(allow_unvalidated)]
        struct Priced {
            name: String,
            price: u16,
        }
        #[derive(Debug, PartialEq, Deserialize, Validate)]
        #[garde(allow_unvalidated)]
        struct Basket {
            #[serde(default)]
            tags: Vec<String>,
            #[serde(default)]
            address: std::collections::BTreeMap<String, String>,
            #[serde(default)]
            items: Vec<Priced>,
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (index, tag) in tags.iter().enumerate() {
            let key = if has_indexes { format!("tags[{index}]") } else { "tags[]".to_owned() };
            form.append_pair(&key, tag);
        }
        for (name, line) in &address {
            form.append_pair(&format!("address[{name}]"), line);
        }
        for (index, (name, price)) in prices.iter().enumerate() {
            form.append_pair(&format!("items[{index}][name]"), name);
            form.append_pair(&format!("items[{index}][price]"), &price.to_string());
        }
        let form = form.finish();
        let items = prices.into_iter().map(|(name, price)| Priced { name, price }).collect();
        let basket = Basket { tags, address, items };
        let stack = compose((with_validation::<Form<Basket>>().nested_keys(),));
        let text = format!("{basket:?}");
        let handler = async |read: Valid<Form<Basket>>| format!("{:?}", read.into_inner().0);
        let router = Router::new().route("/", post(stack.handler(handler)));
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(send(&router, request, form));
        proptest::prop_assert_eq!(response.body(), text.as_bytes());
    }
}
