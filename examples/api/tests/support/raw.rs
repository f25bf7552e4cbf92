//! Bytes that no client library would send.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Api;

/// A raw connection, without an HTTP client.
pub struct Raw(TcpStream);

impl Api {
    pub async fn raw(&self) -> Raw {
        Raw(TcpStream::connect(&self.address).await.unwrap())
    }

    /// Sends these bytes, and returns the response until the server closes the connection.
    pub async fn send_raw(&self, request: impl AsRef<[u8]>) -> String {
        let mut raw = self.raw().await;
        raw.write(request.as_ref()).await.unwrap();
        raw.rest().await
    }
}

impl Raw {
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Reads until the server closes the connection, which it must do soon.
    pub async fn rest(&mut self) -> String {
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(60), self.0.read_to_end(&mut answer));
        // A reset after the response counts as a close.
        let _: io::Result<usize> = read.await.expect("the server closes the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Checks that the bytes are an HTTP/1.1 response with this status and a problem.
#[track_caller]
pub fn problem(response: &str, status: u16) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((response, ""));
    assert!(
        head.starts_with(&format!("HTTP/1.1 {status} ")),
        "{response:?}"
    );
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/problem+json"),
        "{response:?}"
    );
    let json: serde_json::Value = serde_json::from_str(body).expect("a problem is JSON");
    assert_eq!(json["status"], status);
}
