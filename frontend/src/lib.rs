//! The Docket web client. `app` is the program of a first visit, `account` the one of the account's pages, which are
//! loaded only when one is opened.

pub mod account;
mod api;
pub mod app;
mod browser;
mod failure;
mod route;
mod session;
mod sign_in;
mod tasks;
pub mod ui;
mod user_data;

use browser::dom;

/// Puts the client in the place of the static shell of `index.html`.
pub fn start() {
    if route::is_account_page(&dom::path()) {
        dom::load_script(&route::account_script());
    } else {
        show::<app::App>();
    }
}

/// The same for the pages of the account.
pub fn start_account() {
    show::<account::AccountApp>();
}

fn show<C: yew::BaseComponent<Properties = ()>>() {
    if let Some(root) = dom::element("app") {
        yew::Renderer::<C>::with_root(root).render();
    }
}
