//! The filter and the order of the list in the query of the URL, so that "back" and a bookmark restore them.

use serde::Serialize;
use yew::prelude::*;
use yew_router::prelude::*;

use super::store::View;
use crate::browser::dom;
use crate::route::Route;

/// The query. What is the default is absent.
#[derive(Serialize)]
struct Query {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<&'static str>,
}

impl Query {
    fn of(view: View) -> Self {
        let value = |value: &'static str, default: &str| (value != default).then_some(value);
        let default = View::default();
        Self {
            status: value(view.status.as_str(), default.status.as_str()),
            sort: value(view.sort.as_str(), default.sort.as_str()),
        }
    }
}

/// The view in a query. Unknown values are ignored.
fn view_in(query: &str) -> View {
    let value = |name| dom::parameter(query, name).unwrap_or_default();
    View {
        status: value("status").parse().unwrap_or_default(),
        sort: value("sort").parse().unwrap_or_default(),
    }
}

/// The view in the URL, and a callback that changes it.
#[hook]
pub fn use_view() -> (View, Callback<View>) {
    let view = use_location().map_or_else(View::default, |location| view_in(location.query_str()));
    let navigator = use_navigator();
    let show = Callback::from(move |view| {
        if let Some(navigator) = &navigator {
            // Cannot fail: the values are plain words.
            let _ = navigator.replace_with_query(&Route::Tasks, Query::of(view));
        }
    });
    (view, show)
}
