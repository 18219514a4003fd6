//! `ieum rules rollback`: back to a pack that was in force before, by one command. Its content lies on the broker.

use super::switches::{self, Signed, Switch};
use crate::cli::connect::Connect;
use crate::cli::diagnostics::counted;
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::output;
use crate::publish::Plain;
use crate::rules::bundle;
use crate::runtime::pack_contents;
use crate::types::PackHash;
use std::time::Duration;

/// Go back to the pack that was in force before the present one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum rules rollback --config ieum.toml --author \"on call\" --comment \"too many alerts since 9:00\"\n  \
                        ieum rules rollback 1a2b3c --config ieum.toml\n\n\
                        Nothing is compiled or tested anew: what comes back is the pack that its hash names, rules, params and contracts.\n\
                        A second rollback goes forward again; \"ieum rules history\" lists what was in force.\n\n\
                        Exit codes: 0 switched, or it is in force already; 1 there is no such pack; 4 broker not reachable; 5 this program\n\
                        cannot use the pack."
)]
pub(super) struct Rollback {
    /// To this pack: its hash, or the beginning of it. Without it: to the last one that was another.
    #[arg(value_name = "PACK")]
    pack: Option<String>,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    signed: Signed,
}

const PATIENCE: Duration = Duration::from_secs(15);
const DELIVERY: Duration = Duration::from_secs(30);

pub(super) fn run(args: &Rollback) -> Outcome {
    let kafka = args.connect.config()?.kafka;
    let switches = switches::read(&kafka)?;
    let Some(current) = switches.last() else {
        return Err(Stop::new(
            Exit::Found,
            "no pack was ever published; \"ieum rules publish\" publishes one",
        ));
    };
    let hash = target(&switches, current, args.pack.as_deref())?;
    if hash == current.hash {
        output::line(format_args!("{hash}"));
        output::note(format_args!("it is in force already"));
        return Ok(Exit::Ok);
    }
    let contents = pack_contents(&kafka, PATIENCE)?;
    let Some(content) = contents.get(&hash) else {
        return Err(Stop::new(
            Exit::Found,
            format!("the content of pack {} is on the broker no longer", hash.short()),
        ));
    };
    let refused = |why: String| {
        Stop::new(Exit::Refused, format!("this program cannot use pack {}: {why}", hash.short()))
    };
    let pack = bundle::compile(content).map_err(|error| refused(error.to_string()))?;
    if pack.hash != hash {
        return Err(refused(String::from(
            "it compiles to another hash, so another version of ieum published it",
        )));
    }
    let mut producer = Plain::open(&kafka)?;
    switches::say(&mut producer, hash, &args.signed)?;
    producer.flush(DELIVERY)?;
    output::line(format_args!("{hash}"));
    output::note(format_args!(
        "back from pack {} to {}, {}",
        current.hash.short(),
        hash.short(),
        counted(pack.crisis.len(), "rule")
    ));
    Ok(Exit::Ok)
}

/// The pack to go to: the one named, or the last that was another.
fn target(switches: &[Switch], current: &Switch, named: Option<&str>) -> Result<PackHash, Stop> {
    let Some(named) = named else {
        let before = switches.iter().rev().find(|switch| switch.hash != current.hash);
        return before
            .map(|switch| switch.hash)
            .ok_or_else(|| Stop::new(Exit::Found, "no other pack was in force before this one"));
    };
    let mut found: Vec<PackHash> = switches
        .iter()
        .map(|switch| switch.hash)
        .filter(|hash| hash.to_string().starts_with(named))
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [hash] => Ok(*hash),
        [] => Err(Stop::new(
            Exit::Found,
            format!("no pack {named:?} was ever in force; \"ieum rules history\" lists them"),
        )),
        _ => {
            Err(Stop::new(Exit::Found, format!("several packs begin with {named:?}; write more of the hash")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::StreamTime;

    #[test]
    fn back_is_the_last_pack_that_was_another_or_the_one_named() {
        let switch = |byte: u8| Switch {
            at: StreamTime(i64::from(byte)),
            hash: PackHash([byte; 32]),
            author: None,
            comment: None,
        };
        let switches = [0x11, 0x12, 0x22, 0x12, 0x12].map(switch);
        let of = |named: Option<&str>| target(&switches, &switches[4], named).ok().map(|hash| hash.0[0]);
        assert_eq!(of(None), Some(0x22));
        assert_eq!(of(Some("11")), Some(0x11));
        assert_eq!(of(Some("12")), Some(0x12));
        assert_eq!(of(Some("1")), None, "two begin so");
        assert_eq!(of(Some("33")), None);
        assert!(target(&switches[..1], &switches[0], None).is_err());
    }
}
