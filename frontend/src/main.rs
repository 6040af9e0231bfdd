//! What Trunk builds. The client itself is the library beside it.

fn main() {
    client::start();
}
