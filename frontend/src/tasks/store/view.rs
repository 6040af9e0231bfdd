//! What the page shows of the state.

use shared::task::{Order, Sort, Status, Task};

use super::State;

/// The filter and the order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    pub status: Status,
    /// Each order has its natural direction.
    pub sort: Sort,
}

/// The number of tasks by status.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    pub pending: usize,
    pub completed: usize,
}

impl Counts {
    /// The number of tasks that the filter `status` shows.
    pub fn of(self, status: Status) -> usize {
        match status {
            Status::All => self.pending + self.completed,
            Status::Pending => self.pending,
            Status::Completed => self.completed,
        }
    }
}

impl State {
    /// All tasks, with the outbox applied.
    pub fn tasks(&self) -> Vec<Task> {
        let mut tasks = self.server.clone();
        // Unconfirmed changes are newer than all confirmed ones.
        for (index, entry) in (0..).zip(&self.outbox) {
            entry.apply(&mut tasks, &self.user_id, i64::MAX / 2 + index);
        }
        tasks
    }

    /// The tasks that `view` shows, in its order. Tasks that are `open` in an editor are shown whatever the filter.
    pub fn visible_tasks(&self, view: View, open: impl Fn(&Task) -> bool) -> Vec<Task> {
        let mut tasks = self.tasks();
        tasks.retain(|task| view.status.shows(task) || open(task));
        tasks.sort_by(|a, b| view.sort.compare(Order::Natural, a, b));
        tasks
    }

    /// Counts the tasks.
    pub fn counts(&self) -> Counts {
        let tasks = self.tasks();
        let completed = tasks.iter().filter(|task| task.completed).count();
        Counts {
            pending: tasks.len() - completed,
            completed,
        }
    }
}
