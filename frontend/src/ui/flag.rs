//! A yes or no that a component remembers, unset at first.

use yew::prelude::*;

/// Every use shares this one instance of Yew's generic hook: the client has a size budget.
#[hook]
pub fn use_flag() -> UseStateHandle<bool> {
    use_state_eq(bool::default)
}
