//! An identity provider on a free loopback port, that answers as badly as it is told to.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    answers: Mutex<HashMap<String, Answer>>,
    requests: Mutex<Vec<String>>,
    written: AtomicUsize,
}

/// What is written to a connection, and then.
#[derive(Clone)]
pub(crate) enum Answer {
    Closes(Vec<u8>),
    Hangs(Vec<u8>),
    /// The last part again and again.
    Repeats(Vec<u8>, Vec<u8>),
}

impl Answer {
    /// 200 with this body.
    pub(crate) fn ok(body: &str) -> Self {
        Self::with("200 OK", "content-type: application/json", body)
    }

    pub(crate) fn with(status: &str, field: &str, body: &str) -> Self {
        let length = body.len();
        Self::Closes(
            format!(
                "HTTP/1.1 {status}\r\n{field}\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }
}

impl Provider {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self(Arc::new(Inner {
            address: listener.local_addr().unwrap(),
            answers: Mutex::default(),
            requests: Mutex::default(),
            written: AtomicUsize::new(0),
        }));
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (provider, tls) = (serving.clone(), tls.clone());
                tokio::spawn(async move {
                    // A client that breaks off is part of the tests.
                    let _broken_off = match tls {
                        None => provider.serve(stream).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => provider.serve(stream).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        provider
    }

    pub(crate) fn authority(&self) -> String {
        self.0.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.address)
    }

    pub(crate) fn answers(&self, path: &str, answer: Answer) {
        let mut answers = self.0.answers.lock().unwrap();
        answers.insert(path.to_owned(), answer);
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.0.requests.lock().unwrap().clone()
    }

    /// The bytes that were written so far.
    pub(crate) fn written(&self) -> usize {
        self.0.written.load(Ordering::SeqCst)
    }

    async fn serve<S>(&self, mut stream: S) -> std::io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
            // As servers do with anything but HTTP, such as a TLS handshake.
            if !head[0].is_ascii_uppercase() {
                let refusal = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
                return self.write(&mut stream, refusal).await;
            }
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.0.requests.lock().unwrap().push(head);
        let answer = self.0.answers.lock().unwrap().get(&path).cloned();
        let missing = || Answer::with("404 Not Found", "x-a: b", "");
        match answer.unwrap_or_else(missing) {
            Answer::Closes(bytes) => {
                self.write(&mut stream, &bytes).await?;
                stream.shutdown().await
            }
            Answer::Hangs(bytes) => {
                self.write(&mut stream, &bytes).await?;
                std::future::pending().await
            }
            Answer::Repeats(bytes, again) => {
                self.write(&mut stream, &bytes).await?;
                loop {
                    self.write(&mut stream, &again).await?;
                }
            }
        }
    }

    async fn write<S: AsyncWrite + Unpin>(&self, to: &mut S, bytes: &[u8]) -> std::io::Result<()> {
        to.write_all(bytes).await?;
        to.flush().await?;
        self.0.written.fetch_add(bytes.len(), Ordering::SeqCst);
        Ok(())
    }
}
