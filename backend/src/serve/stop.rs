//! Shutdown signals: the delay before a graceful shutdown, and immediate exit at a second signal.

use std::future::poll_fn;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

/// Whether shutdown has been requested. While draining, readiness fails and everything else is still served. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// Starts draining.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether draining has started.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Signals within this time after the first one are duplicates of it: a terminal, npx and just each forward Ctrl-C.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// Waits for SIGTERM or SIGINT, starts `draining`, and completes after `delay`. A second signal, at least [`DEBOUNCE`] later,
/// exits the process immediately with status 1.
pub fn stop_signal(draining: Draining, delay: Duration) -> io::Result<impl Future<Output = ()>> {
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    Ok(async move {
        any(&mut signals).await;
        tracing::info!(delay_seconds = delay.as_secs(), "stopping");
        draining.begin();
        tokio::spawn(async move {
            let repeated = async {
                loop {
                    any(&mut signals).await;
                }
            };
            let _: Result<(), _> = timeout(DEBOUNCE, repeated).await;
            any(&mut signals).await;
            tracing::warn!("exiting immediately because of a second signal");
            process::exit(1);
        });
        sleep(delay).await;
    })
}

/// Completes when any of the signals arrives.
async fn any(signals: &mut [Signal]) {
    poll_fn(|context| {
        let arrived = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if arrived { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
