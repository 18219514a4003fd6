//! How things look: colour, diagnostics with carets, numbers a person can read.

use super::args::Colour;
use crate::types::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::BTreeMap;
use std::io::Write;

/// Sets the colour choice for stdout and stderr alike.
pub(super) fn choose_colour(choice: Colour) {
    match choice {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::AlwaysAnsi,
        Colour::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Prints diagnostics to stderr with their source lines. `sources` maps file names to their text.
pub(super) fn diagnostics(found: &[Diagnostic], sources: &BTreeMap<String, String>) {
    let mut err = anstream::stderr();
    for diagnostic in found {
        // A closed stderr leaves nobody to tell.
        let _gone = writeln!(err, "{}\n", render(diagnostic, sources));
    }
}

/// One diagnostic, styled; anstream strips the style where it is not wanted.
fn render(diagnostic: &Diagnostic, sources: &BTreeMap<String, String>) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let group = match sources.get(&diagnostic.file) {
        Some(text) if !diagnostic.span.is_empty() && diagnostic.span.end <= text.len() => {
            title.element(Snippet::source(text.as_str()).path(diagnostic.file.as_str()).annotation(
                AnnotationKind::Primary.span(diagnostic.span.clone()).label(diagnostic.label.as_str()),
            ))
        }
        _ => title.element(annotate_snippets::Origin::path(diagnostic.file.as_str())),
    };
    let mut report: Vec<Group<'_>> = vec![match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }];
    report.shrink_to_fit();
    Renderer::styled().render(&report).to_string()
}
