//! Timeouts and limits of connections. In each test the limit under test is short, and the others are long.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use docket::serve::{Limits, serve};
use futures_util::stream;
use poem::endpoint::{make, make_sync};
use poem::{Body, Endpoint, Response};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::timeout;

use crate::program::Program;
use crate::support::{Database, TIMEOUT, eventually, on_both_databases};

/// A timeout under test.
const SHORT: Duration = Duration::from_millis(500);
/// A timeout that must not expire.
const NEVER: Duration = Duration::from_secs(3600);

/// HTTP/2: the preface and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// HTTP/2: `GET http:///` on stream 1. The header block has three bytes.
const GET: &[u8] = &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84];

/// Limits whose timeouts do not expire.
fn without_timeouts() -> Limits {
    Limits {
        header_timeout: NEVER,
        body_timeout: NEVER,
        idle_timeout: NEVER,
        grace_period: NEVER,
        ..Limits::default()
    }
}

async fn start(endpoint: impl Endpoint + 'static, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, endpoint, limits, pending()));
    address
}

async fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the server closes or resets the connection.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("the connection stays open");
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: docket\r\n\r\n";

#[tokio::test]
async fn an_incomplete_header_times_out() {
    let limits = Limits {
        header_timeout: SHORT,
        ..without_timeouts()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let beginnings: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: doc",
        // A partial preface, a partial header block, and no request after the settings.
        &PREFACE[..12],
        &[PREFACE, &GET[..10]].concat(),
        PREFACE,
    ];
    for bytes in beginnings {
        let mut stream = connect(address, bytes).await;
        assert!(!text(&read_to_end(&mut stream).await).contains("served"));
    }
    // The next request on a connection has the same timeout.
    let mut stream = connect(address, REQUEST.as_bytes()).await;
    stream.read_u8().await.unwrap();
    stream.write_all(b"GET / HT").await.unwrap();
    assert!(text(&read_to_end(&mut stream).await).ends_with("served"));
}

#[tokio::test]
async fn an_idle_connection_times_out() {
    let limits = Limits {
        idle_timeout: SHORT,
        ..without_timeouts()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let mut stream = connect(address, REQUEST.as_bytes()).await;
    assert!(text(&read_to_end(&mut stream).await).ends_with("served"));
}

#[tokio::test]
async fn an_http2_connection_has_at_most_100_streams() {
    let address = start(make_sync(|_| "served"), without_timeouts()).await;
    let mut stream = connect(address, PREFACE).await;
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let [_, _, length, kind, ..] = head;
    assert_eq!(kind, 4, "not a SETTINGS frame");
    let mut settings = vec![0; length.into()];
    stream.read_exact(&mut settings).await.unwrap();
    assert!(settings.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 100]));
}

#[tokio::test]
async fn an_http2_client_that_opens_no_flow_control_window_is_disconnected() {
    // More than the initial flow-control window of 64 KiB.
    let body = Bytes::from(vec![b'a'; 1 << 20]);
    let limits = Limits {
        header_timeout: SHORT,
        idle_timeout: SHORT,
        ..without_timeouts()
    };
    let address = start(make_sync(move |_| Response::builder().body(body.clone())), limits).await;
    let mut stream = connect(address, &[PREFACE, GET].concat()).await;
    assert!(read_to_end(&mut stream).await.len() < 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_its_response_is_disconnected() {
    for (bytes, limits) in [
        (
            REQUEST.as_bytes().to_vec(),
            Limits {
                body_timeout: SHORT,
                ..without_timeouts()
            },
        ),
        (
            [PREFACE, GET].concat(),
            Limits {
                header_timeout: SHORT,
                idle_timeout: SHORT,
                ..without_timeouts()
            },
        ),
    ] {
        let (left, is_left) = oneshot::channel::<()>();
        let left = std::sync::Mutex::new(Some(left));
        // The sender is dropped with the body.
        let endless = make_sync(move |_| {
            let left = left.lock().unwrap().take();
            let chunks = stream::repeat_with(move || {
                let _ = &left;
                Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 65_536]))
            });
            Response::builder().body(Body::from_bytes_stream(chunks))
        });
        let address = start(endless, limits).await;
        let _stream = connect(address, &bytes).await;
        let ended = timeout(TIMEOUT, is_left).await;
        assert!(ended.expect("the response is still being sent").is_err());
    }
}

#[tokio::test]
async fn a_slow_handler_is_not_limited_by_client_timeouts() {
    let limits = Limits {
        header_timeout: SHORT,
        body_timeout: SHORT,
        idle_timeout: SHORT,
        ..without_timeouts()
    };
    let late = make(|_| async {
        let chunks = stream::unfold(0, |number| async move {
            tokio::time::sleep(3 * SHORT).await;
            (number < 2).then(|| (Ok::<_, std::io::Error>("late "), number + 1))
        });
        tokio::time::sleep(3 * SHORT).await;
        Response::builder().body(Body::from_bytes_stream(chunks))
    });
    let address = start(late, limits).await;
    let body = reqwest::get(format!("http://{address}")).await.unwrap().text().await;
    assert_eq!(body.unwrap(), "late late ");
}

on_both_databases! {
    async fn a_stalled_or_trickling_body_is_408(server) {
        let limits = Limits { body_timeout: SHORT, ..without_timeouts() };
        let limited = server.with_limits(limits).await;
        let host = limited.base.strip_prefix("http://").unwrap();
        let head = "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: docket\r\nContent-Type: application/json\r\n";
        for framing in ["Content-Length: 60000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
            for trickle in ["", " ", "1\r\n \r\n"] {
                if !trickle.is_empty() && (trickle.len() > 1) != framing.contains("chunked") {
                    continue;
                }
                let mut stream = TcpStream::connect(host).await.unwrap();
                stream.write_all(format!("{head}{framing}").as_bytes()).await.unwrap();
                let (mut read, mut write) = stream.split();
                let mut response = Vec::new();
                let trickles = async {
                    while write.write_all(trickle.as_bytes()).await.is_ok() {
                        tokio::time::sleep(SHORT / 10).await;
                    }
                    pending::<()>().await;
                };
                let ended = async {
                    tokio::select! {
                        _ = read.read_to_end(&mut response) => {}
                        () = trickles => {}
                    }
                };
                timeout(TIMEOUT, ended).await.expect("the server waits for the body");
                let response = text(&response);
                assert!(response.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{response}");
                assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
                assert!(response.contains("content-type: application/problem+json"), "{response}");
                assert!(response.contains("urn:docket:problem:request_timeout"), "{response}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_at_the_minimum_rate_is_accepted() {
    // Any rate is enough, and the timer expires many times.
    let limits = Limits {
        body_timeout: Duration::from_millis(1),
        min_rate: 0,
        ..without_timeouts()
    };
    let endpoint = make(|request| async move {
        let body = request.into_body().into_string().await;
        body.map_err(poem::Error::from)
    });
    let address = start(endpoint, limits).await;
    let head = "POST / HTTP/1.1\r\nHost: docket\r\nConnection: close\r\nContent-Length: 20\r\n\r\n";
    let mut stream = connect(address, head.as_bytes()).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        stream.write_all(b"a").await.unwrap();
    }
    let response = text(&read_to_end(&mut stream).await);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with(&"a".repeat(20)), "{response}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_connection_limit_the_longest_waiting_connection_is_closed() {
    let limits = Limits {
        max_connections: 2,
        ..without_timeouts()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let mut first = connect(address, b"GET / HTTP/1.1\r\nHost: doc").await;
    let _second = connect(address, b"GET / HTTP/1.1\r\nHost: doc").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut other = connect(address, REQUEST.as_bytes()).await;
        let served = timeout(TIMEOUT, other.read_u8()).await;
        served.expect("no connection is closed for a new one").unwrap();
        others.push(other);
    }
    assert_eq!(text(&read_to_end(&mut first).await), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_connection_limit_new_connections_wait_for_busy_ones() {
    let limits = Limits {
        max_connections: 2,
        ..without_timeouts()
    };
    let (arrived, go) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let endpoint = make({
        let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
        move |_| {
            let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
            async move {
                let going = go.notified();
                arrived.add_permits(1);
                going.await;
                "served"
            }
        }
    });
    let address = start(endpoint, limits).await;
    let request = || tokio::spawn(reqwest::get(format!("http://{address}")));
    let pending: Vec<_> = (0..6).map(|_| request()).collect();
    let wait = async {
        let mut pending = pending;
        while !pending.is_empty() {
            arrived.acquire().await.unwrap().forget();
            // One connection beyond the limit is accepted, to detect that a client is waiting.
            assert!(arrived.available_permits() <= 2);
            go.notify_one();
            let (response, _, others) = futures_util::future::select_all(pending).await;
            assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
            pending = others;
        }
    };
    timeout(TIMEOUT, wait).await.expect("a request is not served");
}

/// Connects from another loopback address.
async fn connect_from(from: &str, address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_connection_limit_of_a_client_its_own_connections_are_closed() {
    let limits = Limits {
        max_connections_per_client: 2,
        ..without_timeouts()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let (beginning, end) = REQUEST.as_bytes().split_at(10);
    // Another client waits longer, but is not affected.
    let mut other = connect_from("127.0.0.2", address, beginning).await;
    let mut first = connect(address, beginning).await;
    let mut second = connect(address, beginning).await;
    let mut third = connect(address, REQUEST.as_bytes()).await;
    assert_eq!(text(&read_to_end(&mut first).await), "");
    for stream in [&mut second, &mut other] {
        stream.write_all(end).await.unwrap();
    }
    for stream in [&mut second, &mut third, &mut other] {
        let served = timeout(TIMEOUT, stream.read_u8()).await;
        served.expect("the request is not served").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_connections_of_a_client_whose_connections_are_busy_are_closed() {
    let limits = Limits {
        max_connections_per_client: 2,
        ..without_timeouts()
    };
    let arrived = Arc::new(Semaphore::new(0));
    let endpoint = make({
        let arrived = Arc::clone(&arrived);
        move |request| {
            let arrived = Arc::clone(&arrived);
            async move {
                if request.uri().path() == "/busy" {
                    arrived.add_permits(1);
                    pending::<()>().await;
                }
                "served"
            }
        }
    });
    let address = start(endpoint, limits).await;
    let busy = REQUEST.replacen("/ ", "/busy ", 1);
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(connect(address, busy.as_bytes()).await);
    }
    timeout(TIMEOUT, arrived.acquire_many(2))
        .await
        .unwrap()
        .unwrap()
        .forget();
    let mut surplus = TcpStream::connect(address).await.unwrap();
    assert_eq!(text(&read_to_end(&mut surplus).await), "");
    let mut other = connect_from("127.0.0.2", address, REQUEST.as_bytes()).await;
    timeout(TIMEOUT, other.read_u8()).await.expect("not served").unwrap();
    // A connection that ends makes room.
    streams.pop();
    eventually("a connection is served", async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(REQUEST.as_bytes()).await.ok()?;
        stream.read_u8().await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusted_proxies_have_no_connection_limit() {
    let limits = Limits {
        max_connections_per_client: 1,
        trusted_proxies: Arc::new(["127.0.0.0/31".parse().unwrap()]),
        ..without_timeouts()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let (beginning, end) = REQUEST.as_bytes().split_at(10);
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(connect(address, beginning).await);
    }
    for stream in &mut streams {
        stream.write_all(end).await.unwrap();
        let served = timeout(TIMEOUT, stream.read_u8()).await;
        served.expect("the request is not served").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_headers_cannot_exhaust_file_descriptors() {
    let database = Database::sqlite();
    let program = Program::start_with_descriptors(128, &["--database-url", &database.url]).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        slow.push(connect(program.address, b"GET / HTTP/1.1\r\nHost: doc").await);
    }
    for path in ["/health/live", "/health/ready", "/openapi.json"] {
        let response = timeout(TIMEOUT, reqwest::get(format!("http://{}{path}", program.address))).await;
        assert_eq!(
            response.expect("not served").unwrap().status(),
            StatusCode::OK,
            "{path}"
        );
    }
}
