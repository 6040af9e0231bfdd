//! The addresses of the pages, and navigation between them. The pages of the account belong to another program, so a
//! page that leads from one program to the other is loaded by the browser.

use shared::pages::{self, SETTINGS};
use web_sys::Element;
use yew::prelude::*;

use crate::browser::dom;
use crate::browser::history::{self, Address};

/// The pages of the program of the tasks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Route {
    Home,
    Login,
    Signup,
    Tasks,
    NotFound,
}

impl Route {
    /// The page at `path`.
    pub fn of(path: &str) -> Self {
        match pages::without_slash(path) {
            "" => Self::Home,
            "/login" => Self::Login,
            "/signup" => Self::Signup,
            TASKS => Self::Tasks,
            _ => Self::NotFound,
        }
    }
}

/// The page of the tasks.
pub const TASKS: &str = "/tasks";

/// Whether `path` is a page of the account.
pub fn is_account_page(path: &str) -> bool {
    pages::has(&pages::ACCOUNT, path)
}

/// The URL of the script that starts the program of the account. It is in `index.html`, because the server adds a hash to
/// the name of the file.
pub fn account_script() -> String {
    dom::meta("docket-account")
}

/// The URL of the sign-in page that leads back to `address` after the sign-in.
pub fn sign_in_url(address: &Address) -> String {
    let next = format!("{}{}", address.path, address.query);
    format!("/login?next={}", js_sys::encode_uri_component(&next))
}

/// The URL to go to after the sign-in, from the query of the sign-in page.
pub fn url_after_sign_in(query: &str) -> String {
    let next = dom::parameter(query, "next").unwrap_or_default();
    allowed_target(&next).to_owned()
}

/// `next` if it is the URL of a page that requires a sign-in, otherwise that of the tasks, so that there is no open redirect.
fn allowed_target(next: &str) -> &str {
    let path = next.split_once('?').map_or(next, |(path, _)| path);
    if next == SETTINGS || Route::of(path) == Route::Tasks {
        next
    } else {
        TASKS
    }
}

/// The target of a plain click on a link to a page of this program. All other clicks are left to the browser.
pub fn followed_link(event: &MouseEvent) -> Option<String> {
    let plain = !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let link = event.target_dyn_into::<Element>()?.closest("a[href^='/']").ok()??;
    let href = link.get_attribute("href")?;
    let path = href.split_once('?').map_or(href.as_str(), |(path, _)| path);
    (plain && !is_account_page(path)).then_some(href)
}

#[derive(PartialEq, Properties)]
pub struct RedirectProps {
    /// The URL of a page of this program.
    pub to: AttrValue,
}

/// Goes to another page of this program and replaces the entry in the history, so that "back" does not return here.
#[component]
pub fn Redirect(props: &RedirectProps) -> Html {
    use_effect_with(props.to.clone(), |to| history::replace(to));
    Html::default()
}

#[derive(PartialEq, Properties)]
pub struct LoadPageProps {
    /// A path of this site, with its query.
    pub to: AttrValue,
}

/// Loads a page of the other program and replaces the entry in the history.
#[component]
pub fn LoadPage(props: &LoadPageProps) -> Html {
    use_effect_with(props.to.clone(), |to| dom::replace_page(to));
    Html::default()
}

#[cfg(test)]
mod tests {
    use shared::pages;

    use super::{Route, TASKS, allowed_target};

    #[test]
    fn the_server_knows_the_same_pages() {
        let routes = pages::MAIN.map(Route::of);
        assert_eq!(routes, [Route::Home, Route::Login, Route::Signup, Route::Tasks]);
        for path in [
            "/tasks",
            "/tasks/",
            "/tasks//",
            "/task",
            "/tasks/1",
            "/404",
            "/settings",
        ] {
            let shown = Route::of(path) != Route::NotFound;
            assert_eq!(shown, pages::has(&pages::MAIN, path), "{path}");
        }
    }

    #[test]
    fn sign_in_leads_back_to_the_requested_page() {
        for next in ["/tasks?status=pending&sort=title", "/tasks", "/settings"] {
            assert_eq!(allowed_target(next), next);
        }
    }

    #[test]
    fn there_is_no_open_redirect() {
        for next in [
            "//example.com/tasks",
            "https://example.com",
            "/\\example.com",
            "javascript:alert(1)",
            "",
            "/login",
            "/settings/../login",
            "/reset-password?token=x",
        ] {
            assert_eq!(allowed_target(next), TASKS, "{next}");
        }
    }
}
