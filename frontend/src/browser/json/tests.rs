//! Tests of JSON, which need the browser's parser.

use serde::{Deserialize, Serialize};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use super::{parse, serialize};

wasm_bindgen_test_configure!(run_in_browser);

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Record {
    user_name: String,
    done: bool,
    revision: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default)]
    kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Kind {
    Plain,
    Wrapped(Wrapper),
    Named { count: u8 },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Wrapper(u16);

fn record() -> Record {
    Record {
        user_name: "Zoë 😀".to_owned(),
        done: true,
        revision: -9_007_199_254_740_991,
        note: Some(String::new()),
        kinds: vec![Kind::Plain, Kind::Wrapped(Wrapper(65_535)), Kind::Named { count: 0 }],
    }
}

#[wasm_bindgen_test]
fn a_parsed_value_is_what_was_serialized() {
    let text = r#"{"userName":"Zoë 😀","done":true,"revision":-9007199254740991,"note":"","kinds":["Plain",{"Wrapped":65535},{"Named":{"count":0}}]}"#;
    assert_eq!(serialize(&record()).as_deref(), Some(text));
    assert_eq!(parse(text), Some(record()));
    assert_eq!(
        parse::<Vec<Record>>(&format!("[{text},{text}]")),
        Some(vec![record(), record()])
    );
}

#[wasm_bindgen_test]
fn null_and_an_absent_member_are_none() {
    let expected = Record {
        user_name: "a".to_owned(),
        ..Record::default()
    };
    for rest in ["", r#","note":null"#, r#","kinds":[]"#] {
        let text = format!(r#"{{"userName":"a","done":false,"revision":0{rest}}}"#);
        assert_eq!(parse(&text).as_ref(), Some(&expected), "{text}");
    }
    assert_eq!(parse::<Option<bool>>("null"), Some(None));
}

#[wasm_bindgen_test]
fn unknown_members_are_ignored() {
    let text = r#"{"userName":"","done":false,"revision":0,"newer":{"a":[1.5]}}"#;
    assert_eq!(parse(text), Some(Record::default()));
}

#[wasm_bindgen_test]
fn a_value_of_another_type_is_rejected() {
    for text in [
        "",
        "<html>",
        "null",
        "[]",
        "{}",
        r#"["",false,0,null,[]]"#,
        r#"{"userName":"","done":false}"#,
        r#"{"userName":null,"done":false,"revision":0}"#,
        r#"{"userName":"","done":0,"revision":0}"#,
        r#"{"userName":"","done":false,"revision":0.5}"#,
        r#"{"userName":"","done":false,"revision":9007199254740992}"#,
        r#"{"userName":"","done":false,"revision":"0"}"#,
        r#"{"userName":"","done":false,"revision":0,"kinds":{"0":"Plain"}}"#,
    ] {
        assert_eq!(parse::<Record>(text), None, "{text}");
    }
    for text in [
        r#""Other""#,
        r#""Wrapped""#,
        "{}",
        r#"["Plain"]"#,
        r#"{"Plain":1}"#,
        r#"{"Wrapped":65536}"#,
        r#"{"Wrapped":-1}"#,
        r#"{"Wrapped":1,"Plain":null}"#,
    ] {
        assert_eq!(parse::<Kind>(text), None, "{text}");
    }
}
