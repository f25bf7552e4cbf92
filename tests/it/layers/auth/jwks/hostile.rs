//! A provider over HTTP that answers slowly, too much, or something else.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use http::StatusCode;
use wythe::{Jwks, auth::JwksError};

use super::{
    provider::{Answer, Provider},
    set,
    signer::Signer,
    status,
};

const SHORT: Duration = Duration::from_millis(300);

async fn fetched(answer: Answer) -> (Result<(), JwksError>, Provider) {
    let provider = Provider::start().await;
    provider.answers("/keys", answer);
    let keys = Jwks::url(provider.url("/keys")).unwrap();
    let fetched = keys.timeout(SHORT).unwrap().prefetch().await;
    (fetched, provider)
}

#[tokio::test]
async fn fetches_keys_over_http_with_a_user_agent() {
    let signer = Signer::p256("a");
    let provider = Provider::start().await;
    provider.answers("/keys?tenant=7", Answer::ok(&set(&[signer.jwk()])));
    let keys = Jwks::url(provider.url("/keys?tenant=7")).unwrap();
    assert_eq!(status(&keys, &signer.token()).await, 200);
    assert_eq!(status(&keys, &Signer::p256("b").token()).await, 401);
    let requests = provider.requests();
    assert_eq!(requests.len(), 1);
    let head = requests[0].to_ascii_lowercase();
    let expected = [
        "get /keys?tenant=7 http/1.1\r\n".to_owned(),
        format!("\r\nhost: {}\r\n", provider.authority()),
        "\r\naccept: application/json, application/jwk-set+json\r\n".to_owned(),
        "\r\nuser-agent: wythe/".to_owned(),
    ];
    for line in expected {
        assert!(head.contains(&line), "{head}");
    }
}

#[tokio::test]
async fn respects_the_freshness_of_a_response() {
    let signer = Signer::p256("a");
    let provider = Provider::start().await;
    let answer = |field| Answer::with("200 OK", field, &set(&[signer.jwk()]));
    provider.answers("/keys", answer("cache-control: max-age=1"));
    let keys = Jwks::url(provider.url("/keys")).unwrap();
    let second = Duration::from_secs(1);
    let keys = keys.fresh_within(second..=second).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while provider.requests().len() < 2 {
        assert_eq!(status(&keys, &signer.token()).await, 200);
        assert!(Instant::now() < deadline, "the keys never grow stale");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn other_statuses_than_200_fail_and_redirects_are_not_followed() {
    let good = set(&[Signer::p256("a").jwk()]);
    for (status, code) in [
        ("204 No Content", 204),
        ("206 Partial Content", 206),
        ("301 Moved Permanently", 301),
        ("302 Found", 302),
        ("307 Temporary Redirect", 307),
        ("404 Not Found", 404),
        ("500 Internal Server Error", 500),
        ("503 Service Unavailable", 503),
    ] {
        let body = if code == 204 { "" } else { good.as_str() };
        let answer = Answer::with(status, "location: /elsewhere", body);
        let (fetched, provider) = fetched(answer).await;
        let error = fetched.unwrap_err();
        let JwksError::Status(found) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*found, StatusCode::from_u16(code).unwrap());
        assert_eq!(
            error.to_string().contains("redirect"),
            found.is_redirection()
        );
        assert_eq!(provider.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let chunk = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let lying = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    for (head, again) in [
        (chunked, chunk),
        (lying, vec![b' '; 0x4000]),
        (endless, vec![b' '; 0x4000]),
    ] {
        let provider = Provider::start().await;
        provider.answers("/keys", Answer::Repeats(head, again));
        let keys = Jwks::url(provider.url("/keys")).unwrap();
        let error = keys.prefetch().await.unwrap_err();
        assert!(matches!(error, JwksError::TooLong(1_048_576)), "{error:?}");
        // What lies in the buffers of the system comes on top.
        assert!(
            provider.written() < 16 * 1_048_576,
            "{}",
            provider.written()
        );
    }
    let body = set(&[Signer::p256("a").jwk()]);
    let body = format!("{body}{}", " ".repeat(2_048 - body.len()));
    for (limit, fits) in [(2_047, false), (2_048, true)] {
        let provider = Provider::start().await;
        provider.answers("/keys", Answer::ok(&body));
        let keys = Jwks::url(provider.url("/keys")).unwrap();
        let fetched = keys.max_length(limit).unwrap().prefetch().await;
        assert_eq!(fetched.is_ok(), fits, "{limit}: {fetched:?}");
    }
}

#[tokio::test]
async fn a_fetch_that_hangs_anywhere_times_out() {
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":".to_vec();
    for until in [0, 10, 30, whole.len()] {
        let start = Instant::now();
        let (fetched, _provider) = fetched(Answer::Hangs(whole[..until].to_vec())).await;
        let error = fetched.unwrap_err();
        assert!(
            matches!(error, JwksError::TimedOut(SHORT)),
            "{until}: {error:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_closed_connection_and_garbage_fail() {
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":".to_vec();
    for until in [0, 10, 30, whole.len()] {
        let (fetched, _) = fetched(Answer::Closes(whole[..until].to_vec())).await;
        let error = fetched.unwrap_err();
        assert!(
            matches!(error, JwksError::Transport(_)),
            "{until}: {error:?}"
        );
    }
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.9\r\n"[..],
        b"\0\xff\r\n\r\n",
        b"\x15\x03\x01\0\x02\x02\x46",
    ] {
        let (fetched, _) = fetched(Answer::Closes(garbage.to_vec())).await;
        let error = fetched.unwrap_err();
        assert!(
            matches!(error, JwksError::Transport(_)),
            "{garbage:?}: {error:?}"
        );
    }
    let page = Answer::with("200 OK", "content-type: text/html", "<html>Sign in</html>");
    let error = fetched(page).await.0.unwrap_err();
    assert!(matches!(error, JwksError::Malformed(..)), "{error:?}");
}

#[tokio::test]
async fn a_closed_port_fails_with_the_reason() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let keys = Jwks::url(format!("http://127.0.0.1:{port}/keys")).unwrap();
    let error = keys.prefetch().await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_rotation_over_http_and_then_a_hang() {
    let (old, new) = (Signer::p256("old"), Signer::ed25519("new"));
    let provider = Provider::start().await;
    provider.answers("/keys", Answer::ok(&set(&[old.jwk()])));
    let second = Duration::from_secs(1);
    let keys = Jwks::url(provider.url("/keys")).unwrap();
    let keys = keys.timeout(SHORT).unwrap().cooldown(second).unwrap();
    let keys = keys
        .fresh_for(second)
        .fresh_within(second..=second)
        .unwrap();
    assert_eq!(status(&keys, &old.token()).await, 200);
    let deadline = Instant::now() + Duration::from_secs(20);
    let wait = async || {
        assert!(Instant::now() < deadline, "{:?}", keys.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    provider.answers("/keys", Answer::ok(&set(&[new.jwk()])));
    while status(&keys, &new.token()).await != 200 {
        wait().await;
    }
    assert_eq!(status(&keys, &old.token()).await, 401);
    // The provider accepts connections and does not respond: the old keys are still used.
    provider.answers("/keys", Answer::Hangs(Vec::new()));
    while keys.status().failures == 0 {
        assert_eq!(status(&keys, &new.token()).await, 200);
        wait().await;
    }
    assert_eq!(status(&keys, &new.token()).await, 200);
    assert!(matches!(
        keys.status().last_failure,
        Some(JwksError::TimedOut(SHORT))
    ));
}
