//! What the screen shows of the state.

use shared::task::{Order, Sort, Status, Task};

use super::State;

/// Which tasks to show, in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    /// Which tasks.
    pub status: Status,
    /// In which order, each in its natural direction.
    pub sort: Sort,
}

/// How many tasks each filter shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Those to do.
    pub pending: usize,
    /// Those done.
    pub completed: usize,
}

impl Counts {
    /// How many tasks `status` shows.
    pub fn of(self, status: Status) -> usize {
        match status {
            Status::All => self.pending + self.completed,
            Status::Pending => self.pending,
            Status::Completed => self.completed,
        }
    }
}

impl State {
    /// Every task, as it will be when the outbox is sent.
    pub fn tasks(&self) -> Vec<Task> {
        let mut tasks = self.server.clone();
        // What is not confirmed yet counts as the latest change, in the order it was made.
        for (place, entry) in (0..).zip(&self.outbox) {
            entry.apply(&mut tasks, &self.user_id, i64::MAX / 2 + place);
        }
        tasks
    }

    /// The tasks that `view` shows, in its order. Those that are `open` in an editor stay, whatever the filter.
    pub fn show(&self, view: View, open: impl Fn(&Task) -> bool) -> Vec<Task> {
        let mut tasks = self.tasks();
        tasks.retain(|task| view.status.shows(task) || open(task));
        tasks.sort_by(|a, b| view.sort.compare(Order::Natural, a, b));
        tasks
    }

    /// How many tasks there are.
    pub fn counts(&self) -> Counts {
        let tasks = self.tasks();
        let completed = tasks.iter().filter(|task| task.completed).count();
        Counts {
            pending: tasks.len() - completed,
            completed,
        }
    }
}
