//! The import table in ARCHITECTURE.md is what the code imports: no module is missing in it, no import is beyond it, and it
//! has no circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A row of the table: a module of a crate, such as `backend::accounts::store`.
type Module = String;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The modules that each row may import, as the table says.
fn table() -> BTreeMap<Module, BTreeSet<Module>> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let names = |cell: &str| -> BTreeSet<Module> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let table: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            let name = names(cells[1]).pop_first().unwrap();
            let of_crate = name.split("::").next().unwrap().to_owned();
            let allowed = names(cells[2])
                .iter()
                .map(|name| format!("{of_crate}::{name}"))
                .collect();
            (name, allowed)
        })
        .collect();
    assert!(table.len() > 10, "the table is gone: {table:?}");
    table
}

/// The source files below `folder`, each as the path of its module.
fn modules(of_crate: &str, folder: &Path, found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            modules(&format!("{of_crate}::{name}"), &entry.path(), found);
        } else if let Some(stem) = name.strip_suffix(".rs") {
            let module = match stem {
                // The crate itself, and the parent of the folder.
                "lib" | "mod" => of_crate.to_owned(),
                stem => format!("{of_crate}::{stem}"),
            };
            found.insert(module, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// The words and the punctuation of the code, without comments, strings and unit tests.
fn tokens(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\n#[allow").next().unwrap();
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut tokens = Vec::new();
    for line in source.lines() {
        let code = line.split("//").next().unwrap();
        // What is between quotes is no code. A string that spans lines has no `::` in this project.
        let code: String = code.split('"').step_by(2).collect::<Vec<_>>().join(" ");
        let mut rest = code.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                other => other.len_utf8(),
            };
            tokens.push(rest[..length].to_owned());
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Reads a path that begins at `at`, with the alternatives in its braces. Returns where it ends.
fn read_path(tokens: &[String], mut at: usize, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        if tokens[at] == "{" {
            at += 1;
            while tokens[at] != "}" {
                at = if tokens[at] == "," {
                    at + 1
                } else {
                    read_path(tokens, at, &path, paths)
                };
            }
            return at + 1;
        }
        path.push(tokens[at].clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            if tokens.get(at).is_some_and(|token| token == "as") {
                at += 2;
            }
            paths.push(path);
            return at;
        }
        at += 1;
    }
}

/// The modules that the source of `module` names.
fn imports(module: &str, source: &str, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let tokens = tokens(source);
    let mut paths = Vec::new();
    for at in 0..tokens.len() {
        // `pub(in crate::accounts)` is a visibility.
        let is_start = at == 0 || !["::", "in"].contains(&tokens[at - 1].as_str());
        let is_path = tokens.get(at + 1).is_some_and(|next| next == "::");
        // In the file of a module, `use child::…` names a child.
        let is_child = at > 0 && tokens[at - 1] == "use" && all.contains_key(&format!("{module}::{}", tokens[at]));
        if is_start && is_path && (is_child || ["crate", "super", "self"].contains(&tokens[at].as_str())) {
            read_path(&tokens, at, &[], &mut paths);
        }
    }
    let of_crate = module.split("::").next().unwrap();
    let absolute = paths.iter().map(|path| {
        let mut place: Vec<&str> = module.split("::").collect();
        for word in path {
            match word.as_str() {
                "crate" => place = vec![of_crate],
                "super" => drop(place.pop()),
                "self" => {}
                word => place.push(word),
            }
        }
        place.join("::")
    });
    // What follows the module is an item in it.
    let named = absolute.filter_map(|path| prefixes(&path).find(|prefix| all.contains_key(prefix)));
    named.collect()
}

/// The prefixes of a module path, longest first.
fn prefixes(path: &str) -> impl Iterator<Item = String> {
    let words: Vec<String> = path.split("::").map(str::to_owned).collect();
    (1..=words.len()).rev().map(move |length| words[..length].join("::"))
}

#[test]
fn the_code_imports_what_the_architecture_allows() {
    let table = table();
    let row = |module: &str| prefixes(module).find(|prefix| table.contains_key(prefix));
    for of_crate in ["backend", "frontend"] {
        let mut all = BTreeMap::new();
        modules(of_crate, &root().join(of_crate).join("src"), &mut all);
        for (module, source) in &all {
            // The crate's root and its binaries wire everything together.
            if module == of_crate || module.contains("::main") {
                continue;
            }
            let from = row(module).unwrap_or_else(|| panic!("ARCHITECTURE.md does not list {module}"));
            for import in imports(module, source, &all) {
                let to = row(&import)
                    .unwrap_or_else(|| panic!("ARCHITECTURE.md does not list {import}, which {module} names"));
                let is_allowed = to == from || table[&from].contains(&to);
                assert!(
                    is_allowed,
                    "{module} imports {import}, but ARCHITECTURE.md does not let {from} import {to}"
                );
            }
        }
    }
}

#[test]
fn the_table_has_no_circle_and_names_what_exists() {
    let mut table = table();
    for (module, allowed) in &table {
        let path = root().join(module.replacen("::", "/src/", 1).replace("::", "/"));
        assert!(
            path.is_dir() || path.with_extension("rs").is_file(),
            "there is no {module}"
        );
        let missing = allowed.iter().find(|module| !table.contains_key(*module));
        assert_eq!(missing, None, "a module that {module} may import is not in the table");
    }
    while !table.is_empty() {
        let remaining: BTreeSet<Module> = table.keys().cloned().collect();
        table.retain(|_, allowed| allowed.iter().any(|module| remaining.contains(module)));
        assert!(table.len() < remaining.len(), "a circle among {remaining:?}");
    }
}
