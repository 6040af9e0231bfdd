//! The documentation of the settings: the README's table and `.env.example` agree with the flags of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use clap::{Arg, CommandFactory, Parser};
use docket::config::Config;

use crate::spec::{spec, tables};

/// Every flag that has an environment variable, by its variable.
fn settings() -> BTreeMap<String, Arg> {
    let command = Config::command();
    let by_variable = |arg: &Arg| Some((arg.get_env()?.to_str().unwrap().to_owned(), arg.clone()));
    command.get_arguments().filter_map(by_variable).collect()
}

/// The fixed default, if there is one.
fn default(setting: &Arg) -> Option<&str> {
    Some(setting.get_default_values().first()?.to_str().unwrap())
}

fn is_accepted(setting: &Arg, value: &str) -> bool {
    let flag = format!("--{}={value}", setting.get_long().unwrap());
    Config::try_parse_from(["docket", &flag]).is_ok()
}

/// The rows of the README: variable, then default and meaning.
fn readme() -> BTreeMap<String, [String; 2]> {
    let tables = tables("../README.md", "Settings");
    let rows = tables["Variable | Default | Meaning"].iter().map(|row| {
        let [variable, default, meaning] = row.as_slice() else {
            panic!("{row:?}")
        };
        (variable.clone(), [default.clone(), meaning.clone()])
    });
    rows.collect()
}

/// The lowest and the highest value, if the text has something like "1 to 16".
fn range(text: &str) -> Option<[i64; 2]> {
    let words: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric()).collect();
    words.windows(3).find_map(|words| match words {
        [low, "to", high] => Some([low.parse().ok()?, high.parse().ok()?]),
        _ => None,
    })
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let (settings, readme) = (settings(), readme());
    assert_eq!(
        readme.keys().collect::<BTreeSet<_>>(),
        settings.keys().collect::<BTreeSet<_>>()
    );
    for (variable, setting) in &settings {
        let [cell, _] = &readme[variable];
        match default(setting) {
            Some(default) => assert_eq!(cell, default, "{variable}"),
            None => assert!(["none", "see right"].contains(&cell.as_str()), "{variable}: {cell}"),
        }
    }
}

#[test]
fn the_readme_gives_the_range_of_every_number() {
    let readme = readme();
    for (variable, setting) in settings() {
        let [_, meaning] = &readme[&variable];
        let is_number = default(&setting).is_some_and(|default| default.parse::<i64>().is_ok());
        let Some([low, high]) = range(meaning) else {
            assert!(!is_number, "{variable} has no range");
            continue;
        };
        for (value, accepted) in [(low - 1, false), (low, true), (high, true), (high + 1, false)] {
            assert_eq!(
                is_accepted(&setting, &value.to_string()),
                accepted,
                "{variable}={value}"
            );
        }
    }
}

#[test]
fn the_example_file_has_every_setting_with_its_default_or_a_value_that_is_accepted() {
    let text = fs::read_to_string(spec("../.env.example")).unwrap();
    let mut examples = BTreeMap::<_, Vec<_>>::new();
    for line in text.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some((variable, value)) = line.split_once('=')
            && variable
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        {
            let value = value.trim_matches(['"', '\'']);
            examples.entry(variable.to_owned()).or_default().push(value.to_owned());
        }
    }
    let settings = settings();
    assert_eq!(
        examples.keys().collect::<BTreeSet<_>>(),
        settings.keys().collect::<BTreeSet<_>>()
    );
    for (variable, setting) in &settings {
        let values = &examples[variable];
        for value in values {
            assert!(is_accepted(setting, value), "{variable}={value}");
        }
        if let Some(default) = default(setting) {
            assert_eq!(values[0], default, "{variable}");
        }
    }
}
