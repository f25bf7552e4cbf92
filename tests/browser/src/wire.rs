//! WebDriver commands: JSON over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Longer than the driver itself waits for a browser to start, or for a script.
const ANSWER: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct Wire {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

impl Wire {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: format!("http://127.0.0.1:{port}/session"),
        }
    }

    /// From here on, commands are for this session.
    pub(crate) fn enter(&mut self, session: &str) {
        self.base = format!("{}/{session}", self.base);
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.send(Method::POST, path, body.to_string().into()).await
    }

    /// Sends a command. An error is the driver's message.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Value, String> {
        let command = format!("{method} {path}");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(Full::new(body))
            .unwrap();
        let answer = async {
            let response = self.client.request(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, body)
        };
        let answer = tokio::time::timeout(ANSWER, answer).await;
        let (status, body) = answer.unwrap_or_else(|_| panic!("no answer to {command}"));
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        let value = answer["value"].take();
        if status.is_success() {
            return Ok(value);
        }
        let (error, message) = (&value["error"], &value["message"]);
        Err(format!("{command}: {error}: {message}"))
    }
}
