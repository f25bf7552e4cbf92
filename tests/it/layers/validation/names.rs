//! The places of errors are in the names of the client, however serde reads them.

use garde::Validate;
use http::{Request, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use wythe::{
    Form, Json, Query,
    validation::{InputSet, WithRules},
    with_validation,
};

use crate::common::{self, Body, problem};

async fn answer<I>(request: Request<Body>) -> (u16, Value)
where
    I: InputSet<WithRules, Context: Default>,
{
    let response = common::send(&with_validation::<I>(), request).await;
    match response.status() {
        StatusCode::UNPROCESSABLE_ENTITY => (
            422,
            problem(&response, StatusCode::UNPROCESSABLE_ENTITY)["errors"].take(),
        ),
        status => (status.as_u16(), Value::Null),
    }
}

/// The pointers and the codes of the errors.
async fn places<T>(body: &str) -> Vec<(String, String)>
where
    Json<T>: InputSet<WithRules, Context: Default>,
{
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let (status, errors) = answer::<Json<T>>(request).await;
    assert_eq!(status, 422, "{body}");
    let errors = errors.as_array().unwrap().clone();
    let text = |error: &Value, member: &str| error[member].as_str().unwrap_or("none").to_owned();
    errors
        .iter()
        .map(|error| (text(error, "pointer"), text(error, "code")))
        .collect()
}

macro_rules! assert_places {
    ($kind:ty: $($body:expr => [$(($pointer:expr, $code:expr)),*];)*) => {$(
        let expected: Vec<(String, String)> = vec![$(($pointer.into(), $code.into())),*];
        assert_eq!(places::<$kind>($body).await, expected, "{}", $body);
    )*};
}

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    #[serde(rename = "userName")]
    #[garde(length(min = 2))]
    login: String,
    #[garde(length(min = 2))]
    email: String,
    #[serde(rename = "yearsOfLife")]
    #[garde(range(max = 120))]
    age: u32,
    #[serde(alias = "phone", alias = "tel")]
    #[garde(inner(length(min = 3)))]
    phone_number: Option<String>,
    #[serde(default)]
    #[garde(required)]
    nick_name: Option<String>,
    #[serde(rename = "where")]
    #[garde(dive)]
    address: Option<Address>,
}

#[derive(Deserialize, Validate)]
struct Address {
    #[serde(rename = "town")]
    #[garde(length(min = 2))]
    city: String,
}

#[tokio::test]
async fn a_renamed_field_has_the_name_of_the_client() {
    assert_places! { Renamed:
        r#"{"userName":"A","email":"a@b","yearsOfLife":3,"nickName":"nick"}"# => [("#/userName", "length")];
        r#"{"userName":"Ada","email":"a","yearsOfLife":3,"nickName":"nick"}"# => [("#/email", "length")];
        r#"{"userName":"Ada","email":"a@b","yearsOfLife":300,"nickName":"nick"}"# => [("#/yearsOfLife", "range")];
        r#"{"userName":"Ada","email":"a@b","yearsOfLife":3,"nickName":"nick","tel":"1"}"# => [("#/tel", "length")];
        r#"{"userName":"Ada","email":"a@b","yearsOfLife":3,"nickName":"nick","phoneNumber":"1"}"# => [("#/phoneNumber", "length")];
        // What the client has not sent has the name that serde reads.
        r#"{"userName":"Ada","email":"a@b","yearsOfLife":3}"# => [("#/nickName", "required")];
        r#"{"userName":"Ada","email":"a@b","yearsOfLife":3,"nickName":"nick","where":{"town":"R"}}"# => [("#/where/town", "length")];
        r#"{"email":"a@b","yearsOfLife":3}"# => [("#/userName", "missing_field")];
        // Two values could be meant.
        r#"{"userName":"A","email":"a","yearsOfLife":3,"nickName":"nick"}"# => [("#/email", "length"), ("#/userName", "length")];
    }
}

fn is_even(number: &u32, _: &()) -> garde::Result {
    match number % 2 {
        0 => Ok(()),
        _ => Err(garde::Error::new("not even")),
    }
}

fn is_a_color(text: &str, _: &()) -> garde::Result {
    match text {
        "red" | "green" => Ok(()),
        _ => Err(garde::Error::new("not a color")),
    }
}

#[derive(Deserialize, Validate)]
struct RenamedFields {
    #[serde(rename = "mail")]
    #[garde(email)]
    contact: Option<String>,
    #[serde(rename = "site")]
    #[garde(ip)]
    host: Option<String>,
    #[serde(rename = "min")]
    #[garde(range(min = 10))]
    least: Option<u32>,
    #[serde(rename = "max")]
    #[garde(range(min = 10))]
    most: Option<u32>,
    #[serde(rename = "labels")]
    #[garde(length(max = 1))]
    tags: Option<Vec<String>>,
    #[serde(rename = "marks")]
    #[garde(length(max = 1))]
    points: Option<Vec<u32>>,
    #[serde(rename = "from")]
    #[garde(dive)]
    sender: Option<Address>,
    #[serde(rename = "to")]
    #[garde(dive)]
    receiver: Option<Address>,
    #[serde(rename = "pairs")]
    #[garde(inner(custom(is_even)))]
    legs: Option<u32>,
    #[serde(rename = "paint")]
    #[garde(inner(custom(is_a_color)))]
    hue: Option<String>,
    #[serde(rename = "name", alias = "title")]
    #[garde(prefix("Mx "))]
    called: Option<String>,
}

#[tokio::test]
async fn of_several_values_the_one_whose_change_mends_the_error_is_meant() {
    assert_places! { RenamedFields:
        r#"{"mail":"a","site":"b"}"# => [("#/mail", "email"), ("#/site", "ip")];
        r#"{"mail":"a","site":"::1"}"# => [("#/mail", "email")];
        r#"{"mail":"a@b.cc","site":"b"}"# => [("#/site", "ip")];
        r#"{"min":1,"max":2}"# => [("#/min", "range"), ("#/max", "range")];
        r#"{"min":1,"pairs":4}"# => [("#/min", "range")];
        r#"{"pairs":3,"min":11,"max":13}"# => [("#/pairs", "custom")];
        r#"{"labels":["a","b"],"marks":[1]}"# => [("#/labels", "length")];
        r#"{"labels":["a"],"marks":[1,2]}"# => [("#/marks", "length")];
        r#"{"from":{"town":"Rome"},"to":{"town":"R"}}"# => [("#/to/town", "length")];
        r#"{"from":{"town":"R"},"to":{"town":"R"}}"# => [("#/to/town", "length"), ("#/from/town", "length")];
        r#"{"title":"Ada","mail":"a@b.cc"}"# => [("#/title", "prefix")];
        // Nothing that is tried is a color: the place is the object.
        r#"{"paint":"blue","mail":"a@b.cc"}"# => [("#", "custom")];
    }
    let form = Request::post("/")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("min=11&max=2&mail=a&pairs=4"))
        .unwrap();
    let (status, errors) = answer::<Form<RenamedFields>>(form).await;
    assert_eq!(status, 422);
    let names: Vec<_> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["name"])
        .collect();
    assert_eq!(names, ["mail", "max"]);
}

#[tokio::test]
async fn a_name_that_is_given_is_that_of_the_field() {
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(r#"{"paint":"blue","mail":"a@b.cc"}"#))
        .unwrap();
    let layer = with_validation::<Json<RenamedFields>>().field_name("hue", "paint");
    let response = common::send(&layer, request).await;
    let problem = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["pointer"], "#/paint");
}

#[derive(Deserialize, Validate)]
struct Flat {
    #[serde(flatten)]
    #[garde(dive)]
    address: Address2,
    #[garde(length(min = 2))]
    name: String,
}

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
struct Address2 {
    #[garde(length(min = 2))]
    city_name: String,
}

#[tokio::test]
async fn a_flattened_field_is_where_the_client_sent_it() {
    assert_places! { Flat:
        r#"{"cityName":"R","name":"Ada"}"# => [("#/cityName", "length")];
        r#"{"cityName":"Rome","name":"A"}"# => [("#/name", "length")];
        r#"{"name":"Ada"}"# => [("#/cityName", "missing_field")];
    }
}

#[derive(Deserialize, Validate)]
struct Circle {
    #[garde(range(min = 1))]
    radius: u32,
}

#[derive(Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
enum External {
    Circle(#[garde(dive)] Circle),
    Square {
        #[garde(range(min = 1))]
        side: u32,
    },
}

#[derive(Deserialize, Validate)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Internal {
    Circle(#[garde(dive)] Circle),
    Square {
        #[garde(range(min = 1))]
        side: u32,
    },
}

#[derive(Deserialize, Validate)]
#[serde(tag = "type", content = "content", rename_all = "snake_case")]
enum Adjacent {
    Circle(#[garde(dive)] Circle),
    Square {
        #[garde(range(min = 1))]
        side: u32,
    },
}

#[derive(Deserialize, Validate)]
#[serde(untagged)]
enum Untagged {
    Circle(#[garde(dive)] Circle),
    Many(#[garde(inner(range(min = 1)))] Vec<u32>),
}

#[derive(Deserialize, Validate)]
struct Shapes<T: Validate<Context = ()>> {
    #[garde(dive)]
    shapes: Vec<T>,
}

#[tokio::test]
async fn a_pointer_goes_on_inside_the_variant_of_an_enum() {
    assert_places! { Shapes<External>:
        r#"{"shapes":[{"circle":{"radius":1}},{"circle":{"radius":0}}]}"# => [("#/shapes/1/circle/radius", "range")];
        r#"{"shapes":[{"square":{"side":0}}]}"# => [("#/shapes/0/square/side", "range")];
        r#"{"shapes":[{"square":{"side":"x"}}]}"# => [("#/shapes/0/square/side", "type")];
        r#"{"shapes":[{"oval":1}]}"# => [("#/shapes/0", "unknown_variant")];
    }
    assert_places! { Shapes<Internal>:
        r#"{"shapes":[{"type":"circle","radius":0}]}"# => [("#/shapes/0/radius", "range")];
        r#"{"shapes":[{"type":"square","side":0}]}"# => [("#/shapes/0/side", "range")];
        r#"{"shapes":[{"type":"oval"}]}"# => [("#/shapes/0/type", "unknown_variant")];
    }
    assert_places! { Shapes<Adjacent>:
        r#"{"shapes":[{"type":"circle","content":{"radius":0}}]}"# => [("#/shapes/0/content/radius", "range")];
        r#"{"shapes":[{"type":"square","content":{"side":0}}]}"# => [("#/shapes/0/content/side", "range")];
    }
    assert_places! { Shapes<Untagged>:
        r#"{"shapes":[{"radius":0}]}"# => [("#/shapes/0/radius", "range")];
        r#"{"shapes":[[1,0]]}"# => [("#/shapes/0/1", "range")];
        r#"{"shapes":["x"]}"# => [("#/shapes/0", "unknown_variant")];
    }
}

#[tokio::test]
async fn no_name_of_rust_reaches_a_client() {
    let bodies = [
        "1",
        "[]",
        "null",
        "{}",
        r#"{"shapes":{}}"#,
        r#"{"shapes":[1]}"#,
        r#"{"shapes":[null]}"#,
        r#"{"shapes":[{"circle":1}]}"#,
        r#"{"shapes":[{"square":[]}]}"#,
        r#"{"shapes":[{"type":1}]}"#,
        r#"{"shapes":[{"type":"circle","content":[]}]}"#,
        r#"{"shapes":[[]]}"#,
        r#"{"shapes":["circle"]}"#,
        r#"{"shapes":[{"circle":{"radius":-1}}]}"#,
        r#"{"shapes":[{"circle":{"radius":1.5}}]}"#,
    ];
    let names = [
        "Shapes", "External", "Internal", "Adjacent", "Untagged", "Circle", "Square", "struct",
        "enum", "u32", "tuple", "newtype", "variant ", "usize",
    ];
    for body in bodies {
        let request = || {
            Request::post("/")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body))
                .unwrap()
        };
        for (_, errors) in [
            answer::<Json<Shapes<External>>>(request()).await,
            answer::<Json<Shapes<Internal>>>(request()).await,
            answer::<Json<Shapes<Adjacent>>>(request()).await,
            answer::<Json<Shapes<Untagged>>>(request()).await,
        ] {
            let details = errors.as_array().into_iter().flatten();
            for detail in details.map(|error| error["detail"].to_string()) {
                let words = detail.replace("unknown variant ", "");
                assert!(
                    !names.iter().any(|name| words.contains(name)),
                    "{body}: {detail}"
                );
            }
        }
    }
}

/// How a number and a text of a query are read in a flattened struct.
#[derive(Debug, Deserialize, Validate)]
#[expect(dead_code, reason = "it is printed")]
struct Listing {
    #[serde(flatten)]
    #[garde(dive)]
    page: Page,
    #[garde(skip)]
    #[serde(default)]
    q: String,
}

#[derive(Debug, Deserialize, Validate)]
#[expect(dead_code, reason = "it is printed")]
struct Page {
    #[garde(range(max = 100))]
    page: u32,
    #[garde(skip)]
    exact: Option<bool>,
    #[garde(skip)]
    zip: String,
}

#[tokio::test]
async fn texts_in_a_flattened_struct_become_what_the_type_asks_for() {
    let query = |query: &str| {
        common::get(&format!("/?{query}"))
            .body(common::empty())
            .unwrap()
    };
    let cases = [
        ("page=2&zip=02134", 200, Value::Null),
        ("zip=2&page=2&exact=true&q=2", 200, Value::Null),
        ("page=2&zip=2&exact=true&q=true", 200, Value::Null),
        ("page=200&zip=2", 422, json!("page")),
        ("page=x&zip=2", 422, Value::Null),
        ("page=2", 422, json!("zip")),
    ];
    for (text, status, name) in cases {
        let (found, errors) = answer::<Query<Listing>>(query(text)).await;
        assert_eq!(found, status, "{text}: {errors}");
        assert_eq!(errors[0]["name"], name, "{text}: {errors}");
    }
    // Texts stay texts, whatever they look like.
    let layer = with_validation::<Query<Listing>>();
    let request = query("page=2&zip=2");
    let zip = common::send_to(&layer, request, |mut request| async move {
        let listing = <wythe::Valid<Query<Listing>> as wythe::Provided>::from_extensions(
            request.extensions_mut(),
        );
        Ok(http::Response::new(
            format!("{:?}", listing.unwrap().into_inner().0).into(),
        ))
    });
    let text = String::from_utf8(zip.await.body().to_vec()).unwrap();
    assert_eq!(
        text,
        r#"Listing { page: Page { page: 2, exact: None, zip: "2" }, q: "" }"#
    );
}

#[tokio::test]
async fn numbers_are_read_as_json_schema_does() {
    #[derive(Deserialize, Validate)]
    #[garde(allow_unvalidated)]
    #[expect(dead_code, reason = "it is only read")]
    struct Numbers {
        count: u8,
        #[serde(default)]
        ratio: f64,
    }
    let json = |body: &'static str| {
        let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
        request.body(Body::from(body)).unwrap()
    };
    let cases = [
        (r#"{"count":89}"#, 200),
        (r#"{"count":89.0}"#, 200),
        (r#"{"count":8.9e1}"#, 200),
        (r#"{"count":89.5}"#, 422),
        (r#"{"count":256.0}"#, 422),
        (r#"{"count":-1}"#, 422),
        (r#"{"count":"1"}"#, 422),
        (r#"{"count":1e400}"#, 400),
        (r#"{"count":1,"ratio":1}"#, 200),
        ("\u{feff}{\"count\":1}", 400),
        (r#"{"count":1} x"#, 400),
        (r#"{"count":89.0} x"#, 400),
        (r#"{"count":89.0}{"count":1}"#, 400),
        (r#"{"count":89.0"#, 400),
        (r#"{"count":"x""#, 400),
        (r#"{"count":"x"} x"#, 400),
        (r#"{"count":89.0}  "#, 200),
        (r#"{"count":1}  "#, 200),
        (r#"{"count":1,"count":1}"#, 422),
        ("", 400),
    ];
    for (body, status) in cases {
        assert_eq!(
            answer::<Json<Numbers>>(json(body)).await.0,
            status,
            "{body}"
        );
    }
    let form = |body: &'static str| {
        let request =
            Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(Body::from(body)).unwrap()
    };
    let cases = [
        ("count=89", 200),
        ("count=%2B5", 422),
        ("count=5.0", 422),
        ("count=", 422),
        ("count=5&ratio=0.5", 200),
        ("count=5&ratio=inf", 422),
        ("count=5&ratio=NaN", 422),
        ("count=5&ratio=%2B1", 422),
        ("count=5&ratio=.5", 422),
        ("count=5&ratio=5.", 422),
        ("count=5&ratio=-.5", 422),
        ("count=5&ratio=1e", 422),
        ("count=5&ratio=1e400", 422),
        ("count=05&ratio=-00.50", 200),
        ("count=5&ratio=1E%2B2", 200),
        ("count=5&ratio=1e-2", 200),
    ];
    for (body, status) in cases {
        assert_eq!(
            answer::<Form<Numbers>>(form(body)).await.0,
            status,
            "{body}"
        );
    }
}
