//! The filter and the order of the list in the query of the URL, so that "back" and a bookmark restore them.

use serde::{Deserialize, Serialize};
use yew::prelude::*;
use yew_router::prelude::*;

use super::store::View;
use crate::route::Route;

/// The query. What is the default is absent.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Query {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sort: Option<String>,
}

impl Query {
    fn of(view: View) -> Self {
        let value = |value: &str, default: &str| (value != default).then(|| value.to_owned());
        let default = View::default();
        Self {
            status: value(view.status.as_str(), default.status.as_str()),
            sort: value(view.sort.as_str(), default.sort.as_str()),
        }
    }

    /// Unknown values are ignored.
    fn view(&self) -> View {
        let Self { status, sort } = self;
        View {
            status: status
                .as_deref()
                .and_then(|value| value.parse().ok())
                .unwrap_or_default(),
            sort: sort.as_deref().and_then(|value| value.parse().ok()).unwrap_or_default(),
        }
    }
}

/// The view in the URL, and a callback that changes it.
#[hook]
pub fn use_view() -> (View, Callback<View>) {
    let view = use_location()
        .and_then(|location| location.query::<Query>().ok())
        .unwrap_or_default()
        .view();
    let navigator = use_navigator();
    let show = Callback::from(move |view| {
        if let Some(navigator) = &navigator {
            // Cannot fail: the values are plain words.
            let _ = navigator.replace_with_query(&Route::Tasks, Query::of(view));
        }
    });
    (view, show)
}
