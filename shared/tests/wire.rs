//! The JSON that serde writes matches the OpenAPI schema: both derive from the same types, with different attributes.
#![cfg(feature = "openapi")]
#![allow(clippy::panic, clippy::unwrap_used)]

use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde::Serialize;
use serde_json::{Value, json};
use shared::account::{CurrentSession, Renewed, Session, SignIn, SignUp, SignedIn, SignedOut, SignedUp, User};
use shared::notifications::{Notifications, NotificationsChange};
use shared::problem::{FieldError, Problem};
use shared::profile::{
    AccessToken, AccountDeleted, Activity, Capabilities, Done, EmailChange, Export, PasswordChange, PasswordProof,
    ProfileChange, SessionChoice,
};
use shared::recovery::{EmailVerified, LinkRequest, LinkRequested, PasswordReset};
use shared::task::{Completion, NewTask, Task};
use shared::two_factor::{CodeProof, CodeWanted, PasswordAndCode, RecoveryCodes, TwoFactorSetup};

/// Checks that both produce the same JSON.
fn agree<T: ParseFromJSON + ToJSON + Serialize>(json: Value) {
    let value = T::parse_from_json(Some(json.clone())).unwrap_or_else(|_| panic!("{json}"));
    assert_eq!(serde_json::to_value(&value).unwrap(), json);
    // The framework writes the UTC offset as +00:00. Only serde's output is ever sent.
    let described = value.to_json().unwrap().to_string().replace("+00:00", "Z");
    assert_eq!(serde_json::from_str::<Value>(&described).unwrap(), json);
}

#[test]
fn serde_and_the_document_agree_on_every_type() {
    let time = "2030-01-01T00:00:00.000001Z";
    let id = "01920000-0000-7000-8000-000000000001";
    let user = json!({ "id": "u", "name": "n", "email": "e", "emailVerified": true, "image": null,
        "createdAt": time, "updatedAt": time, "twoFactorEnabled": false });
    let session = json!({ "id": "s", "token": "s", "userId": "u", "expiresAt": time, "createdAt": time, "updatedAt": time,
        "ipAddress": null, "userAgent": "b" });
    let task = json!({ "id": id, "user_id": "u", "title": "t", "description": null, "completed": false,
        "due_date": "2030-05-01", "created_at": time, "updated_at": time, "revision": 7 });
    let activity = json!({ "id": id, "event": "signed_in", "createdAt": time, "ipAddress": null, "userAgent": "b",
        "requestId": "r" });
    agree::<Task>(task.clone());
    agree::<NewTask>(json!({ "title": "t", "description": "d", "due_date": "2030-05-01" }));
    agree::<Completion>(json!({ "completed": true }));
    agree::<SignUp>(
        json!({ "name": "n", "email": "e@x", "password": "12345678", "rememberMe": true, "callbackURL": "/" }),
    );
    agree::<SignIn>(json!({ "email": "e", "password": "p", "rememberMe": false, "callbackURL": "/" }));
    agree::<User>(user.clone());
    agree::<Session>(session.clone());
    agree::<CurrentSession>(json!({ "session": session, "user": user }));
    agree::<SignedUp>(json!({ "token": null, "user": user }));
    agree::<Renewed>(json!({ "token": "t", "user": user }));
    agree::<SignedIn>(json!({ "redirect": false, "token": "t", "user": user }));
    agree::<SignedOut>(json!({ "success": true }));
    agree::<ProfileChange>(json!({ "name": "n" }));
    agree::<PasswordProof>(json!({ "password": "p" }));
    agree::<PasswordChange>(json!({ "currentPassword": "p", "newPassword": "12345678", "revokeOtherSessions": true }));
    agree::<EmailChange>(json!({ "newEmail": "e@x", "callbackURL": "/" }));
    agree::<SessionChoice>(json!({ "token": "s" }));
    agree::<Done>(json!({ "status": true }));
    agree::<AccountDeleted>(json!({ "success": true, "message": "m" }));
    agree::<AccessToken>(json!({ "token": "t" }));
    agree::<Activity>(activity.clone());
    let notifications =
        json!({ "newDevice": true, "failedSignIns": false, "recoveryCodeUsed": true, "accountDeleted": false });
    agree::<Notifications>(notifications.clone());
    agree::<NotificationsChange>(json!({ "newDevice": false }));
    agree::<Export>(
        json!({ "user": user, "notifications": notifications, "sessions": [session], "activity": [activity], "tasks": [task] }),
    );
    agree::<Capabilities>(json!({ "mail": true, "passwordMinLength": 8 }));
    agree::<LinkRequest>(json!({ "email": "e@x", "redirectTo": "/", "callbackURL": "/" }));
    agree::<LinkRequested>(json!({ "status": true, "message": "m" }));
    agree::<PasswordReset>(json!({ "token": "t", "newPassword": "12345678" }));
    agree::<EmailVerified>(json!({ "status": true, "user": user }));
    agree::<PasswordAndCode>(json!({ "password": "p", "code": "123456" }));
    agree::<CodeWanted>(json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp"] }));
    agree::<CodeProof>(json!({ "code": "123456", "trustDevice": false }));
    agree::<TwoFactorSetup>(json!({ "totpURI": "otpauth://", "qrCode": "data:", "backupCodes": ["a"] }));
    agree::<RecoveryCodes>(json!({ "status": true, "backupCodes": ["a"] }));
    agree::<FieldError>(json!({ "pointer": "/title", "detail": "d" }));
    agree::<Problem>(
        json!({ "type": "y", "title": "t", "status": 422, "detail": "d", "code": "c",
        "message": "d", "errors": [{ "pointer": "/title", "detail": "d" }] }),
    );
}
