//! What a first visit loads. The client itself is the library beside it.

fn main() {
    client::start();
}
