//! An edit of a task, and its three-way merge with a change by another device.

use chrono::NaiveDate;
use serde::Serialize;
use shared::task::{NewTask, Task, TaskChange};

/// An edit of a task. Only the fields that differ between `base` and `mine` are sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edit {
    /// The fields before the edit.
    pub base: NewTask,
    /// The fields after the edit.
    pub mine: NewTask,
}

/// The value of a field that the merge takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The edit's: no other device changed the field.
    Mine,
    /// The task's: the edit does not change the field, or changes it to the same value.
    Theirs,
    /// Both changed the field, to different values. Until the user decides, the task's value is shown.
    Conflict,
}

/// The merge of each field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sides {
    pub title: Side,
    pub description: Side,
    pub due_date: Side,
}

/// The fields of a task that an edit can change.
pub fn fields(task: &Task) -> NewTask {
    NewTask {
        title: task.title.clone(),
        description: task.description.clone(),
        due_date: task.due_date,
    }
}

impl Side {
    fn of<T: PartialEq>(base: &T, mine: &T, theirs: &T) -> Self {
        if mine == base || mine == theirs {
            Self::Theirs
        } else if theirs == base {
            Self::Mine
        } else {
            Self::Conflict
        }
    }

    fn pick<T: Clone>(self, mine: &T, theirs: &T) -> T {
        if self == Self::Mine { mine } else { theirs }.clone()
    }
}

impl Sides {
    /// Whether a field is in conflict.
    pub fn has_conflict(self) -> bool {
        [self.title, self.description, self.due_date].contains(&Side::Conflict)
    }
}

impl Edit {
    /// An edit that changes nothing.
    pub fn of(task: &Task) -> Self {
        Self {
            base: fields(task),
            mine: fields(task),
        }
    }

    /// Merges the edit with the current task.
    pub fn sides(&self, theirs: &NewTask) -> Sides {
        let Self { base, mine } = self;
        Sides {
            title: Side::of(&base.title, &mine.title, &theirs.title),
            description: Side::of(&base.description, &mine.description, &theirs.description),
            due_date: Side::of(&base.due_date, &mine.due_date, &theirs.due_date),
        }
    }

    /// The change to send for the current task. Fields in conflict are left out.
    pub fn changes(&self, theirs: &NewTask) -> TaskChange {
        let sides = self.sides(theirs);
        let mine = &self.mine;
        TaskChange {
            title: (sides.title == Side::Mine).then(|| mine.title.clone()),
            description: (sides.description == Side::Mine).then(|| mine.description.clone()),
            due_date: (sides.due_date == Side::Mine).then_some(mine.due_date),
        }
    }

    /// The edit after the user resolved its conflict with the current task: the fields that are [`Side::Mine`] in `chosen`
    /// keep the edit's value.
    pub fn resolved(&self, theirs: &NewTask, chosen: Sides) -> Self {
        let mine = &self.mine;
        Self {
            base: theirs.clone(),
            mine: NewTask {
                title: chosen.title.pick(&mine.title, &theirs.title),
                description: chosen.description.pick(&mine.description, &theirs.description),
                due_date: chosen.due_date.pick(&mine.due_date, &theirs.due_date),
            },
        }
    }

    /// Combines this edit and a later one of the same task.
    pub fn then(&self, later: &Self) -> Self {
        let ((from, to), (seen, wanted)) = ((&self.base, &self.mine), (&later.base, &later.mine));
        let title = chain((&from.title, &to.title), (&seen.title, &wanted.title));
        let description = chain(
            (&from.description, &to.description),
            (&seen.description, &wanted.description),
        );
        let due_date = chain((&from.due_date, &to.due_date), (&seen.due_date, &wanted.due_date));
        let whole = |title: &String, description: &Option<String>, due_date: &Option<NaiveDate>| NewTask {
            title: title.clone(),
            description: description.clone(),
            due_date: *due_date,
        };
        Self {
            base: whole(title.0, description.0, due_date.0),
            mine: whole(title.1, description.1, due_date.1),
        }
    }
}

/// Combines the values of one field before and after each of two edits.
fn chain<'a, T: PartialEq>(first: (&'a T, &'a T), later: (&'a T, &'a T)) -> (&'a T, &'a T) {
    if later.0 == later.1 {
        first
    } else if later.0 == first.1 {
        (first.0, later.1)
    } else {
        // The later edit is based on a newer value than the first one wrote.
        later
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use shared::task::{NewTask, TaskChange};

    use super::{Edit, Side, Sides};

    /// Fields with the values of these numbers.
    fn fields(values: [usize; 3]) -> NewTask {
        let [title, description, due_date] = values;
        NewTask {
            title: format!("Title {title}"),
            // Number 0 is none: clearing a field is a change too.
            description: (description > 0).then(|| format!("Description {description}")),
            due_date: (due_date > 0)
                .then(|| NaiveDate::from_ymd_opt(2030, 1, u32::try_from(due_date).unwrap_or(1)))
                .flatten(),
        }
    }

    /// The numbers of base, mine and theirs, and the side that the merge takes.
    const CASES: [([usize; 3], Side); 6] = [
        ([0, 0, 0], Side::Theirs),
        ([0, 1, 0], Side::Mine),
        ([0, 0, 1], Side::Theirs),
        ([0, 1, 1], Side::Theirs),
        ([0, 1, 2], Side::Conflict),
        // Cleared on one device, changed on the other.
        ([1, 0, 2], Side::Conflict),
    ];

    /// Calls `check` with each combination of the cases for the three fields.
    fn each(check: impl Fn(&Edit, &NewTask, Sides)) {
        for (title, title_side) in CASES {
            for (description, description_side) in CASES {
                for (due_date, due_date_side) in CASES {
                    let at = |version: usize| fields([title[version], description[version], due_date[version]]);
                    let edit = Edit {
                        base: at(0),
                        mine: at(1),
                    };
                    let sides = Sides {
                        title: title_side,
                        description: description_side,
                        due_date: due_date_side,
                    };
                    check(&edit, &at(2), sides);
                }
            }
        }
    }

    #[test]
    fn each_field_is_merged_separately() {
        each(|edit, theirs, sides| {
            assert_eq!(edit.sides(theirs), sides, "{edit:?} and {theirs:?}");
            let conflicts = [sides.title, sides.description, sides.due_date].contains(&Side::Conflict);
            assert_eq!(sides.has_conflict(), conflicts);
        });
    }

    #[test]
    fn only_fields_that_no_other_device_changed_are_sent() {
        each(|edit, theirs, sides| {
            let mine = edit.mine.clone();
            let expected = TaskChange {
                title: (sides.title == Side::Mine).then_some(mine.title),
                description: (sides.description == Side::Mine).then_some(mine.description),
                due_date: (sides.due_date == Side::Mine).then_some(mine.due_date),
            };
            assert_eq!(edit.changes(theirs), expected, "{edit:?} and {theirs:?}");
        });
    }

    #[test]
    fn a_resolved_conflict_keeps_the_chosen_values() {
        each(|edit, theirs, sides| {
            for kept in [Side::Mine, Side::Theirs] {
                let choose = |side| if side == Side::Conflict { kept } else { side };
                let chosen = Sides {
                    title: choose(sides.title),
                    description: choose(sides.description),
                    due_date: choose(sides.due_date),
                };
                let resolved = edit.resolved(theirs, chosen);
                assert!(!resolved.sides(theirs).has_conflict());
                let value = |side| if side == Side::Mine { &edit.mine } else { theirs };
                assert_eq!(resolved.mine.title, value(chosen.title).title);
                assert_eq!(resolved.mine.description, value(chosen.description).description);
                assert_eq!(resolved.mine.due_date, value(chosen.due_date).due_date);
            }
        });
    }

    #[test]
    fn two_edits_of_a_task_are_combined() {
        let edit = |base, mine| Edit {
            base: fields(base),
            mine: fields(mine),
        };
        // The second edit is based on the result of the first.
        let first = edit([0, 0, 0], [1, 0, 0]);
        assert_eq!(first.then(&edit([1, 0, 0], [2, 0, 0])), edit([0, 0, 0], [2, 0, 0]));
        assert_eq!(first.then(&edit([1, 0, 0], [1, 3, 0])), edit([0, 0, 0], [1, 3, 0]));
        // The second edit is based on a newer title than the first one wrote.
        assert_eq!(first.then(&edit([4, 0, 0], [2, 0, 0])), edit([4, 0, 0], [2, 0, 0]));
        // The second edit does not change the title.
        assert_eq!(first.then(&edit([4, 0, 0], [4, 0, 5])), edit([0, 0, 0], [1, 0, 5]));
    }
}
