//! `scripts/audit.sh`, with stand-ins for cargo and npm: what fails the check of the dependencies.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{Output, command, run};
use crate::spec::spec;

/// What npm reports without vulnerabilities, with one, without its registry, and without a lock file.
const NO_VULNERABILITY: &str = "{\n  \"auditReportVersion\": 2,\n  \"vulnerabilities\": {}\n}";
const VULNERABILITY: &str = "{\n  \"auditReportVersion\": 2,\n  \"vulnerabilities\": { \"a\": {} }\n}";
const NO_REGISTRY: &str = "{\n  \"message\": \"request failed, reason: getaddrinfo ENOTFOUND\",\n  \"error\": {}\n}";
const NO_LOCK_FILE: &str = "{\n  \"error\": {\n    \"code\": \"ENOLOCK\"\n  }\n}";

/// What cargo and npm do.
struct Case {
    /// The commands of `cargo deny` that fail, of `licenses`, `fetch` and `advisories`.
    failing: &'static str,
    /// Whether advisories of an earlier time are there.
    has_advisories: bool,
    npm: &'static str,
    /// `DOCKET_AUDIT_REQUIRE`.
    require: &'static str,
}

const FINE: Case = Case {
    failing: "",
    has_advisories: false,
    npm: NO_VULNERABILITY,
    require: "",
};

fn program(folder: &Path, name: &str, script: &str) {
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/bash\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

async fn audit(case: &Case) -> Output {
    let folder = TempDir::new().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let fail =
        "for word in $FAILING; do [[ \" $* \" != *\" $word \"* ]] || { echo \"$word failed\" >&2; exit 1; }; done";
    program(&bin, "cargo", fail);
    program(
        &bin,
        "npm",
        "echo \"$NPM\"; [[ $NPM == *': {}'$'\\n''}'* && $NPM == *auditReport* ]]",
    );
    if case.has_advisories {
        fs::create_dir_all(folder.path().join("advisory-dbs/advisory-db-1")).unwrap();
    }
    let mut audit = command("/bin/bash");
    audit
        .arg(spec("../scripts/audit.sh"))
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("CARGO_HOME", folder.path())
        .env("FAILING", case.failing)
        .env("NPM", case.npm)
        .env("DOCKET_AUDIT_REQUIRE", case.require);
    run(audit).await
}

#[tokio::test]
async fn findings_fail_and_unreachable_advisories_are_reported() {
    let fine = audit(&FINE).await;
    assert!(fine.code == Some(0) && fine.stderr.is_empty(), "{fine:?}");
    let findings = [
        Case {
            failing: "licenses",
            ..FINE
        },
        Case {
            failing: "advisories",
            ..FINE
        },
        // The advisories of an earlier time find it, too.
        Case {
            failing: "fetch advisories",
            has_advisories: true,
            ..FINE
        },
        Case {
            npm: VULNERABILITY,
            ..FINE
        },
        Case {
            npm: NO_LOCK_FILE,
            ..FINE
        },
        Case { npm: "", ..FINE },
        // What cannot be reached hides nothing of the other.
        Case {
            failing: "fetch",
            npm: VULNERABILITY,
            ..FINE
        },
        Case {
            failing: "advisories",
            npm: NO_REGISTRY,
            ..FINE
        },
        Case {
            failing: "fetch",
            require: "advisories",
            ..FINE
        },
        Case {
            npm: NO_REGISTRY,
            require: "advisories",
            ..FINE
        },
    ];
    for (number, case) in findings.iter().enumerate() {
        let failed = audit(case).await;
        assert_eq!(failed.code, Some(1), "{number}: {failed:?}");
    }
    let unreachable = [
        (
            Case {
                failing: "fetch",
                ..FINE
            },
            "SKIPPED known vulnerabilities of crates",
        ),
        (
            Case {
                failing: "fetch",
                has_advisories: true,
                ..FINE
            },
            "advisories of an earlier time",
        ),
        (
            Case {
                npm: NO_REGISTRY,
                ..FINE
            },
            "SKIPPED known vulnerabilities of npm packages",
        ),
    ];
    for (case, notice) in unreachable {
        let passed = audit(&case).await;
        assert!(passed.code == Some(0) && passed.stderr.contains(notice), "{passed:?}");
        assert!(
            passed.stderr.contains("fetch failed") || passed.stderr.contains("ENOTFOUND"),
            "{passed:?}"
        );
    }
}

#[test]
fn npm_runs_no_install_scripts() {
    let settings = fs::read_to_string(spec("../frontend/.npmrc")).unwrap();
    assert!(settings.lines().any(|line| line == "ignore-scripts=true"), "{settings}");
}

#[test]
fn every_ignored_advisory_has_a_reason() {
    let settings = fs::read_to_string(spec("../deny.toml")).unwrap();
    let ignored: Vec<&str> = settings.lines().filter(|line| line.contains("RUSTSEC-")).collect();
    assert!(ignored.iter().all(|line| line.contains("reason = \"")), "{ignored:#?}");
}
