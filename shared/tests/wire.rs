//! What serde writes is what the OpenAPI document promises: both derive from the same types, by different attributes.
#![cfg(feature = "openapi")]
#![allow(clippy::panic, clippy::unwrap_used)]

use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde::Serialize;
use serde_json::{Value, json};
use shared::account::{CurrentSession, Session, SignIn, SignUp, SignedIn, SignedOut, SignedUp, User};
use shared::problem::{FieldError, Problem};
use shared::task::{Completion, NewTask, Task};

/// The members of the value, by both.
fn agree<T: ParseFromJSON + ToJSON + Serialize>(json: Value) {
    let value = T::parse_from_json(Some(json.clone())).unwrap_or_else(|_| panic!("{json}"));
    assert_eq!(serde_json::to_value(&value).unwrap(), json);
    // The framework writes the zone of a time in digits. Only serde's text is ever sent.
    let described = value.to_json().unwrap().to_string().replace("+00:00", "Z");
    assert_eq!(serde_json::from_str::<Value>(&described).unwrap(), json);
}

#[test]
fn serde_and_the_document_agree_on_every_type() {
    let time = "2030-01-01T00:00:00.000001Z";
    let id = "01920000-0000-7000-8000-000000000001";
    let user = json!({ "id": "u", "name": "n", "email": "e", "emailVerified": true, "image": null,
        "createdAt": time, "updatedAt": time });
    let session = json!({ "id": "s", "userId": "u", "expiresAt": time, "createdAt": time, "updatedAt": time,
        "ipAddress": null, "userAgent": "b" });
    agree::<Task>(
        json!({ "id": id, "user_id": "u", "title": "t", "description": null, "completed": false,
        "due_date": "2030-05-01", "created_at": time, "updated_at": time, "revision": 7 }),
    );
    agree::<NewTask>(json!({ "title": "t", "description": "d", "due_date": "2030-05-01" }));
    agree::<Completion>(json!({ "completed": true }));
    agree::<SignUp>(json!({ "name": "n", "email": "e@x", "password": "12345678" }));
    agree::<SignIn>(json!({ "email": "e", "password": "p" }));
    agree::<User>(user.clone());
    agree::<Session>(session.clone());
    agree::<CurrentSession>(json!({ "session": session, "user": user }));
    agree::<SignedUp>(json!({ "token": "t", "user": user }));
    agree::<SignedIn>(json!({ "redirect": false, "token": "t", "user": user }));
    agree::<SignedOut>(json!({ "success": true }));
    agree::<FieldError>(json!({ "pointer": "/title", "detail": "d" }));
    agree::<Problem>(
        json!({ "type": "y", "title": "t", "status": 422, "detail": "d", "code": "c",
        "errors": [{ "pointer": "/title", "detail": "d" }] }),
    );
}
