//! The program of a first visit. The client itself is the library beside it.

fn main() {
    client::start();
}
