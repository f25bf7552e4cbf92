//! What an `Api` tells of a route that is forwarded.

use wythe::{Api, compose, proxy, proxy::Upstream};

fn upstream() -> Upstream {
    Upstream::new("http://127.0.0.1:4000").unwrap()
}

#[test]
fn the_description_of_the_handler_is_the_last_one() {
    let users = upstream().path("/users/{id}").unwrap();
    let handled: wythe::Handled<_, (), _, _, _> = compose(()).handler(proxy(users).unwrap());
    let (stage, description) = handled.describe().pop().unwrap();
    assert_eq!((stage, description.name()), ("Handler", "proxy"));
    let answers: Vec<_> = description
        .answers()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        answers,
        [
            "502 when the upstream can't be reached, or its response is not valid",
            "504 when the upstream does not respond within 30s",
            "400 when a parameter of the path could lead to another path",
        ]
    );
    assert!(
        handled.to_string().contains("proxy  Handler  502 when"),
        "{handled}"
    );
}

#[test]
fn a_parameter_that_the_route_lacks_and_an_unlimited_body_are_findings() {
    let users = || compose(()).handler(proxy(upstream().path("/users/{id}").unwrap()).unwrap());
    let find = |api: wythe::FinishedApi<()>| {
        let error = api.service(()).map(drop).unwrap_err();
        error.to_string()
    };
    let found = find(
        Api::new("Users", "1")
            .get("/users/{user}", users())
            .finish(),
    );
    assert!(
        found.contains("`proxy` reads the path parameter `id`"),
        "{found}"
    );
    let found = find(Api::new("Users", "1").put("/users/{id}", users()).finish());
    assert!(found.contains("may read a body of any size"), "{found}");
}

#[cfg(feature = "openapi")]
#[test]
fn the_document_and_the_audit_show_the_answers() {
    let users = compose(()).handler(proxy(upstream().path("/users/{id}").unwrap()).unwrap());
    let api = Api::<()>::new("Users", "1")
        .documented()
        .get("/users/{id}", users);
    let audit = api.audit().to_string();
    assert!(audit.contains("502") && audit.contains("504"), "{audit}");
    let document = serde_json::to_value(api.openapi()).unwrap();
    let responses = &document["paths"]["/users/{id}"]["get"]["responses"];
    for status in ["400", "502", "504"] {
        assert!(responses[status].is_object(), "{responses}");
    }
}

#[cfg(all(feature = "openapi", feature = "validation"))]
#[test]
fn the_document_has_the_schema_of_each_input_in_front_of_the_handler() {
    use wythe::{Json, Query, with_validation};

    #[derive(serde::Deserialize, garde::Validate, schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Page {
        #[garde(skip)]
        page: u32,
    }

    #[derive(serde::Deserialize, garde::Validate, schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct NewUser {
        #[garde(skip)]
        name: String,
    }

    let stack = compose((
        with_validation::<Query<Page>>(),
        with_validation::<Json<NewUser>>(),
    ));
    let users = stack.handler(proxy(upstream().path("/users").unwrap()).unwrap());
    let api = Api::<()>::new("Users", "1")
        .documented()
        .post("/users", users);
    let document = serde_json::to_value(api.openapi()).unwrap();
    let create = &document["paths"]["/users"]["post"];
    assert_eq!(create["parameters"][0]["name"], "page", "{create}");
    let body = &create["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/NewUser", "{create}");
}
