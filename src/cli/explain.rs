//! `ieum explain`: the page of a code.

use super::exit::{Exit, Outcome, Stop};
use super::output::{self, BOLD};
use super::pages;

/// What a code means and what to do about it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum explain IEUM-D009     why a record became a dead letter\n  ieum explain l003          \
                        the same, typed quickly\n  ieum explain --list        all codes"
)]
pub(super) struct Explain {
    /// A code, as a message, a log line or a dead letter shows it.
    #[arg(required_unless_present = "list", value_name = "CODE")]
    code: Option<String>,
    /// List all codes with their titles.
    #[arg(long)]
    list: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Explain) -> Outcome {
    let Some(code) = args.code.as_ref().filter(|_| !args.list) else {
        list(args.json);
        return Ok(Exit::Ok);
    };
    let page = pages::find(code).ok_or_else(|| {
        let hint = match pages::nearest(code) {
            Some(near) => format!("did you mean {} ({})?", near.code, near.title),
            None => String::from("\"ieum explain --list\" lists all codes"),
        };
        Stop::new(Exit::Found, format!("no code {code:?}; {hint}"))
    })?;
    if args.json {
        output::json(&as_json(&page));
    } else {
        output::line(format_args!("{BOLD}{}{BOLD:#}  {}\n\n{}", page.code, page.title, wrapped(page.text)));
    }
    Ok(Exit::Ok)
}

fn list(json: bool) {
    if json {
        let pages: Vec<_> = pages::tables().flat_map(|(_, pages)| pages).map(|page| as_json(&page)).collect();
        output::json(&pages.into());
        return;
    }
    for (number, (about, pages)) in pages::tables().enumerate() {
        let gap = if number == 0 { "" } else { "\n" };
        output::line(format_args!("{gap}{BOLD}{about}{BOLD:#}"));
        for page in pages {
            output::line(format_args!("{}  {}", page.code, page.title));
        }
    }
}

fn as_json(page: &pages::Page) -> serde_json::Value {
    serde_json::json!({"code": page.code, "title": page.title, "page": page.text})
}

/// Paragraphs, wrapped for a terminal.
fn wrapped(text: &str) -> String {
    let width = output::width().min(100);
    text.split("\n\n").map(|paragraph| output::wrap(paragraph, width)).collect::<Vec<_>>().join("\n\n")
}
