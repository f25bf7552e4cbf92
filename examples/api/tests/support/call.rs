//! One request.

use bytes::Bytes;
use http::{Method, Request, Response, request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use serde_json::Value;
use tokio::sync::OnceCell;
use wythe::testing::Holding;

use super::{
    answer::{Answer, Jar},
    application,
};

/// Compares the responses with the document.
static HOLDING: OnceCell<Holding> = OnceCell::const_new();

pub struct Call {
    client: Client<HttpConnector, Full<Bytes>>,
    request: request::Builder,
    body: Bytes,
}

impl Call {
    pub fn new(client: Client<HttpConnector, Full<Bytes>>, method: Method, uri: &str) -> Self {
        Self {
            client,
            request: Request::builder().method(method).uri(uri),
            body: Bytes::new(),
        }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub fn cookie(self, token: &str) -> Self {
        self.header("cookie", format!("theme=dark; token={token}"))
    }

    /// Sends both cookies.
    pub fn jar(self, jar: &Jar) -> Self {
        let Jar {
            access, refresh, ..
        } = jar;
        self.header("cookie", format!("token={access}; refresh={refresh}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub fn form(self, body: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned())
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it, and reads the whole response, which has to be as in the document.
    pub async fn send(self) -> Answer {
        let request = self.request.body(Full::new(self.body)).unwrap();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = self.client.request(request).await.expect("an answer");
        let version = response.version();
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let holding = HOLDING.get_or_init(|| async { Holding::new(&application().await.document) });
        let response = Response::from_parts(head, body);
        holding.await.check(&method, &uri, &response);
        let (head, body) = response.into_parts();
        Answer {
            version,
            status: head.status,
            headers: head.headers,
            body,
        }
    }
}
