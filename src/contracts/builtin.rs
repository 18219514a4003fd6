//! The contracts that the binary carries, so that it runs anywhere.

use super::Contracts;
use include_dir::{Dir, include_dir};

static TOPICS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/topics");

/// Files of `topics/` as this binary was built, paths relative to it.
pub fn builtin_files() -> Vec<(&'static str, &'static str)> {
    let mut files = Vec::new();
    let mut dirs = vec![&TOPICS];
    while let Some(dir) = dirs.pop() {
        dirs.extend(dir.dirs());
        files.extend(dir.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?))));
    }
    files.sort_unstable();
    files
}

/// The contracts of `topics/` as this binary was built.
pub fn builtin() -> Contracts {
    Contracts::parse(builtin_files()).expect("a test reads the built-in contracts")
}
