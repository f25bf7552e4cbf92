//! `cargo run -p example-axum-login`

use std::{env, error::Error, net::SocketAddr};

use example_axum_login::{Users, app};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let app = app(Users::default())?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("\nListening on {url}");
    // The cookie is `Secure`, which curl respects, so it is copied by hand.
    println!("  curl -i -d 'name=ann&password=open sesame' '{url}/login'");
    println!("  curl -i -H 'Cookie: __Host-session=..' '{url}/orders'");
    println!("  curl -i '{url}/orders'");
    // The rate limit counts by the address of the peer.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}
