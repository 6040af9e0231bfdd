//! Times as text.

use chrono::{DateTime, SecondsFormat, Utc};
use yew::prelude::*;

use crate::browser::clock;

/// A date and time as the user's locale writes them, in the local time zone.
pub fn time(at: DateTime<Utc>) -> Html {
    html! { <time datetime={at.to_rfc3339_opts(SecondsFormat::Secs, true)}>{ clock::localized(at) }</time> }
}
