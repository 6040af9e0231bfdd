//! Request and response bodies that report to [`Turn`] which side has to act.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::Limits;
use super::turn::{Receiving, Serving, Turn};

/// The body of a request. Reading it fails with [`ErrorKind::TimedOut`] below the minimum rate.
pub struct RequestBody {
    incoming: Incoming,
    turn: Arc<Turn>,
    limits: Limits,
    waiting: Option<Receiving>,
    /// Runs from the first wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// The bytes that came since the timer was set.
    received: u64,
}

impl RequestBody {
    pub fn new(incoming: Incoming, turn: Arc<Turn>, limits: Limits) -> Self {
        Self {
            incoming,
            turn,
            limits,
            waiting: None,
            timer: None,
            received: 0,
        }
    }

    fn poll_timeout(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        let time = self.limits.body;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(time)));
        loop {
            ready!(timer.as_mut().poll(context));
            if !self.limits.allow(self.received, time) {
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
                .get_or_insert_with(|| Receiving::new(Arc::clone(&this.turn)));
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

/// The body of a response. While it has nothing to send, the server owes the next step.
pub struct ResponseBody {
    body: BoxBody<Bytes, Error>,
    turn: Arc<Turn>,
    serving: Option<Serving>,
}

impl ResponseBody {
    pub fn new(body: BoxBody<Bytes, Error>, turn: Arc<Turn>) -> Self {
        Self {
            body,
            turn,
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
            this.serving.get_or_insert_with(|| Serving::new(Arc::clone(&this.turn)));
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
