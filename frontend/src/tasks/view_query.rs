//! The filter and the order of the list in the query of the URL, so that "back" and a bookmark restore them.

use yew::prelude::*;

use super::store::View;
use crate::browser::dom;
use crate::browser::history::{self, use_address};
use crate::route::TASKS;

/// The view in a query. Unknown values are ignored.
fn view_in(query: &str) -> View {
    let value = |name| dom::parameter(query, name).unwrap_or_default();
    View {
        status: value("status").parse().unwrap_or_default(),
        sort: value("sort").parse().unwrap_or_default(),
    }
}

/// The URL of a view. What is the default is absent.
fn url(view: View) -> String {
    let default = View::default();
    let mut url = TASKS.to_owned();
    let mut add = |name: &str, value: &str, default: &str| {
        if value != default {
            let separator = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{separator}{name}={value}"));
        }
    };
    add("status", view.status.as_str(), default.status.as_str());
    add("sort", view.sort.as_str(), default.sort.as_str());
    url
}

/// The view in the URL, and a callback that changes it.
#[hook]
pub fn use_view() -> (View, Callback<View>) {
    let view = view_in(&use_address().query);
    (view, Callback::from(|view| history::replace(&url(view))))
}

#[cfg(test)]
mod tests {
    use shared::task::{Sort, Status};

    use super::{View, url};

    #[test]
    fn the_default_is_absent_in_the_url() {
        assert_eq!(url(View::default()), "/tasks");
        let (status, sort) = (Status::Pending, Sort::Title);
        assert_eq!(url(View { status, sort }), "/tasks?status=pending&sort=title");
        let status = Status::default();
        assert_eq!(url(View { status, sort }), "/tasks?sort=title");
    }
}
