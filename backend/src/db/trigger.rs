//! Triggers of background jobs.

use tokio::sync::mpsc;

/// Triggers a job. Triggers while the job runs are merged into one. Cheap to clone.
#[derive(Clone)]
pub(super) struct Trigger(mpsc::Sender<()>);

/// Receives triggers.
pub(super) struct Triggers(mpsc::Receiver<()>);

impl Trigger {
    /// A trigger and its receiver.
    pub(super) fn new() -> (Self, Triggers) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), Triggers(receiver))
    }

    /// Triggers the job.
    pub(super) fn fire(&self) {
        // If the channel is full, the job is already triggered.
        let _ = self.0.try_send(());
    }
}

impl Triggers {
    /// Waits for a trigger. False when the last [`Trigger`] was dropped.
    pub(super) async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
