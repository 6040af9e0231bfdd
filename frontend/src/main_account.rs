//! The program of the account's pages, loaded when one is opened. The client itself is the library beside it.

fn main() {
    client::start_account();
}
