//! How things look: colour, wrapped text, tables whose columns stand even with Hangul in them.

use super::args::Colour;
use clap::builder::styling::{AnsiColor, Style};
use std::fmt::Arguments;
use std::io::{IsTerminal, Write};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();

/// Sets the colour choice for stdout and stderr alike.
pub(super) fn choose_colour(choice: Colour) {
    match choice {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::AlwaysAnsi,
        Colour::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// A line of data, to stdout. A reader that had enough (`| head`) is no failure.
pub(super) fn line(text: Arguments<'_>) {
    let _gone = writeln!(anstream::stdout(), "{text}");
}

/// One JSON document, to stdout: laid out for a terminal, on one line for a program.
pub(super) fn json(value: &serde_json::Value) {
    if std::io::stdout().is_terminal() {
        line(format_args!("{value:#}"));
    } else {
        line(format_args!("{value}"));
    }
}

/// Anything that is not data, to stderr.
pub(super) fn note(text: Arguments<'_>) {
    let _gone = writeln!(anstream::stderr(), "{text}");
}

/// A failure, to stderr.
pub(super) fn error(text: &str) {
    note(format_args!("{RED}error:{RED:#} {text}"));
}

/// Columns of the terminal; 100 without one.
pub(super) fn width() -> usize {
    let term = console::Term::stdout();
    if term.is_term() { usize::from(term.size().1).max(40) } else { 100 }
}

/// Breaks a paragraph at spaces.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let (mut wrapped, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let wide = console::measure_text_width(word);
        if column > 0 && column + 1 + wide > width {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += wide;
    }
    wrapped
}

/// Rows in columns as wide as their widest cell; the last column is cut where the terminal ends.
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { head: head.map(str::to_owned).into(), rows: Vec::new() }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The lines, heading first. `width` cuts the last column; 0 does not.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| console::measure_text_width(cell)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(console::measure_text_width(cell));
            }
        }
        let head: Vec<String> = self.head.iter().map(|cell| format!("{BOLD}{cell}{BOLD:#}")).collect();
        std::iter::once(&head).chain(&self.rows).map(|row| laid_out(row, &widths, width)).collect()
    }

    /// Prints it as data.
    pub(super) fn print(&self) {
        let width = if console::Term::stdout().is_term() { width() } else { 0 };
        for text in self.lines(width) {
            line(format_args!("{text}"));
        }
    }
}

fn laid_out(row: &[String], widths: &[usize], width: usize) -> String {
    let mut text = String::new();
    for (at, cell) in row.iter().enumerate() {
        if at + 1 == row.len() {
            text.push_str(cell);
        } else {
            let pad = widths.get(at).map_or(0, |wide| wide.saturating_sub(console::measure_text_width(cell)));
            text.push_str(cell);
            text.push_str(&" ".repeat(pad + 2));
        }
    }
    if width == 0 {
        text.trim_end().to_owned()
    } else {
        console::truncate_str(&text, width, "…").into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_even_with_hangul() {
        let mut table = Table::new(["a", "b"]);
        table.row([String::from("긴급"), String::from("x")]);
        table.row([String::from("wide"), String::from("y")]);
        table.row([String::from("1"), String::from("zzzzzzzz")]);
        let plain: Vec<String> =
            table.lines(0).iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(plain, ["a     b", "긴급  x", "wide  y", "1     zzzzzzzz"]);
        assert_eq!(table.lines(10)[3], "1     zzz…");
    }

    #[test]
    fn paragraphs_break_at_spaces() {
        assert_eq!(wrap("aa bb\n cc  dd", 5), "aa bb\ncc dd");
        assert_eq!(wrap("단전 체납 위기", 9), "단전 체납\n위기");
        assert_eq!(wrap("toolongword x", 4), "toolongword\nx");
    }
}
