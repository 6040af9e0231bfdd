//! The server through HTTP: each test has a server on a port of its own with a database of its own, on SQLite and on
//! PostgreSQL. `DOCKET_TEST_POSTGRES` says where a PostgreSQL is that may get new databases; `just test` starts one.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod jwt;
mod program;
mod smtp;
mod support;

mod accounts;
mod architecture;
mod bad_input;
mod concurrency;
mod connections;
mod contract;
mod cors;
mod database;
mod export;
mod keys;
mod log;
mod outside;
mod passwords;
mod recovery;
mod request_log;
mod self_service;
mod settings;
mod spec;
mod start;
mod stop;
mod storage;
mod tasks;
mod throttle;
mod tokens;
mod two_factor;
mod ui;
