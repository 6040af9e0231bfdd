//! Mutual exclusion among tabs by the Web Locks API.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

/// Runs `work` while this tab holds the lock `name`; waits for the lock first. The browser releases the lock when the tab
/// is closed. Without the API, as on an insecure origin, runs `work` without a lock.
pub async fn exclusive<T: 'static>(name: &str, work: impl Future<Output = T> + 'static) -> T {
    let Some((locks, request)) = lock_manager() else {
        return work.await;
    };
    let work = Rc::new(RefCell::new(Some(work)));
    let result = Rc::new(RefCell::new(None));
    let granted = {
        let (work, result) = (work.clone(), result.clone());
        Closure::once(move |_lock: JsValue| -> Promise {
            let work = work.borrow_mut().take();
            future_to_promise(async move {
                if let Some(work) = work {
                    let value = work.await;
                    *result.borrow_mut() = Some(value);
                }
                Ok(JsValue::UNDEFINED)
            })
        })
    };
    if let Ok(promise) = request.call2(&locks, &name.into(), granted.as_ref()) {
        // The result is passed through `result`; the promise only tells that the lock is released.
        let _ = JsFuture::from(Promise::from(promise)).await;
    }
    let done = result.borrow_mut().take();
    let left = work.borrow_mut().take();
    match (done, left) {
        (Some(value), _) => value,
        // The browser rejected the request before the work started.
        (None, Some(work)) => work.await,
        // Unreachable: the lock is held until the work has set its result.
        (None, None) => std::future::pending().await,
    }
}

fn lock_manager() -> Option<(JsValue, Function)> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    let request = Reflect::get(&locks, &"request".into()).ok()?;
    Some((locks, request.dyn_into().ok()?))
}
