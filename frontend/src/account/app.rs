//! The pages of the account. They are a program of their own, so that nobody who comes for the tasks has to load them;
//! one goes there and back by plain links that load a page.

use shared::pages::{self, FORGOT_PASSWORD, RESET_PASSWORD, VERIFY_EMAIL};
use yew::prelude::*;

use crate::components::leave::Leave;
use crate::components::toast::use_toasts;
use crate::dom;
use crate::pages::deleted::deleted_page;
use crate::pages::forgot_password::ForgotPasswordPage;
use crate::pages::reset_password::ResetPasswordPage;
use crate::pages::settings::SettingsPage;
use crate::pages::verify_email::VerifyEmailPage;
use crate::session::{End, use_current_user};

/// Whether a page of the account is at `path`.
pub fn is_page(path: &str) -> bool {
    pages::has(&pages::ACCOUNT, path)
}

/// The address of the script that starts the program: `index.html` says it, because the server adds a hash to its name.
pub fn script() -> String {
    dom::meta("docket-account")
}

/// The program.
#[component]
pub fn AccountApp() -> Html {
    let current = use_current_user();
    let (toasts, toast_place) = use_toasts();
    let ended = use_state(|| None::<End>);
    let end = {
        let (ended, end) = (ended.setter(), current.end.clone());
        Callback::from(move |how| {
            ended.set(Some(how));
            end.emit(how);
        })
    };
    let token = || dom::query("token").unwrap_or_default();
    let page = match (pages::without_slash(&dom::path()), &current.user) {
        (FORGOT_PASSWORD, _) => html! { <ForgotPasswordPage /> },
        (RESET_PASSWORD, _) => html! { <ResetPasswordPage token={token()} {end} /> },
        (VERIFY_EMAIL, _) => html! { <VerifyEmailPage token={token()} begin={&current.begin} /> },
        (_, Some(user)) => html! {
            <SettingsPage key={user.id.clone()} user={user.clone()} begin={&current.begin} {end} {toasts} />
        },
        // From here only the deletion of the account signs out.
        (_, None) if *ended == Some(End::SignedOut) => deleted_page(),
        (_, None) => html! { <Leave to="/login?next=%2Fsettings" /> },
    };
    html! {
        <>
            { page }
            { toast_place }
        </>
    }
}
