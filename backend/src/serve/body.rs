//! Request and response bodies that report to [`ConnectionState`] whether they wait for the client or the server.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::Limits;
use super::connection_state::{ConnectionState, ReceivingGuard, ServingGuard};

/// The body of a request. Reading fails with [`ErrorKind::TimedOut`] if the client is below the minimum rate.
pub struct RequestBody {
    incoming: Incoming,
    state: Arc<ConnectionState>,
    limits: Limits,
    waiting: Option<ReceivingGuard>,
    /// Started by the first read that has to wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// The number of bytes since the timer was set.
    received: u64,
}

impl RequestBody {
    pub fn new(incoming: Incoming, state: Arc<ConnectionState>, limits: Limits) -> Self {
        Self {
            incoming,
            state,
            limits,
            waiting: None,
            timer: None,
            received: 0,
        }
    }

    fn poll_timeout(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        let time = self.limits.body_timeout;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(time)));
        loop {
            ready!(timer.as_mut().poll(context));
            if !self.limits.meets_min_rate(self.received, time) {
                return Poll::Ready(Error::new(ErrorKind::TimedOut, "request body below the minimum rate"));
            }
            self.received = 0;
            timer.as_mut().reset(Instant::now() + time);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) else {
            this.waiting
                .get_or_insert_with(|| ReceivingGuard::new(Arc::clone(&this.state)));
            return this.poll_timeout(context).map(|error| Some(Err(error)));
        };
        this.waiting = None;
        if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
            this.received += data.map_or(0, Bytes::len) as u64;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The body of a response. While a frame is pending, the connection waits for the server.
pub struct ResponseBody {
    body: BoxBody<Bytes, Error>,
    state: Arc<ConnectionState>,
    serving: Option<ServingGuard>,
}

impl ResponseBody {
    pub fn new(body: BoxBody<Bytes, Error>, state: Arc<ConnectionState>) -> Self {
        Self {
            body,
            state,
            serving: None,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        if frame.is_ready() {
            this.serving = None;
        } else {
            this.serving
                .get_or_insert_with(|| ServingGuard::new(Arc::clone(&this.state)));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
