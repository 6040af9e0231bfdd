//! One connection: hyper's HTTP/1 and HTTP/2 in front of a Poem endpoint.

use std::convert::Infallible;
use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, StatusCode, Version, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Limits;
use super::body::{RequestBody, ResponseBody};
use super::connection_state::{ConnectionState, ServingGuard, Watchdog};

/// Maximum size of the read buffer, and with it of an HTTP/1 header, in bytes.
const BUFFER_MAX: usize = 64 * 1024;
/// Maximum size of an HTTP/2 header list, in bytes.
const HEADER_LIST_MAX: u32 = 16 * 1024;
/// Maximum number of HTTP/2 streams that are reset before they are accepted (rapid reset attack).
const PENDING_RESETS_MAX: usize = 20;

/// What all connections share.
pub struct Server<E> {
    endpoint: E,
    limits: Limits,
    http: Builder<TokioExecutor>,
    stopping: watch::Receiver<bool>,
}

impl<E> Server<E> {
    pub fn new(endpoint: E, limits: Limits, stopping: watch::Receiver<bool>) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1().max_buf_size(BUFFER_MAX);
        http.http2()
            .max_concurrent_streams(limits.max_streams)
            .max_header_list_size(HEADER_LIST_MAX)
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX);
        Self {
            endpoint,
            limits,
            http,
            stopping,
        }
    }
}

/// Serves a connection until the client closes it, the client exceeds a timeout, or the server shuts down.
pub async fn serve<E>(server: Arc<Server<E>>, stream: TcpStream, address: SocketAddr, state: Arc<ConnectionState>)
where
    E: Endpoint + 'static,
{
    // Disables Nagle's algorithm: a response does not wait for the ACK of the previous one.
    let (Ok(()), Ok(local)) = (stream.set_nodelay(true), stream.local_addr()) else {
        return;
    };
    let addresses = (LocalAddr(local.into()), RemoteAddr(address.into()));
    let service = service_fn(|request| {
        let (server, state, addresses) = (Arc::clone(&server), Arc::clone(&state), addresses.clone());
        async move { Ok::<_, Infallible>(answer(&server, state, addresses, request).await) }
    });
    let mut watchdog = Watchdog::new(Arc::clone(&state), &server.limits);
    let mut stopping = server.stopping.clone();
    let stream = TrackedStream {
        stream,
        state: Arc::clone(&state),
    };
    let mut connection = pin!(server.http.serve_connection(TokioIo::new(stream), service));
    // The result is ignored: after an error of the network or the client, nothing can be sent.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = std::future::poll_fn(|context| watchdog.poll(context, &server.limits)) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    state.close();
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        _ = connection => {}
        () = std::future::poll_fn(|context| watchdog.poll(context, &server.limits)) => {}
    }
}

async fn answer<E: Endpoint>(
    server: &Server<E>,
    state: Arc<ConnectionState>,
    (local, remote): (LocalAddr, RemoteAddr),
    request: hyper::Request<Incoming>,
) -> hyper::Response<ResponseBody> {
    let serving = ServingGuard::new(Arc::clone(&state));
    let (parts, incoming) = request.into_parts();
    let version = parts.version;
    let body = if incoming.is_end_stream() {
        poem::Body::empty()
    } else {
        let body = RequestBody::new(incoming, Arc::clone(&state), server.limits.clone());
        BoxBody::new(body).into()
    };
    let request = Request::from_parts((parts, local, remote, Scheme::HTTP).into(), body);
    let mut response = server.endpoint.get_response(request).await;
    let leaves_body = [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE].contains(&response.status());
    if leaves_body && version < Version::HTTP_2 {
        // The rest of the body is not read, so no request can follow it.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    drop(serving);
    hyper::Response::from(response).map(|body| ResponseBody::new(body, state))
}

/// A stream that reports reads and writes to [`ConnectionState`].
struct TrackedStream {
    stream: TcpStream,
    state: Arc<ConnectionState>,
}

impl TrackedStream {
    fn written(&self, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        match written {
            Poll::Pending => self.state.wrote(0),
            Poll::Ready(Ok(bytes)) => self.state.wrote(bytes),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl AsyncRead for TrackedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.state.read();
        }
        read
    }
}

impl AsyncWrite for TrackedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
