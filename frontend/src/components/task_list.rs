use std::collections::BTreeSet;

use chrono::NaiveDate;
use shared::task::Task;
use uuid::Uuid;
use yew::prelude::*;

use super::task_row::{TaskAction, TaskRow};

#[derive(PartialEq, Properties)]
pub struct TaskListProps {
    pub tasks: Vec<Task>,
    pub today: NaiveDate,
    /// The tasks of which a change waits to be sent, and cannot be sent now.
    pub waiting: BTreeSet<Uuid>,
    pub onaction: Callback<(Task, TaskAction)>,
}

/// The tasks, in the order they are given.
#[component]
pub fn TaskList(props: &TaskListProps) -> Html {
    let rows = props.tasks.iter().map(|task| {
        html! {
            <TaskRow key={task.id.to_string()} task={task.clone()} today={props.today}
                waiting={props.waiting.contains(&task.id)} onaction={props.onaction.clone()} />
        }
    });
    // Without the role, Safari does not take a list without bullets for a list.
    html! { <ul class="list" role="list" aria-label="Tasks">{ for rows }</ul> }
}
