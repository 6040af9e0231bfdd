//! Slow clients: each waits for its own sake only. The deadlines are short here, and those that are not tested are long.

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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::timeout;

use crate::program::{PATIENCE, Program};
use crate::support::{Database, on_both_databases};

/// A deadline that is tested.
const SHORT: Duration = Duration::from_millis(500);
/// A deadline that must not count.
const NEVER: Duration = Duration::from_secs(3600);

/// HTTP/2: the preface and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// HTTP/2: `GET http:///` on stream 1. The header block has three bytes.
const GET: &[u8] = &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84];

/// No deadline counts but those that a test sets.
fn patient() -> Limits {
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

/// All that comes until the server closes the connection. A reset counts as its end.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("the server keeps the connection");
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: docket\r\n\r\n";

#[tokio::test]
async fn a_header_that_does_not_come_ends_the_connection() {
    let limits = Limits {
        header_timeout: SHORT,
        ..patient()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let beginnings: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: doc",
        // Half a preface, half a header block, and nothing after the settings.
        &PREFACE[..12],
        &[PREFACE, &GET[..10]].concat(),
        PREFACE,
    ];
    for bytes in beginnings {
        let mut stream = connect(address, bytes).await;
        assert!(!text(&rest(&mut stream).await).contains("served"));
    }
    // The next request on a connection has the same deadline.
    let mut stream = connect(address, REQUEST.as_bytes()).await;
    stream.read_u8().await.unwrap();
    stream.write_all(b"GET / HT").await.unwrap();
    assert!(text(&rest(&mut stream).await).ends_with("served"));
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_more_ends() {
    let limits = Limits {
        idle_timeout: SHORT,
        ..patient()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let mut stream = connect(address, REQUEST.as_bytes()).await;
    assert!(text(&rest(&mut stream).await).ends_with("served"));
}

#[tokio::test]
async fn an_http2_connection_has_at_most_100_streams() {
    let address = start(make_sync(|_| "served"), patient()).await;
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
async fn an_http2_client_that_asks_for_no_more_of_its_response_is_disconnected() {
    // More than the 64 KiB that HTTP/2 sends before the client asks for more.
    let body = Bytes::from(vec![b'a'; 1 << 20]);
    let limits = Limits {
        header_timeout: SHORT,
        idle_timeout: SHORT,
        ..patient()
    };
    let address = start(make_sync(move |_| Response::builder().body(body.clone())), limits).await;
    let mut stream = connect(address, &[PREFACE, GET].concat()).await;
    assert!(rest(&mut stream).await.len() < 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_its_response_is_disconnected() {
    for (bytes, limits) in [
        (
            REQUEST.as_bytes().to_vec(),
            Limits {
                body_timeout: SHORT,
                ..patient()
            },
        ),
        (
            [PREFACE, GET].concat(),
            Limits {
                header_timeout: SHORT,
                idle_timeout: SHORT,
                ..patient()
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
        let ended = timeout(PATIENCE, is_left).await;
        assert!(ended.expect("the answer is still being sent").is_err());
    }
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_every_deadline_arrives() {
    let limits = Limits {
        header_timeout: SHORT,
        body_timeout: SHORT,
        idle_timeout: SHORT,
        ..patient()
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
    async fn a_body_that_stops_or_trickles_is_408(server) {
        let limits = Limits { body_timeout: SHORT, ..patient() };
        let limited = server.limited(limits).await;
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
                let mut answer = Vec::new();
                let trickles = async {
                    while write.write_all(trickle.as_bytes()).await.is_ok() {
                        tokio::time::sleep(SHORT / 10).await;
                    }
                    pending::<()>().await;
                };
                let ended = async {
                    tokio::select! {
                        _ = read.read_to_end(&mut answer) => {}
                        () = trickles => {}
                    }
                };
                timeout(PATIENCE, ended).await.expect("the server waits for the body");
                let answer = text(&answer);
                assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
                assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
                assert!(answer.contains("content-type: application/problem+json"), "{answer}");
                assert!(answer.contains("urn:docket:problem:request_timeout"), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_keeps_the_least_rate_arrives_however_long_it_takes() {
    // Every rate is enough here, and the time is over again and again.
    let limits = Limits {
        body_timeout: Duration::from_millis(1),
        min_rate: 0,
        ..patient()
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
    let answer = text(&rest(&mut stream).await);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(&"a".repeat(20)), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_connections_are_taken_the_one_that_waits_longest_gives_way() {
    let limits = Limits {
        max_connections: 2,
        ..patient()
    };
    let address = start(make_sync(|_| "served"), limits).await;
    let mut first = connect(address, b"GET / HTTP/1.1\r\nHost: doc").await;
    let _second = connect(address, b"GET / HTTP/1.1\r\nHost: doc").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut other = connect(address, REQUEST.as_bytes()).await;
        let served = timeout(PATIENCE, other.read_u8()).await;
        served.expect("nobody gives way").unwrap();
        others.push(other);
    }
    assert_eq!(text(&rest(&mut first).await), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_all_connections_are_being_served_the_next_wait() {
    let limits = Limits {
        max_connections: 2,
        ..patient()
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
    let ask = || tokio::spawn(reqwest::get(format!("http://{address}")));
    let asked: Vec<_> = (0..6).map(|_| ask()).collect();
    let wait = async {
        let mut asked = asked;
        while !asked.is_empty() {
            arrived.acquire().await.unwrap().forget();
            // One is accepted beyond the limit, to see that there is a next.
            assert!(arrived.available_permits() <= 2);
            go.notify_one();
            let (answer, _, others) = futures_util::future::select_all(asked).await;
            assert_eq!(answer.unwrap().unwrap().status(), StatusCode::OK);
            asked = others;
        }
    };
    timeout(PATIENCE, wait).await.expect("somebody is not served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_few_descriptors_half_headers_keep_nobody_out() {
    let database = Database::sqlite();
    let program = Program::start_with_descriptors(128, &["--database-url", &database.url]).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        slow.push(connect(program.address, b"GET / HTTP/1.1\r\nHost: doc").await);
    }
    for path in ["/health/live", "/health/ready", "/openapi.json"] {
        let answer = timeout(PATIENCE, reqwest::get(format!("http://{}{path}", program.address))).await;
        assert_eq!(answer.expect("not served").unwrap().status(), StatusCode::OK, "{path}");
    }
}
