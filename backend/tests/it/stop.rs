//! Graceful shutdown: pending requests are answered, idle connections do not delay it, and a second signal ends it.

use std::sync::Arc;
use std::time::Duration;

use docket::serve::{Limits, serve};
use poem::endpoint::make;
use reqwest::StatusCode;
use rustix::process::{Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use crate::program::{PATIENCE, Program};
use crate::support::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_is_answered_and_an_idle_connection_delays_nothing() {
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

    // One connection is idle, one has sent half a header, one waits for its answer.
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: docket\r\n\r\n").await.unwrap();
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HT").await.unwrap();
    let asked = tokio::spawn(reqwest::get(format!("http://{address}/slow")));
    arrived.notified().await;

    stop.send(()).unwrap();
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, idle.read_to_end(&mut rest)).await;
    closed.expect("the idle connection stays").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!server.is_finished());
    go.notify_one();
    assert_eq!(asked.await.unwrap().unwrap().text().await.unwrap(), "served");
    timeout(PATIENCE, server)
        .await
        .expect("the server does not end")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_takes_longer_than_the_grace_is_cut() {
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
    timeout(PATIENCE, server)
        .await
        .expect("the server does not end")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_program_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let database = Database::sqlite();
        let program = Program::start(&["--database-url", &database.url]).await;
        let answer = reqwest::get(format!("http://{}/health/ready", program.address)).await;
        answer.unwrap().error_for_status().unwrap();
        program.signal(signal);
        assert_eq!(program.ended().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_the_delay_is_over_only_readiness_fails_and_a_second_signal_ends_at_once() {
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
    let ready = timeout(PATIENCE, drained).await.expect("it is still ready");
    assert_eq!(ready.headers()["retry-after"], "1");
    assert!(ready.text().await.unwrap().contains("urn:docket:problem:stopping"));
    assert_eq!(get("/health/live").await.unwrap().status(), StatusCode::OK);
    assert_eq!(get("/openapi.json").await.unwrap().status(), StatusCode::OK);
    // A signal soon after the first one is taken for the same.
    let pid = program.pid();
    let again = async {
        loop {
            kill_process(pid, Signal::TERM).unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        code = program.ended() => assert_eq!(code, Some(1)),
        () = again => {}
    }
}
