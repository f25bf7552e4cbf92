//! WebSocket connections: the handshake is forwarded, and then bytes in both directions.

use std::{
    io,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Method, Version, header, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional},
    time::timeout,
};

/// Whether a request begins a WebSocket connection (RFC 6455, section 4.1): no other protocol is
/// forwarded.
pub(super) fn is_handshake(head: &Parts) -> bool {
    head.version == Version::HTTP_11 && head.method == Method::GET && is_upgrade(&head.headers)
}

/// `Connection: upgrade` and `Upgrade: websocket`, and nothing else in `Upgrade`.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    let mut connection = headers.get_all(header::CONNECTION).iter();
    let mut upgrade = headers.get_all(header::UPGRADE).iter();
    let only = (upgrade.next(), upgrade.next());
    let is_websocket = |line: &HeaderValue| line.as_bytes().eq_ignore_ascii_case(b"websocket");
    matches!(only, (Some(line), None) if is_websocket(line))
        && connection.any(|line| {
            let mut names = line.as_bytes().split(|byte| *byte == b',');
            names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}

/// The fields of the connection that the handshake needs, in both directions.
pub(super) fn write_upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Copies bytes between client and upstream until one of them closes, or both are silent for too long.
pub(super) async fn run(client: OnUpgrade, upstream: OnUpgrade, idle: Duration) {
    // The client may be gone, or may have got another response from a layer further out.
    let (Ok(Ok(client)), Ok(upstream)) = (timeout(idle, client).await, upstream.await) else {
        return;
    };
    let is_active = AtomicBool::new(false);
    let watch = |io| Watched {
        io: TokioIo::new(io),
        is_active: &is_active,
    };
    let (mut client, mut upstream) = (watch(client), watch(upstream));
    let mut copies = pin!(copy_bidirectional(&mut client, &mut upstream));
    while timeout(idle, &mut copies).await.is_err() {
        if !is_active.swap(false, Ordering::Relaxed) {
            return;
        }
    }
}

/// A connection that notes when bytes arrive.
struct Watched<'a> {
    io: TokioIo<Upgraded>,
    is_active: &'a AtomicBool,
}

impl AsyncRead for Watched<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if read.is_ready() {
            self.is_active.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
