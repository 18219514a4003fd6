//! Diagnostics as text and as JSON, without a terminal.

use crate::types::{Diagnostic, Severity};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One JSON document for programs: an array, a diagnostic an object with place in bytes, lines and columns. Columns
/// count characters from 1.
pub fn json(found: &[Diagnostic], sources: &BTreeMap<String, String>) -> String {
    let items: Vec<_> = found
        .iter()
        .map(|diagnostic| {
            let text = sources.get(&diagnostic.file).map_or("", String::as_str);
            let (line, column) = place(text, diagnostic.span.start);
            let (end_line, end_column) = place(text, diagnostic.span.end);
            serde_json::json!({
                "code": diagnostic.code,
                "severity": severity(diagnostic),
                "message": diagnostic.message,
                "file": diagnostic.file,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "start_byte": diagnostic.span.start,
                "end_byte": diagnostic.span.end,
                "label": diagnostic.label,
                "help": diagnostic.help,
            })
        })
        .collect();
    serde_json::Value::Array(items).to_string()
}

/// Plain text with the line and a caret under the place.
pub fn plain(found: &[Diagnostic], sources: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    for diagnostic in found {
        let text = sources.get(&diagnostic.file).map_or("", String::as_str);
        // Writing into a String cannot fail.
        let _infallible = one(&mut out, diagnostic, text);
    }
    out
}

fn one(out: &mut String, diagnostic: &Diagnostic, text: &str) -> std::fmt::Result {
    let (line, column) = place(text, diagnostic.span.start);
    writeln!(out, "{}[{}]: {}", severity(diagnostic), diagnostic.code, diagnostic.message)?;
    writeln!(out, "  --> {}:{line}:{column}", diagnostic.file)?;
    if let Some(source) = text.lines().nth(line - 1) {
        let begin = source.char_indices().nth(column - 1).map_or(source.len(), |(at, _)| at);
        let marked = text.get(diagnostic.span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
        let (pad, carets) = (width(&source[..begin]), width(marked).max(1));
        writeln!(out, "   | {source}")?;
        writeln!(out, "   | {:pad$}{} {}", "", "^".repeat(carets), diagnostic.label)?;
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "   = help: {help}")?;
    }
    writeln!(out)
}

fn severity(diagnostic: &Diagnostic) -> &'static str {
    match diagnostic.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Line and column, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Columns on a terminal: Hangul and other wide characters take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| if ('\u{1100}'..='\u{ffe6}').contains(&c) && c as u32 > 0x10ff { 2 } else { 1 })
        .sum()
}
