//! A boolean state of a component, initially false.

use yew::prelude::*;

/// The one instance of Yew's generic hook for booleans: each further instance adds to the size of the client.
#[hook]
pub fn use_flag() -> UseStateHandle<bool> {
    use_state_eq(bool::default)
}
