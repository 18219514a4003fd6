//! What a run came to, for a person and for a program.

use crate::cli::output::{self, YELLOW};
use crate::collect::{Ended, Source, Summary, What};
use serde_json::json;

pub(super) fn text(source: &Source, summary: &Summary, dry_run: bool) {
    if dry_run {
        for (what, key) in &summary.keys {
            output::line(format_args!("{:<8} {key}", word(*what)));
        }
    }
    let Summary { listed, new, changed, removed, unchanged, left_out, rejected, .. } = summary;
    let would = if dry_run { " (dry run: nothing is written)" } else { "" };
    output::line(format_args!(
        "{}  {listed} read: {new} new, {changed} changed, {removed} gone, {unchanged} unchanged, {left_out} left out, \
         {rejected} rejected{would}",
        source.name
    ));
    for (code, count) in &summary.rejects {
        output::line(format_args!("{YELLOW}rejected{YELLOW:#}  {code} {}", times(*count)));
    }
    for ((field, how), count) in &summary.drift {
        output::line(format_args!("{YELLOW}drift{YELLOW:#}  {field} is {} {}", how.told(), times(*count)));
    }
    for (code, why) in &summary.held_back {
        output::line(format_args!("{YELLOW}held back{YELLOW:#}  {code} nobody is told what is gone: {why}"));
    }
    if let Some(through) = summary.delivered_through {
        output::line(format_args!("delivered through {through}"));
    }
    if let Some(newest) = &summary.newest {
        output::line(format_args!("newest modification {newest}"));
    }
    let resumed = if summary.resumed { ", going on with an earlier run" } else { "" };
    output::note(format_args!(
        "{} requests, {} of {} today{resumed}",
        summary.requests, summary.requests_today, source.request.per_day
    ));
}

fn times(count: u64) -> String {
    if count == 1 { String::from("once") } else { format!("{count} times") }
}

fn word(what: What) -> &'static str {
    match what {
        What::New => "new",
        What::Changed => "changed",
        What::Removed => "gone",
    }
}

pub(super) fn json(source: &Source, summary: &Summary) -> serde_json::Value {
    let trouble = match &summary.ended {
        Ended::ToTheEnd => None,
        Ended::Part(trouble) => Some(json!({"code": trouble.code(), "text": trouble.told})),
    };
    let drift = summary
        .drift
        .iter()
        .map(|((field, how), count)| json!({"field": field.as_str(), "is": how.told(), "count": count}));
    let held_back = summary.held_back.iter().map(|(code, why)| json!({"code": code, "text": why}));
    let keys = summary.keys.iter().map(|(what, key)| json!({"what": word(*what), "key": key.as_str()}));
    json!({
        "source": source.name.as_str(),
        "topic": source.topic.as_str(),
        "to_the_end": trouble.is_none(),
        "trouble": trouble,
        "resumed": summary.resumed,
        "requests": summary.requests,
        "requests_today": summary.requests_today,
        "pages": summary.pages,
        "read": summary.listed,
        "new": summary.new,
        "changed": summary.changed,
        "gone": summary.removed,
        "unchanged": summary.unchanged,
        "left_out": summary.left_out,
        "rejected": summary.rejected,
        "rejects": summary.rejects,
        "drift": drift.collect::<Vec<_>>(),
        "held_back": held_back.collect::<Vec<_>>(),
        "delivered_through": summary.delivered_through.map(|through| through.to_string()),
        "newest": summary.newest.as_deref(),
        "keys": keys.collect::<Vec<_>>(),
    })
}
