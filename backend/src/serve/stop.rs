//! Graceful shutdown, its delay, and the second signal.

use std::future::poll_fn;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

/// Whether the server is about to stop: readiness fails, and everything else is still served.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// From now on the server is not ready.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Signals within this time after the first belong to it: a terminal, npx and just each pass Ctrl-C on.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Waits for SIGTERM or SIGINT, begins `draining`, and is ready `delay` later. A second signal, [`SAME_SIGNAL`] later or
/// more, ends the process at once, whatever it is doing then.
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
            let _: Result<(), _> = timeout(SAME_SIGNAL, repeated).await;
            any(&mut signals).await;
            tracing::warn!("stopping at once, because of a second signal");
            process::exit(1);
        });
        sleep(delay).await;
    })
}

/// Ready at the next of the signals.
async fn any(signals: &mut [Signal]) {
    poll_fn(|context| {
        let arrived = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if arrived { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
