//! Mistakes in files: with carets for a person, as JSON for an editor, as annotations for a pull request.

use super::output;
use crate::types::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::collections::BTreeMap;

/// Mistakes and the texts in which they stand, by file.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) sources: BTreeMap<String, String>,
}

/// How mistakes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// With the line and a caret, to stderr.
    Text,
    /// One document, to stdout.
    Json,
    /// Annotations of a GitHub workflow, to stdout.
    Github,
}

impl Found {
    /// Adds mistakes of files that lie in a folder; afterwards they are named with it.
    pub(super) fn add(&mut self, folder: &str, files: &BTreeMap<String, String>, found: Vec<Diagnostic>) {
        let named = |name: &str| format!("{folder}/{name}");
        self.sources.extend(files.iter().map(|(name, text)| (named(name), text.clone())));
        self.diagnostics.extend(found.into_iter().map(|mut diagnostic| {
            diagnostic.file = named(&diagnostic.file);
            diagnostic
        }));
    }

    pub(super) fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    pub(super) fn warnings(&self) -> usize {
        self.diagnostics.len() - self.errors()
    }

    /// Tells them; JSON is left to the caller, whose document it becomes a part of.
    pub(super) fn tell(&self, format: Format) {
        for diagnostic in &self.diagnostics {
            match format {
                Format::Text => output::note(format_args!("{}\n", self.with_caret(diagnostic))),
                Format::Github => output::line(format_args!("{}", self.annotation(diagnostic))),
                Format::Json => {}
            }
        }
        if format == Format::Text && !self.diagnostics.is_empty() {
            output::note(format_args!("{}", self.summary()));
        }
    }

    fn summary(&self) -> String {
        let codes: std::collections::BTreeSet<_> = self.diagnostics.iter().map(|d| d.code).collect();
        let example = codes.first().copied().unwrap_or_default();
        let (errors, warnings) = (counted(self.errors(), "error"), counted(self.warnings(), "warning"));
        format!("{errors}, {warnings}; \"ieum explain {example}\" tells more")
    }

    /// For programs: places in bytes, lines and columns, the latter two from 1 and in characters.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let items = self.diagnostics.iter().map(|diagnostic| {
            let (line, column) = self.place(diagnostic, diagnostic.span.start);
            let (end_line, end_column) = self.place(diagnostic, diagnostic.span.end);
            serde_json::json!({
                "code": diagnostic.code,
                "severity": word(diagnostic.severity),
                "message": diagnostic.message,
                "file": diagnostic.file,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "label": diagnostic.label,
                "help": diagnostic.help,
            })
        });
        items.collect::<Vec<_>>().into()
    }

    fn with_caret(&self, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
        let group = match self.sources.get(&diagnostic.file) {
            Some(text) if !diagnostic.span.is_empty() && diagnostic.span.end <= text.len() => {
                let caret = AnnotationKind::Primary.span(diagnostic.span.clone());
                title.element(
                    Snippet::source(text.as_str())
                        .path(diagnostic.file.as_str())
                        .annotation(caret.label(diagnostic.label.as_str())),
                )
            }
            _ => title.element(annotate_snippets::Origin::path(diagnostic.file.as_str())),
        };
        let group = match &diagnostic.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        };
        Renderer::styled().render(&[group]).to_string()
    }

    fn annotation(&self, diagnostic: &Diagnostic) -> String {
        let (line, column) = self.place(diagnostic, diagnostic.span.start);
        let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
        // What a workflow command escapes in its message.
        let message = format!("{}{help}", diagnostic.message)
            .replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A");
        format!(
            "::{} file={},line={line},col={column},title={}::{message}",
            word(diagnostic.severity),
            diagnostic.file,
            diagnostic.code
        )
    }

    fn place(&self, diagnostic: &Diagnostic, at: usize) -> (usize, usize) {
        let text = self.sources.get(&diagnostic.file).map_or("", String::as_str);
        let before = text.get(..at).unwrap_or(text);
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[begin..].chars().count() + 1)
    }
}

/// `1 error`, `2 errors`.
pub(super) fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_in_characters_and_messages_escaped() {
        let mut found = Found::default();
        let text = String::from("a: 1\nrule: 단전\n");
        let span = text.find("단").unwrap()..text.len() - 1;
        let diagnostic = Diagnostic {
            code: "IEUM-R001",
            severity: Severity::Error,
            message: String::from("100% wrong"),
            file: String::from("x.yaml"),
            span,
            label: String::from("here"),
            help: Some(String::from("two\nlines")),
        };
        found.add("rules", &BTreeMap::from([(String::from("x.yaml"), text)]), vec![diagnostic.clone()]);
        let named = &found.diagnostics[0];
        assert_eq!(
            found.annotation(named),
            "::error file=rules/x.yaml,line=2,col=7,title=IEUM-R001::100%25 wrong (two%0Alines)"
        );
        assert_eq!(found.to_json()[0]["end_column"], 9);
        assert!(found.with_caret(named).contains("here"));
    }
}
