//! Graceful shutdown: requests under way are served, idle connections closed, and a second signal exits.

use std::sync::Arc;
use std::time::Duration;

use docket::serve::{Limits, serve};
use poem::endpoint::make;
use reqwest::StatusCode;
use rustix::process::{Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use crate::program::Program;
use crate::support::{Database, PASSWORD, TIMEOUT, on_both_databases};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_are_served_and_idle_connections_are_closed() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let endpoint = make({
        let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
        move |request| {
            let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
            async move {
                if request.uri().path() == "/slow" {
                    arrived.notify_one();
                    go.notified().await;
                }
                "served"
            }
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, is_stopped) = oneshot::channel();
    let never = Duration::from_secs(3600);
    let limits = Limits {
        header_timeout: never,
        idle_timeout: never,
        grace_period: never,
        ..Limits::default()
    };
    let server = tokio::spawn(serve(listener, endpoint, limits, async {
        let _ = is_stopped.await;
    }));

    // One connection is idle, one has sent a partial header, one waits for its response.
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: docket\r\n\r\n").await.unwrap();
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HT").await.unwrap();
    let slow = tokio::spawn(reqwest::get(format!("http://{address}/slow")));
    arrived.notified().await;

    stop.send(()).unwrap();
    let mut rest = Vec::new();
    let closed = timeout(TIMEOUT, idle.read_to_end(&mut rest)).await;
    closed.expect("the idle connection stays open").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!server.is_finished());
    go.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().text().await.unwrap(), "served");
    timeout(TIMEOUT, server)
        .await
        .expect("the server does not end")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_beyond_the_grace_period_is_aborted() {
    let arrived = Arc::new(Notify::new());
    let endpoint = make({
        let arrived = Arc::clone(&arrived);
        move |_| {
            let arrived = Arc::clone(&arrived);
            async move {
                arrived.notify_one();
                std::future::pending::<&str>().await
            }
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        grace_period: Duration::from_millis(100),
        ..Limits::default()
    };
    let stop = Arc::clone(&arrived);
    let server = tokio::spawn(async move { serve(listener, endpoint, limits, stop.notified()).await });
    assert!(reqwest::get(format!("http://{address}")).await.is_err());
    timeout(TIMEOUT, server)
        .await
        .expect("the server does not end")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_and_sigint_exit_with_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let database = Database::sqlite();
        let program = Program::start(&["--database-url", &database.url]).await;
        let response = reqwest::get(format!("http://{}/health/ready", program.address)).await;
        response.unwrap().error_for_status().unwrap();
        program.signal(signal);
        assert_eq!(program.exit_code().await, Some(0));
    }
}

/// Reads the rest of what a connection sends, until the server closes it.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut bytes)).await;
    read.expect("the connection stays open").unwrap();
    String::from_utf8(bytes).unwrap()
}

on_both_databases! {
    async fn sigterm_serves_the_request_under_way_and_closes_everything_else(server) {
        let program = Program::start(&["--database-url", &server.database.url]).await;
        let account = json!({ "name": "Owner", "email": "owner@example.com", "password": PASSWORD }).to_string();
        let head = "POST /api/auth/sign-up/email HTTP/1.1\r\nHost: docket\r\nContent-Type: application/json\r\n";
        // The server reads the body of `busy`, so a handler runs. It is the second request of its connection.
        let mut busy = TcpStream::connect(program.address).await.unwrap();
        let get = b"GET /health/live HTTP/1.1\r\nHost: docket\r\n\r\n";
        let mut idle = TcpStream::connect(program.address).await.unwrap();
        for stream in [&mut busy, &mut idle] {
            stream.write_all(get).await.unwrap();
            read_until(stream, "\r\n\r\nok").await;
        }
        let head = format!("{head}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n", account.len());
        busy.write_all(head.as_bytes()).await.unwrap();
        read_until(&mut busy, "HTTP/1.1 100 Continue\r\n\r\n").await;

        program.signal(Signal::TERM);
        assert_eq!(read_to_end(&mut idle).await, "");
        assert!(TcpStream::connect(program.address).await.is_err(), "a new connection is accepted");
        busy.write_all(account.as_bytes()).await.unwrap();
        let response = read_to_end(&mut busy).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert_eq!(program.exit_code().await, Some(0));
        let credentials = json!({ "email": "owner@example.com", "password": PASSWORD });
        server.post("/api/auth/sign-in/email", credentials).send().await.expect(StatusCode::OK);
    }
}

/// Reads until the bytes read end with `end`.
async fn read_until(stream: &mut TcpStream, end: &str) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let byte = timeout(TIMEOUT, stream.read_u8()).await;
        bytes.push(byte.expect("the server sends no more").expect(end));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_the_shutdown_delay_only_readiness_fails_and_a_second_signal_exits() {
    let database = Database::sqlite();
    let program = Program::start(&["--database-url", &database.url, "--shutdown-delay", "600"]).await;
    let get = |path: &str| reqwest::get(format!("http://{}{path}", program.address));
    assert_eq!(get("/health/ready").await.unwrap().status(), StatusCode::OK);
    program.signal(Signal::TERM);
    let drained = async {
        loop {
            let ready = get("/health/ready").await.unwrap();
            if ready.status() == StatusCode::SERVICE_UNAVAILABLE {
                return ready;
            }
        }
    };
    let ready = timeout(TIMEOUT, drained).await.expect("it is still ready");
    assert_eq!(ready.headers()["retry-after"], "1");
    assert!(ready.text().await.unwrap().contains("urn:docket:problem:stopping"));
    assert_eq!(get("/health/live").await.unwrap().status(), StatusCode::OK);
    assert_eq!(get("/openapi.json").await.unwrap().status(), StatusCode::OK);
    // A signal within half a second of the first one counts as the same.
    let pid = program.pid();
    let again = async {
        loop {
            kill_process(pid, Signal::TERM).unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        code = program.exit_code() => assert_eq!(code, Some(1)),
        () = again => {}
    }
}
