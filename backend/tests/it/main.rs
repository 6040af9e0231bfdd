//! Integration tests of the server through HTTP. Each test has its own server, port and database, on SQLite and on
//! PostgreSQL: `DOCKET_TEST_POSTGRES` is the URL of a server that the tests create databases on. `just pg` starts one;
//! without it PostgreSQL is skipped with a notice, or a failure if `DOCKET_TEST_REQUIRE=postgres`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod jwt;
mod program;
mod smtp;
mod support;

mod accounts;
mod architecture;
mod audit;
mod bad_input;
mod concurrency;
mod connections;
mod contract;
mod cors;
mod database;
mod enumeration;
mod error_codes;
mod export;
mod external_tokens;
mod keys;
mod limits;
mod log;
mod notifications;
mod panics;
mod passwords;
mod rate_limit;
mod recovery;
mod request_log;
mod retention;
mod self_service;
mod settings;
mod spec;
mod stale_credentials;
mod start;
mod stop;
mod storage;
mod tasks;
mod tokens;
mod two_factor;
mod ui;
