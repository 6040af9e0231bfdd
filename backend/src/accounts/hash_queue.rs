//! Limits how many passwords are hashed at a time. Requests wait in a [`FairQueue`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::accounts::fair_queue::{FairQueue, Requester};
use crate::http::problem::Problem;

/// Hands out turns. Cheap to clone.
#[derive(Clone)]
pub struct HashQueue(Arc<Mutex<State>>);

struct State {
    /// The number of turns that can be handed out. While there are any, nobody waits.
    free: usize,
    waiting: FairQueue<oneshot::Sender<Turn>>,
}

/// Permission to use a CPU core. Dropping it hands it to the next request.
pub struct Turn(HashQueue);

impl HashQueue {
    /// A queue that hands out `turns` at a time.
    pub fn new(turns: usize) -> Self {
        let waiting = FairQueue::default();
        Self(Arc::new(Mutex::new(State { free: turns, waiting })))
    }

    /// Waits for a turn. [`Problem::Busy`] if too many requests wait, and the requester or its account has the most of them.
    pub async fn turn(&self, requester: &Requester) -> Result<Turn, Problem> {
        let (sender, receiver) = oneshot::channel();
        let refused = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(self.clone()));
            }
            // Their requests were cancelled.
            state.waiting.retain(|waiting| !waiting.is_closed());
            state.waiting.push(requester, sender)
        };
        // The request that waits at the other end gets an error.
        drop(refused);
        receiver.await.map_err(|_| Problem::Busy)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.lock();
            let next = state.waiting.pop();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(next) = next {
            // If the request was cancelled, this drops the turn again, which hands it to the one after.
            let _ = next.send(Turn(self.0.clone()));
        }
    }
}
