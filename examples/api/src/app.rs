//! The API: its routes, each with its stack, and the layers around all of them.

use std::time::Duration;

use axum::{
    Json,
    extract::Query,
    http::{HeaderName, Method, header},
};
use wythe::{
    Api, Auth, CacheControl, Compression, ConfigError, Cors, Csrf, Deadline, Decompression,
    FinishedApi, HttpsOnly, Idempotency, JsonOrForm, Metrics, RequestIds, SecurityHeaders, Timeout,
    Trace,
    api::{
        DocsPage,
        openapi::{Documented, OpenApi, Parameter},
    },
    assume, compose,
    idempotency::Tasks,
    presentation::HtmlTemplate,
    security_headers::Hsts,
    webhook::MemoryWebhookStore,
    with_auth, with_body_limit, with_cache_control, with_client_ip, with_compression, with_cors,
    with_csrf, with_decompression, with_drain, with_hosts, with_https_only, with_idempotency,
    with_metrics, with_multipart, with_presentation, with_rate_limit, with_request_id,
    with_security_headers, with_timeout, with_trace, with_validation, with_webhook,
};

use crate::{
    admin,
    auth::{self, Claims},
    contact::{self, Message},
    document::document,
    feedback::{self, NewFeedback},
    payments::{self, NewPayment},
    public::{data, docs, hello, posts, search},
    serve::TimeLimits,
    state::AppState,
    stripe::{self, StripeEvent},
    upload::{self, NewFile},
    users, weather, web,
};

/// The only web page whose scripts may call this API.
pub(crate) const ORIGIN: &str = "http://localhost:5173";

/// Where the OpenAPI document is.
const DOCUMENT: &str = "/api/openapi.json";

/// The version of the API.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Routes, each of which knows the user who calls it, or is public and says why.
pub type Routes = FinishedApi<Auth<Claims>, AppState, Documented>;

/// The API.
#[derive(Debug)]
pub struct App {
    /// All routes.
    pub routes: Routes,
    /// What the routes say, except for those of the document itself.
    pub document: OpenApi,
    /// Payments that are being made, also of clients that have gone.
    pub payments: Tasks,
}

/// Puts the API together.
pub fn app(state: &AppState, limits: &TimeLimits) -> Result<App, ConfigError> {
    let cors = Cors::origins([ORIGIN])?
        .credentials()
        .methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])?
        .headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
        ])?
        .exposed_headers([header::ETAG, HeaderName::from_static("x-request-id")])?;
    // One route is for pages of every origin, which send no cookies. Where no route is known, both
    // policies act, and the outer one has the last word.
    let site_cors = with_cors(cors.clone()).except_routes([data::PATH])?;
    let data_cors = with_cors(Cors::any()).only_routes([data::PATH])?;
    // The page that may read responses may also act as its user; no other page may.
    let csrf = Csrf::same_origin().trust_origins(cors.named_origins())?;
    let tokens = &state.tokens;
    let client_ip = with_client_ip(state.client_ip.clone());

    // A proxy says whether its clients use TLS. A request without its field is taken to come from this machine:
    // bind the server to a loopback address, or remove the condition.
    let https_only = with_https_only(HttpsOnly::by(state.transport.clone()))
        .when(|head| head.headers().contains_key("x-forwarded-proto"));
    let day = Hsts::max_age(Duration::from_secs(24 * 60 * 60))?;
    let for_data = SecurityHeaders::api().hsts(day, state.transport.clone());
    let for_page = SecurityHeaders::html().content_security_policy(&web::policy())?;
    let for_page = with_security_headers(for_page).when(|head| web::is_file(head.path()));

    let minute = Duration::from_secs(60);
    let in_a_cdn = CacheControl::public()
        .s_maxage(minute)
        .stale_while_revalidate(Duration::from_secs(300));
    let in_a_cdn = compose((with_cache_control(in_a_cdn),));
    let cached = compose((with_cache_control(CacheControl::public().max_age(minute)),));
    let always_fresh = compose((with_cache_control(CacheControl::public().no_cache()),));
    let search = compose((with_validation::<Query<search::Search>>(),));
    let weather = compose((
        // It is around every route.
        assume::<Deadline>(),
        client_ip.clone(),
        with_rate_limit(
            state
                .rate_limits
                .per_minute(60)
                .named("weather")
                .by_client_ip()?,
        ),
        with_validation::<Query<weather::Place>>(),
    ));
    let directory = compose((
        client_ip.clone(),
        with_rate_limit(
            state
                .rate_limits
                .per_minute(600)
                .named("directory")
                .by_client_ip()?,
        ),
    ));
    let contact = compose((
        client_ip.clone(),
        with_rate_limit(
            state
                .rate_limits
                .per_hour(30)
                .named("contact")
                .by_client_ip()?,
        ),
        with_csrf(csrf.clone()),
        with_body_limit(limits.body(64 * 1024)?),
        with_decompression(Decompression::gzip().max_bytes(64 * 1024)),
        // A character of the message is up to 12 bytes of JSON: `\ud83d\ude0d`.
        with_validation::<JsonOrForm<Message>>().max_body_bytes(64 * 1024),
    ));

    let feedback = compose((
        client_ip.clone(),
        with_rate_limit(
            state
                .rate_limits
                .per_hour(30)
                .named("feedback")
                .by_client_ip()?,
        ),
        with_csrf(csrf.clone()),
        with_body_limit(limits.body(64 * 1024)?),
        with_validation::<JsonOrForm<NewFeedback>>().max_body_bytes(64 * 1024),
    ));
    let upload = compose((
        client_ip.clone(),
        with_rate_limit(
            state
                .rate_limits
                .per_hour(30)
                .named("uploads")
                .by_client_ip()?,
        ),
        with_csrf(csrf.clone()),
        with_body_limit(limits.body(6 * 1024 * 1024)?),
        with_multipart::<NewFile>(upload::options()?),
    ));

    let once = with_idempotency(
        Idempotency::in_memory()
            .by_principal(|claims: &Claims| &claims.sub.0)
            .required()
            .max_body_bytes(4 * 1024),
    );
    let payments = once.inner().tasks();
    let pay = compose((
        client_ip.clone(),
        with_rate_limit(
            state
                .rate_limits
                .per_hour(100)
                .named("payments")
                .by_client_ip()?,
        ),
        with_csrf(csrf.clone()),
        with_auth(tokens.jwt()),
        with_body_limit(limits.body(4 * 1024)?),
        once,
        with_validation::<Json<NewPayment>>(),
    ));
    let stripe = compose((
        client_ip.clone(),
        with_rate_limit(
            state
                .rate_limits
                .per_minute(600)
                .named("webhooks")
                .by_client_ip()?,
        ),
        with_body_limit(limits.body(64 * 1024)?),
        with_webhook::<StripeEvent>(state.stripe.clone()).once(MemoryWebhookStore::default()),
    ));

    let page = HtmlTemplate::new(
        "<!doctype html><html lang=\"en\"><title>{{title}}</title><h1>{{status}} {{title}}</h1>\
         <p>{{detail}}</p></html>",
    )?;
    let hello = hello::versions()?;
    let api = Api::new("Example", VERSION)
        .around(compose((
            with_metrics(Metrics::new()),
            with_request_id(RequestIds::new()),
            with_trace(Trace::new()),
            site_cors,
            data_cors,
            with_security_headers(for_data),
            // It is set first.
            for_page,
            // No response that repeats a part of its request has a secret: one that did would be excluded with
            // `NotCompressed`.
            with_compression(Compression::gzip()),
            // Panics become problems too.
            with_presentation().html(page),
            with_drain(state.drain.clone()),
            with_hosts(state.hosts.clone()),
            https_only,
            with_timeout(Timeout::after(limits.answer)?),
        )))
        .documented()
        .public("the answers are the same for everybody", |open| {
            open.get("/api/hello", in_a_cdn.handler(hello::say_hello).tag("Public"))
                .get(
                    data::PATH,
                    in_a_cdn
                        .handler(data::show_data)
                        .tag("Public")
                        .description("Pages of every origin may read it."),
                )
                .get(
                    "/api/posts/{user_id}/{post_id}",
                    cached
                        .handler(posts::show_post)
                        .tag("Public")
                        .description("Sends back the two ids of the path."),
                )
                .get(
                    "/api/docs/{*path}",
                    cached
                        .handler(docs::show_doc)
                        .tag("Public")
                        .summary("Show document")
                        .description("Sends back the path of the document."),
                )
                .get(
                    "/api/search",
                    search
                        .handler(search::search)
                        .tag("Public")
                        .description("Sends back what was searched for."),
                )
        })
        .public("what other servers know of everybody", |open| {
            open.get(
                "/api/proxy/users/{id}",
                directory
                    .handler(state.directory.0.clone())
                    .tag("Public")
                    .operation_id("show_directory_user")
                    .summary("Show user of the directory")
                    .description("Forwards to the directory, another server.")
                    .parameter(Parameter::path::<u32>("id")),
            )
            .get(
                "/api/weather",
                weather
                    .handler(weather::show_weather)
                    .tag("Public")
                    .description("Asks another server for the weather of a city."),
            )
        })
        .public("the greetings are the same for everybody", |open| {
            open.nest("/api", hello)
        })
        .public("visitors without an account can write to us", |open| {
            open.post(
                "/api/contact",
                contact.handler(contact::send_message).tag("Public"),
            )
            .post(
                "/api/feedback",
                feedback.handler(feedback::give_feedback).tag("Public"),
            )
            .post(
                "/api/upload",
                upload
                    .handler(upload::upload_file)
                    .tag("Public")
                    .description("Takes a PNG, a JPEG, a PDF or a plain text of at most 5 MiB."),
            )
        })
        .post(
            "/api/payments",
            pay.handler(payments::make_payment)
                .tag("Payments")
                .description("Makes a payment, once for each key."),
        )
        .public("events are signed", |open| {
            open.post(
                "/api/webhooks/stripe",
                stripe
                    .handler(stripe::receive_event)
                    .request_body::<StripeEvent>("application/json")
                    .tag("Webhooks")
                    .summary("Receive event of Stripe")
                    .description(
                        "Only `payment_intent.succeeded` and `payment_intent.payment_failed` have an \
                         effect. An event that is sent again has none.",
                    ),
            )
        })
        .nest("/api", auth::api(state, &csrf, limits)?)
        .nest("/api/users", users::api(state, &csrf, limits)?)
        .nest("/api/admin", admin::api(tokens, &csrf)?);
    let document = document(&api);
    let routes = api.public("what the API does is not a secret", |open| {
        open.get(DOCUMENT, cached.handler(document.handler()))
            .docs_page("/docs", DocsPage::new(DOCUMENT).title("Example API"))
    });
    let routes = match &state.web_page {
        Some(page) => routes.public("users sign in on the page", |open| {
            open.undocumented("people open it in a browser", |open| {
                open.get("/", always_fresh.handler(page.index.handler()))
                    .get("/app.js", always_fresh.handler(page.script.handler()))
                    .get("/styles.css", always_fresh.handler(page.styles.handler()))
            })
        }),
        None => routes,
    };
    Ok(App {
        routes: routes.finish(),
        document,
        payments,
    })
}
