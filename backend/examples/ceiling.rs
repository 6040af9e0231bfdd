//! What the framework itself can serve: the bytes of a list of twenty tasks from memory, without a token, a database or JSON.
//! `just bench` measures the API beside it.

use bytes::Bytes;
use chrono::Utc;
use poem::endpoint::make_sync;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Response, Route, Server};
use shared::task::Task;
use uuid::Uuid;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Utc::now();
    let task = |number: i64| Task {
        id: Uuid::now_v7(),
        user_id: Uuid::now_v7().to_string(),
        title: format!("Task number {number}"),
        description: Some("A description of the usual length, in one sentence or two.".to_owned()),
        completed: number % 2 == 0,
        due_date: Some(now.date_naive()),
        created_at: now,
        updated_at: now,
        revision: number,
    };
    let list: Vec<Task> = (1..=20).map(task).collect();
    let body = Bytes::from(serde_json::to_vec(&list)?);
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
