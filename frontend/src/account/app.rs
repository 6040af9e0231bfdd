//! The program of the account: which page is at which path. It is separate, so that a visit of the tasks does not load it;
//! links between the two programs load a page.

use shared::pages::{self, CONFIRM_EMAIL_CHANGE, FORGOT_PASSWORD, RESET_PASSWORD, UNDO_EMAIL_CHANGE, VERIFY_EMAIL};
use yew::prelude::*;

use super::confirm_email_change::ConfirmEmailChangePage;
use super::forgot_password::ForgotPasswordPage;
use super::left::Left;
use super::reset_password::ResetPasswordPage;
use super::settings::SettingsPage;
use super::undo_email_change::UndoEmailChangePage;
use super::verify_email::VerifyEmailPage;
use crate::browser::dom;
use crate::route::LoadPage;
use crate::session::use_current_user;
use crate::ui::toast::use_toasts;

/// The program.
#[component]
pub fn AccountApp() -> Html {
    let (toasts, toast_region) = use_toasts();
    let current = use_current_user(&toasts);
    let left = use_state_eq(|| None::<Left>);
    let leave = {
        let (left, end_session) = (left.setter(), current.end_session.clone());
        Callback::from(move |new: Left| {
            let end = new.session_end();
            left.set(Some(new));
            end_session.emit(end);
        })
    };
    use_effect_with((), |()| dom::reload_on_other_fragment());
    let end_session = &current.end_session;
    let start_session = &current.start_session;
    let token = || dom::fragment("token").unwrap_or_default();
    let page = match (pages::without_slash(&dom::path()), &current.user) {
        (FORGOT_PASSWORD, _) => html! { <ForgotPasswordPage /> },
        (RESET_PASSWORD, _) => html! { <ResetPasswordPage token={token()} {end_session} /> },
        (VERIFY_EMAIL, _) => html! { <VerifyEmailPage token={token()} {start_session} /> },
        (CONFIRM_EMAIL_CHANGE, _) => html! { <ConfirmEmailChangePage token={token()} {start_session} /> },
        (UNDO_EMAIL_CHANGE, _) => html! { <UndoEmailChangePage token={token()} {end_session} /> },
        (_, Some(user)) => html! {
            <SettingsPage key={user.id.clone()} user={user.clone()} {start_session} {end_session} {leave} {toasts} />
        },
        (_, None) if left.is_some() => left.as_ref().map(Left::page).unwrap_or_default(),
        (_, None) => html! { <LoadPage to="/login?next=%2Fsettings" /> },
    };
    html! {
        <>
            { page }
            { toast_region }
        </>
    }
}
