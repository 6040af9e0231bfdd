//! What the framework itself can serve: the bytes of a file from memory, without a token, a database or JSON. `just bench`
//! gives it the list that the API answers, and measures the API beside it.

use bytes::Bytes;
use poem::endpoint::make_sync;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Response, Route, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: ceiling FILE")?;
    let body = Bytes::from(std::fs::read(file)?);
    let app = Route::new().at(
        "/bench/ceiling",
        make_sync(move |_| Response::builder().content_type("application/json").body(body.clone())),
    );
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let acceptor = TcpListener::bind(bind).into_acceptor().await?;
    for address in acceptor.local_addr() {
        if let Some(address) = address.as_socket_addr() {
            eprintln!("listening on http://{address}");
        }
    }
    Server::new_with_acceptor(acceptor).run(app).await?;
    Ok(())
}
