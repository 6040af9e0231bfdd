//! An upper bound for `just bench`: serves a file from memory, without authentication, a database or JSON. `just bench` passes
//! a response of the API as the file, and measures both.

use bytes::Bytes;
use docket::serve::{Limits, serve};
use poem::endpoint::make_sync;
use poem::{Response, Route};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: ceiling FILE")?;
    let body = Bytes::from(std::fs::read(file)?);
    let app = Route::new().at(
        "/bench/ceiling",
        make_sync(move |_| Response::builder().content_type("application/json").body(body.clone())),
    );
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(bind).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    serve(listener, app, Limits::default(), std::future::pending()).await;
    Ok(())
}
