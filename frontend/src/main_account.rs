//! The pages of the account, loaded when somebody opens one. They are in the library too.

fn main() {
    client::start_account();
}
