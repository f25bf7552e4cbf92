//! No framework: hyper, one endpoint, and a stack around each handler.
//!
//! `cargo run --example with_hyper`

use std::{
    env,
    error::Error,
    future::ready,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use garde::Validate;
use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde::Deserialize;
use tokio::{net::TcpListener, time::sleep};
use tower::ServiceExt;
use wythe::{
    Body, BodyLimit, Cors, Json, PeerAddr, Problem, Quota, Valid, compose, endpoint,
    with_body_limit, with_cors, with_presentation, with_rate_limit, with_validation,
};

#[derive(Deserialize, Validate)]
struct Note {
    #[garde(length(chars, min = 1, max = 200))]
    text: String,
}

/// The notes that were posted.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn list(&self) -> Result<Response<Body>, Problem> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let json = serde_json::to_vec(&*notes).map_err(Problem::internal)?;
        let response = Response::builder().header("content-type", "application/json");
        response.body(Body::from(json)).map_err(Problem::internal)
    }

    fn add(&self, note: Valid<Json<Note>>) -> Response<Body> {
        let Json(Note { text }) = note.into_inner();
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(text);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::CREATED;
        response
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let add = compose((
        with_rate_limit(Quota::per_minute(10).by_peer()?),
        // A client that sends slowly does not hold its connection for long.
        with_body_limit(BodyLimit::bytes(4 * 1024).within(Duration::from_secs(10))?),
        with_validation::<Json<Note>>(),
    ));
    let around = compose((
        with_cors(Cors::origins(["http://localhost:5173"])?),
        with_presentation(),
    ));
    print!("Around everything:\n{around}\nPOST:\n{add}");
    print_help(listener.local_addr()?);

    let listed = Notes::default();
    let added = listed.clone();
    let service = around.service(
        endpoint()
            .get(move |_: Request<Body>| ready(listed.list()))
            .post(add.service_fn(move |note, _: Request<Body>| ready(added.add(note)))),
    );
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Too many open files, for example: some will be closed soon.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let service = service
            .clone()
            .map_request(move |request: Request<Incoming>| {
                let mut request = request.map(Body::stream);
                // The rate limit counts by it.
                request.extensions_mut().insert(PeerAddr(peer));
                request
            });
        tokio::spawn(
            http1::Builder::new()
                // With a timer, a client must send the head of its request within 30 seconds.
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)),
        );
    }
}

fn print_help(address: SocketAddr) {
    let post = "curl -i -H 'Content-Type: application/json' -d";
    println!("\nListening on http://{address}");
    println!("  {post} '{{\"text\":\"hello\"}}' 'http://{address}/'");
    println!("  {post} '{{\"text\":\"\"}}' 'http://{address}/'");
    println!("  curl -i 'http://{address}/'");
    println!("  curl -i -X OPTIONS 'http://{address}/'");
    println!("  curl -i -X DELETE 'http://{address}/'");
}
