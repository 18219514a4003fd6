//! What the processor itself costs, without a broker: `cargo bench --bench engine [-- PART …]`, where a part is `decode`,
//! `codecs`, `rules`, `memory`, `store` or `stages`; all of them without one. `IEUM_BENCH_HOUSEHOLDS` sets the size of the city.

mod broker;
mod contracts;
mod measure;
mod memory;
mod rules;
mod stages;
mod store;
mod town;

use town::Town;

/// Days of the city's run: the longest window of the shipped rules but for the slow ladders.
const DAYS: u32 = 60;

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wants = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let households =
        std::env::var("IEUM_BENCH_HOUSEHOLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6_000);
    println!("a city of {households} households over {DAYS} days");
    let town = Town::new(households, DAYS);
    if wants("decode") {
        contracts::run(&town);
    }
    if wants("codecs") {
        contracts::codecs(&town);
    }
    if wants("rules") {
        rules::run(&town);
    }
    if wants("memory") {
        memory::run(&town);
    }
    if wants("store") {
        store::run();
    }
    if wants("stages") {
        stages::run(&town);
    }
}

/// One line of a table.
fn row(name: &str, ns: f64, beside: &str) {
    println!("{name:<34} {ns:>9.0}  {beside}");
}
