//! What this browser stores of a user besides the session: the keys, and the removal of what is not of the user.

use crate::api::stored_session;
use crate::browser::storage::Area;

const PREFIX: &str = "docket.";

/// The key of this kind of data of a user. A longer key continues after a slash, which no encoded id contains, so no key is
/// the prefix of one of another user.
pub fn key(kind: &str, user_id: &str) -> String {
    format!("{PREFIX}{kind}.{}", js_sys::encode_uri_component(user_id))
}

/// Removes the data of everybody but the owner of the session, and all data after a sign-out.
pub fn remove_of_others() {
    let owner = stored_session::owner().map(|id| String::from(js_sys::encode_uri_component(&id)));
    for area in [Area::Local, Area::Tab] {
        for key in area.keys(PREFIX) {
            if !is_of(&key, owner.as_deref()) {
                area.remove(&key);
            }
        }
    }
}

/// Whether data is of `owner`, an encoded id. Keys without an id are of no user.
fn is_of(key: &str, owner: Option<&str>) -> bool {
    let kind_and_id = key.strip_prefix(PREFIX).and_then(|key| key.split_once('.'));
    let Some((_, id)) = kind_and_id else {
        return true;
    };
    // Keys of an earlier version continue after a dot.
    owner
        .and_then(|owner| id.strip_prefix(owner))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn data_belongs_to_the_user_in_its_key() {
        for key in ["docket.new.a", "docket.draft.a/1", "docket.draft.a.new"] {
            assert!(is_of(key, Some("a")), "{key}");
            assert!(!is_of(key, Some("b")), "{key}");
            assert!(!is_of(key, None), "{key}");
        }
        assert!(!is_of("docket.draft.ab/1", Some("a")));
        assert!(is_of("docket.session", None));
    }
}
