//! The validation rules and sort orders that the client and the server share.
#![allow(clippy::unwrap_used)]

use shared::account::{SignIn, SignUp, email, new_password};
use shared::rules::Check;
use shared::task::{NewTask, Order, Sort, Status, Task, TaskChange, description, title, title_key};

fn pointers<T: std::fmt::Debug>(result: Result<T, Vec<shared::problem::FieldError>>) -> Vec<String> {
    result.unwrap_err().into_iter().map(|error| error.pointer).collect()
}

#[test]
fn titles_are_trimmed_and_counted_in_characters() {
    assert_eq!(title(" a "), Ok("a".to_owned()));
    assert_eq!(title(&"é".repeat(200)), Ok("é".repeat(200)));
    assert!(title(&"é".repeat(201)).unwrap_err().contains("201"));
    assert!(title("\u{3000} \t").unwrap_err().contains("required"));
    assert!(title("a\0b").unwrap_err().contains("U+0000"));
}

#[test]
fn blank_descriptions_are_none() {
    assert_eq!(description(Some(" \n".to_owned())), Ok(None));
    assert_eq!(
        description(Some("  indented\n".to_owned())),
        Ok(Some("  indented".to_owned()))
    );
    assert_eq!(description(None), Ok(None));
    assert!(description(Some("a".repeat(1001))).is_err());
}

#[test]
fn all_validation_errors_are_reported() {
    let task = NewTask {
        title: String::new(),
        description: Some("a".repeat(1001)),
        due_date: None,
    };
    assert_eq!(pointers(task.check()), ["/title", "/description"]);
    assert_eq!(pointers(SignUp::default().check()), ["/name", "/email", "/password"]);
    assert_eq!(pointers(SignIn::default().check()), ["/email", "/password"]);
}

#[test]
fn addresses_are_normalised_before_validation() {
    assert_eq!(email(" Owner@EXAMPLE.com "), Ok("owner@example.com".to_owned()));
    assert_eq!(email("ｏｗｎｅｒ@example.com"), Ok("owner@example.com".to_owned()));
    for wrong in [
        "",
        "owner",
        "owner@",
        "@example.com",
        "a@b@example.com",
        "a b@example.com",
        "owner@example",
        "a@x..y",
    ] {
        assert!(email(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_password_is_long_enough_and_neither_the_name_nor_the_address() {
    assert_eq!(
        new_password("ﬁve words or more", "Owner of it", "owner@example.com"),
        Ok("five words or more".to_owned())
    );
    assert!(new_password("seven77", "Owner of it", "owner@example.com").is_err());
    assert!(new_password(&"a".repeat(129), "Owner of it", "owner@example.com").is_err());
    assert!(new_password("OWNER@example.com", "Owner of it", " owner@example.com").is_err());
    assert!(new_password("owner OF it", "Owner of it", "owner@example.com").is_err());
    assert!(new_password("Longowner", "Owner of it", "longowner@example.com").is_err());
    assert!(new_password("owner OF it", "Owner of it", "owner@example.com").is_err());
    assert!(new_password("Longowner", "Owner of it", "longowner@example.com").is_err());
}

#[test]
fn an_update_distinguishes_null_from_absent() {
    let parse = serde_json::from_str::<TaskChange>;
    assert!(parse("{}").unwrap().is_empty());
    let cleared = parse(r#"{"description":null,"due_date":null}"#).unwrap();
    assert_eq!(
        (cleared.description.clone(), cleared.due_date),
        (Some(None), Some(None))
    );
    assert_eq!(
        serde_json::to_string(&cleared).unwrap(),
        r#"{"description":null,"due_date":null}"#
    );
    // The server rejects null in every other member.
    assert_eq!(TaskChange::NULLABLE, ["description", "due_date"]);
    assert!(parse(r#"{"completed":true}"#).is_err());
    assert!(parse(r#"{"due_date":"2030-5-1"}"#).is_err());
}

fn task(title: &str, due_date: Option<&str>, revision: i64) -> Task {
    let time = "2030-01-01T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    Task {
        id: uuid::Uuid::from_u128(revision.unsigned_abs().into()),
        user_id: "owner".to_owned(),
        title: title.to_owned(),
        description: None,
        completed: revision % 2 == 0,
        due_date: due_date.map(|day| day.parse().unwrap()),
        created_at: time + chrono::TimeDelta::seconds(revision),
        updated_at: time,
        revision,
    }
}

#[test]
fn lists_are_sorted_as_the_server_sorts_them() {
    let tasks = [
        task("b", Some("2030-05-02"), 1),
        task("Ä", None, 2),
        task("C", Some("2030-05-01"), 3),
        task("a", None, 4),
    ];
    let sorted = |sort: Sort, order| {
        let mut tasks: Vec<&Task> = tasks.iter().collect();
        tasks.sort_by(|a, b| sort.compare(order, a, b));
        tasks.iter().map(|task| task.title.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(sorted(Sort::Created, Order::Natural), ["a", "C", "Ä", "b"]);
    assert_eq!(sorted(Sort::Updated, Order::Ascending), ["b", "Ä", "C", "a"]);
    assert_eq!(sorted(Sort::Title, Order::Natural), ["a", "b", "C", "Ä"]);
    assert_eq!(sorted(Sort::DueDate, Order::Natural), ["C", "b", "Ä", "a"]);
    assert_eq!(sorted(Sort::DueDate, Order::Descending), ["a", "Ä", "b", "C"]);
}

#[test]
fn query_values_round_trip() {
    for status in Status::ALL {
        assert_eq!(status.as_str().parse(), Ok(*status));
    }
    assert_eq!(
        "done".parse::<Status>().unwrap_err().expected,
        ["all", "pending", "completed"]
    );
    assert!(Status::Completed.shows(&task("a", None, 2)) && !Status::Pending.shows(&task("a", None, 2)));
}

#[test]
fn titles_sort_case_insensitively() {
    assert_eq!(title_key("ÄPFEL"), title_key("äpfel"));
    assert!(title_key(&"ﷺ".repeat(200)).chars().count() <= 800);
}
