//! Tasks: wire types, limits, order.

use std::cmp::Ordering;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::problem::FieldError;
use crate::rules::{Check, Verdict, text};
use crate::times;
use crate::unicode::folded;

/// The longest title, in characters after trimming.
pub const TITLE_MAX: usize = 200;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 1000;
/// The longest key of a title, in characters: normal forms can be longer than what they stand for.
pub const TITLE_KEY_MAX: usize = 4 * TITLE_MAX;
/// The tasks of a page when the request does not say.
pub const LIMIT_DEFAULT: u16 = 100;
/// The most tasks a page can have.
pub const LIMIT_MAX: u16 = 500;
/// Where a task without a due date is sorted: on the last day that can be written with four digits of year.
const NO_DUE_DATE: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(day) => day,
    None => NaiveDate::MAX,
};

/// A task as the server answers it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(example))]
pub struct Task {
    /// Chosen by the server, or by the client through `Idempotency-Key`.
    pub id: Uuid,
    /// The owner, an opaque string.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 255)))]
    pub user_id: String,
    /// 1 to 200 characters.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 1, max_length = 200)))]
    pub title: String,
    /// Up to 1000 characters; null when there is none.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 1000)))]
    pub description: Option<String>,
    /// Whether it is done.
    pub completed: bool,
    /// The day it is due, without a time; null when there is none.
    #[serde(deserialize_with = "times::day")]
    pub due_date: Option<NaiveDate>,
    /// When it was made.
    #[serde(deserialize_with = "times::time")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(deserialize_with = "times::time")]
    pub updated_at: DateTime<Utc>,
    /// The owner's revision at the last change. Its `ETag` is this number in quotes.
    pub revision: i64,
}

impl Task {
    /// What tasks are sorted by when they are sorted by due date: those without one come last.
    pub fn due_date_key(due_date: Option<NaiveDate>) -> NaiveDate {
        due_date.unwrap_or(NO_DUE_DATE)
    }
}

/// The body of a create.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, example, skip_serializing_if_is_none))]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// 1 to 200 characters after trimming.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 1, max_length = 200)))]
    pub title: String,
    /// Up to 1000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 1000)))]
    pub description: Option<String>,
    /// The day it is due.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "times::day")]
    pub due_date: Option<NaiveDate>,
}

impl Check for NewTask {
    const NULLABLE: &'static [&'static str] = &["description", "due_date"];

    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let title = verdict.field("title", title(&self.title));
        let description = verdict.field("description", description(self.description));
        let due_date = verdict.field("due_date", due_date(self.due_date));
        let task = title
            .zip(description)
            .zip(due_date)
            .map(|((title, description), due_date)| Self {
                title,
                description,
                due_date,
            });
        verdict.finish(task)
    }
}

/// The body of an update: a member that is absent stays as it is, an explicit null clears.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, example, skip_serializing_if_is_none))]
#[serde(deny_unknown_fields)]
pub struct TaskChange {
    /// 1 to 200 characters after trimming. Cannot be null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 1, max_length = 200)))]
    pub title: Option<String>,
    /// Up to 1000 characters; null clears it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 1000)))]
    pub description: Option<Option<String>>,
    /// The day it is due; null clears it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present_day")]
    pub due_date: Option<Option<NaiveDate>>,
}

impl TaskChange {
    /// Whether it would change nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Check for TaskChange {
    const NULLABLE: &'static [&'static str] = &["description", "due_date"];

    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let title = verdict.field("title", self.title.map(|new| title(&new)).transpose());
        let description = verdict.field("description", self.description.map(description).transpose());
        let due_date = verdict.field("due_date", self.due_date.map(due_date).transpose());
        let change = title
            .zip(description)
            .zip(due_date)
            .map(|((title, description), due_date)| Self {
                title,
                description,
                due_date,
            });
        verdict.finish(change)
    }
}

/// The optional body of the completion operation: without it the task is toggled.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, example, skip_serializing_if_is_none))]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// What the task shall be.
    pub completed: bool,
}

impl Check for Completion {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        Ok(self)
    }
}

/// A title in normal form, or what is wrong with it.
pub fn title(value: &str) -> Result<String, String> {
    let value = value.trim();
    text("A title", value, 1, TITLE_MAX)?;
    Ok(value.to_owned())
}

/// A description in normal form (a blank one is none), or what is wrong with it.
pub fn description(value: Option<String>) -> Result<Option<String>, String> {
    let Some(value) = value else { return Ok(None) };
    let value = value.trim_end();
    text("A description", value, 0, DESCRIPTION_MAX)?;
    Ok((!value.trim().is_empty()).then(|| value.to_owned()))
}

/// A due date, or what is wrong with it: years have four digits.
pub fn due_date(value: Option<NaiveDate>) -> Result<Option<NaiveDate>, String> {
    match value {
        Some(day) if !(1..=9999).contains(&day.year()) => Err("A due date needs a year from 0001 to 9999.".to_owned()),
        value => Ok(value),
    }
}

/// What a title is sorted by: letter case and compatibility forms do not count. At most [`TITLE_KEY_MAX`] characters.
pub fn title_key(title: &str) -> String {
    folded(title).chars().take(TITLE_KEY_MAX).collect()
}

/// Why a word is not one of a query parameter's values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownWord {
    /// The words it may be.
    pub expected: &'static [&'static str],
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
        #[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
        pub enum $name {
            $($(#[$variant_doc])* #[cfg_attr(feature = "openapi", oai(rename = $word))] $variant),+
        }

        impl $name {
            /// Every value, in the order of its declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// Every value as it stands in a query string.
            pub const WORDS: &[&str] = &[$($word),+];

            /// The value as it stands in a query string.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { expected: Self::WORDS }),
                }
            }
        }
    };
}

words! {
    /// Which tasks a list shows.
    Status {
        /// Every task.
        #[default]
        All = "all",
        /// Those to do.
        Pending = "pending",
        /// Those done.
        Completed = "completed",
    }
}

words! {
    /// What a list is sorted by. Each has a natural direction, `Order::Natural`.
    Sort {
        /// When it was made, newest first.
        #[default]
        Created = "created",
        /// When it last changed, latest first.
        Updated = "updated",
        /// By title, A to Z.
        Title = "title",
        /// By due date, soonest first, tasks without one last.
        DueDate = "due_date",
    }
}

words! {
    /// The direction of a list.
    Order {
        /// The direction that suits the sort.
        #[default]
        Natural = "natural",
        /// Smallest, oldest or soonest first.
        Ascending = "asc",
        /// Largest, newest or latest first.
        Descending = "desc",
    }
}

impl Status {
    /// Whether a list with this filter shows `task`.
    pub fn shows(self, task: &Task) -> bool {
        match self {
            Self::All => true,
            Self::Pending => !task.completed,
            Self::Completed => task.completed,
        }
    }
}

impl Sort {
    /// Whether `order` runs from large to small for this sort.
    pub fn is_descending(self, order: Order) -> bool {
        match order {
            Order::Ascending => false,
            Order::Descending => true,
            Order::Natural => matches!(self, Self::Created | Self::Updated),
        }
    }

    /// The order of the server's list, for a client that holds the tasks itself.
    pub fn compare(self, order: Order, a: &Task, b: &Task) -> Ordering {
        let key = match self {
            Self::Created => a.created_at.cmp(&b.created_at),
            Self::Updated => a.revision.cmp(&b.revision),
            Self::Title => title_key(&a.title).cmp(&title_key(&b.title)),
            Self::DueDate => Task::due_date_key(a.due_date).cmp(&Task::due_date_key(b.due_date)),
        };
        let ascending = key.then(a.id.cmp(&b.id));
        if self.is_descending(order) {
            ascending.reverse()
        } else {
            ascending
        }
    }
}

/// Tells an explicit null from an absent member.
fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// Tells an explicit null from an absent day.
fn present_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<NaiveDate>>, D::Error> {
    times::day(deserializer).map(Some)
}
