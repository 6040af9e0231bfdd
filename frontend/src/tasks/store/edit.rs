//! An edit of a task, and how it is merged with a change that another device made meanwhile.

use chrono::NaiveDate;
use serde::Serialize;
use shared::task::{NewTask, Task, TaskChange};

/// What a person made of a task, and what it was made of. Only members that differ between the two are ever sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edit {
    /// The members as the person saw them.
    pub base: NewTask,
    /// The members as the person wants them.
    pub mine: NewTask,
}

/// Which value of a member holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The edit's: nobody else changed the member.
    Mine,
    /// The task's: the edit does not change the member, or changes it to the same value.
    Theirs,
    /// Both changed the member, to different values. Until somebody decides, the task's value holds.
    Conflict,
}

/// The side of each member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sides {
    /// The side of the title.
    pub title: Side,
    /// The side of the description.
    pub description: Side,
    /// The side of the due date.
    pub due_date: Side,
}

/// The members of a task that an edit can change.
pub fn members(task: &Task) -> NewTask {
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
    /// Whether a member has two values to choose from.
    pub fn conflict(self) -> bool {
        [self.title, self.description, self.due_date].contains(&Side::Conflict)
    }
}

impl Edit {
    /// An edit that changes nothing yet.
    pub fn of(task: &Task) -> Self {
        Self {
            base: members(task),
            mine: members(task),
        }
    }

    /// Compares the edit with the task as it is now: a merge of three ways.
    pub fn sides(&self, theirs: &NewTask) -> Sides {
        let Self { base, mine } = self;
        Sides {
            title: Side::of(&base.title, &mine.title, &theirs.title),
            description: Side::of(&base.description, &mine.description, &theirs.description),
            due_date: Side::of(&base.due_date, &mine.due_date, &theirs.due_date),
        }
    }

    /// What to change of the task as it is now. A conflict changes nothing.
    pub fn changes(&self, theirs: &NewTask) -> TaskChange {
        let sides = self.sides(theirs);
        let mine = &self.mine;
        TaskChange {
            title: (sides.title == Side::Mine).then(|| mine.title.clone()),
            description: (sides.description == Side::Mine).then(|| mine.description.clone()),
            due_date: (sides.due_date == Side::Mine).then_some(mine.due_date),
        }
    }

    /// The edit after a person decided between it and the task as it is now: members that are [`Side::Mine`] in `chosen`
    /// are kept.
    pub fn decided(&self, theirs: &NewTask, chosen: Sides) -> Self {
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

    /// This edit and a later one of the same task as one edit.
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

/// What one member was and became in two edits, one after the other.
fn chain<'a, T: PartialEq>(first: (&'a T, &'a T), later: (&'a T, &'a T)) -> (&'a T, &'a T) {
    if later.0 == later.1 {
        first
    } else if later.0 == first.1 {
        (first.0, later.1)
    } else {
        // The later edit was made of a newer value than the first one's.
        later
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use shared::task::{NewTask, TaskChange};

    use super::{Edit, Side, Sides};

    /// The values that a member takes in these tests, by number.
    fn members(values: [usize; 3]) -> NewTask {
        let [title, description, due_date] = values;
        NewTask {
            title: format!("Title {title}"),
            // Number 0 is none: to clear a member is a change like any other.
            description: (description > 0).then(|| format!("Description {description}")),
            due_date: (due_date > 0)
                .then(|| NaiveDate::from_ymd_opt(2030, 1, u32::try_from(due_date).unwrap_or(1)))
                .flatten(),
        }
    }

    /// What base, mine and theirs of one member can be, and which side holds.
    const CASES: [([usize; 3], Side); 6] = [
        ([0, 0, 0], Side::Theirs),
        ([0, 1, 0], Side::Mine),
        ([0, 0, 1], Side::Theirs),
        ([0, 1, 1], Side::Theirs),
        ([0, 1, 2], Side::Conflict),
        // Cleared by one, changed by the other.
        ([1, 0, 2], Side::Conflict),
    ];

    /// Calls `check` with every combination of the cases for the three members.
    fn each(check: impl Fn(&Edit, &NewTask, Sides)) {
        for (title, title_side) in CASES {
            for (description, description_side) in CASES {
                for (due_date, due_date_side) in CASES {
                    let at = |version: usize| members([title[version], description[version], due_date[version]]);
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
    fn every_member_is_merged_by_itself() {
        each(|edit, theirs, sides| {
            assert_eq!(edit.sides(theirs), sides, "{edit:?} and {theirs:?}");
            let conflicts = [sides.title, sides.description, sides.due_date].contains(&Side::Conflict);
            assert_eq!(sides.conflict(), conflicts);
        });
    }

    #[test]
    fn only_members_that_nobody_else_changed_are_sent() {
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
    fn a_decision_leaves_no_conflict_and_keeps_what_was_chosen() {
        each(|edit, theirs, sides| {
            for kept in [Side::Mine, Side::Theirs] {
                let choose = |side| if side == Side::Conflict { kept } else { side };
                let chosen = Sides {
                    title: choose(sides.title),
                    description: choose(sides.description),
                    due_date: choose(sides.due_date),
                };
                let decided = edit.decided(theirs, chosen);
                assert!(!decided.sides(theirs).conflict());
                let value = |side| if side == Side::Mine { &edit.mine } else { theirs };
                assert_eq!(decided.mine.title, value(chosen.title).title);
                assert_eq!(decided.mine.description, value(chosen.description).description);
                assert_eq!(decided.mine.due_date, value(chosen.due_date).due_date);
            }
        });
    }

    #[test]
    fn two_edits_of_a_task_are_one() {
        let edit = |base, mine| Edit {
            base: members(base),
            mine: members(mine),
        };
        // The second goes on from what the first one wrote.
        let first = edit([0, 0, 0], [1, 0, 0]);
        assert_eq!(first.then(&edit([1, 0, 0], [2, 0, 0])), edit([0, 0, 0], [2, 0, 0]));
        assert_eq!(first.then(&edit([1, 0, 0], [1, 3, 0])), edit([0, 0, 0], [1, 3, 0]));
        // The second saw a newer title than the first one wrote, so that title is what it changes.
        assert_eq!(first.then(&edit([4, 0, 0], [2, 0, 0])), edit([4, 0, 0], [2, 0, 0]));
        // The second does not touch the title, whatever it was.
        assert_eq!(first.then(&edit([4, 0, 0], [4, 0, 5])), edit([0, 0, 0], [1, 0, 5]));
    }
}
