//! Whatever stands in a file, it is read or refused with a place inside it; nothing panics.

use super::{base, load};
use crate::rules::render;
use proptest::prelude::*;

/// Pieces that mean something to YAML or to the language.
const PIECES: &[&str] = &[
    "",
    "\n",
    "  ",
    ":",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "|",
    "&a ",
    "*a",
    "<<: ",
    "~",
    "0",
    "-1",
    "1.5",
    "99999999999",
    "60d",
    "24h",
    "가",
    "all",
    "any: []",
    "id",
    "param",
    "null",
    "\t",
    "\u{0}",
    "\u{feff}",
    "🔑",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn broken_files_never_panic(
        which in 0..4_usize,
        cuts in prop::collection::vec((0..4000_usize, 0..40_usize, 0..PIECES.len()), 1..6),
    ) {
        let mut files = base();
        let name = files.keys().nth(which).cloned().expect("four files");
        let text = files.get_mut(&name).expect("the file");
        for (at, length, piece) in cuts {
            let boundary = |i: usize| (0..=i.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            let (from, to) = (boundary(at % (text.len() + 1)), boundary(at % (text.len() + 1) + length));
            text.replace_range(from..to, PIECES[piece]);
        }
        let (pack, found) = load(&files);
        for diagnostic in &found {
            let text = files.get(&diagnostic.file).map_or("", String::as_str);
            prop_assert!(text.get(diagnostic.span.clone()).is_some(), "{:?}", diagnostic);
        }
        prop_assert!(pack.is_some() || !found.is_empty());
        render::plain(&found, &files);
        render::json(&found, &files);
    }
}
