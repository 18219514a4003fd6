//! The `ieum` command.

fn main() {}
