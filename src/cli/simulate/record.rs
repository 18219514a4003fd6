//! `ieum simulate --record`: what a city leaves behind, as files of which questions can be asked.

use super::{Simulate, bar, inside};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::{output, recorded};
use crate::contracts::{Contracts, builtin};
use crate::engine::layout::{ALERTS_TOPIC, HOUSEHOLDS_LOG};
use crate::replay::form::{Encoder, Header, contracts_digest};
use crate::replay::truth::Truth;
use crate::rules::bundle;
use crate::rules::plan::Pack;
use crate::sim::city::{City, RawRecord};
use crate::sim::pipeline::LogRecord;
use crate::sim::run::{Happening, run as run_city};
use crate::types::SmolStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The city's logs and truth as files.
pub(super) fn record(args: &Simulate, folder: &Path) -> Outcome {
    let contracts = Arc::new(builtin());
    let (plan, pack) = inside(args, &contracts)?;
    std::fs::create_dir_all(folder)
        .map_err(|error| Stop::new(Exit::Found, format!("{}: {error}", folder.display())))?;
    let mut files = Files::create(folder, &contracts, &pack)?;
    let city =
        City::new(plan.clone(), Arc::clone(&contracts)).map_err(|told| Stop::new(Exit::Found, told))?;
    let mut ground = city.ground();
    let bar = bar();
    let mut failed = None;
    let city = run_city(plan, &contracts, &pack, Some(HOUSEHOLDS_LOG), &mut |driver, happening| {
        if let (None, Happening::Raw(RawRecord { at, about: Some(about), .. })) = (&failed, &happening) {
            ground.heard(about.household, at.day());
        }
        bar.set_position(driver.progress().unsigned_abs());
        if failed.is_none() {
            failed = files.take(&happening).err();
        }
    });
    bar.finish_and_clear();
    let city = city.map_err(|error| Stop::new(Exit::Found, error.to_string()))?;
    if let Some(stop) = failed {
        return Err(stop);
    }
    let names = city.named(&ground);
    let (records, alerts) = files.end(&Truth { ground, names })?;
    output::line(format_args!(
        "{records} records of {HOUSEHOLDS_LOG}, {alerts} of {ALERTS_TOPIC} in {}",
        folder.display()
    ));
    Ok(Exit::Ok)
}

/// A recording under way.
struct Files {
    folder: PathBuf,
    households: (File, Encoder, Vec<u8>),
    alerts: (File, Encoder, Vec<u8>),
    offset: i64,
}

const HOUSEHOLDS_FILE: &str = "households.log";
const ALERTS_FILE: &str = "alerts.log";
const TRUTH_FILE: &str = "truth.json";

impl Files {
    fn create(folder: &Path, contracts: &Contracts, pack: &Pack) -> Result<Self, Stop> {
        let begin = |topic: &'static str, name: &str| {
            let file = recorded::create(&folder.join(name))?;
            let mut out = Vec::new();
            let topic = SmolStr::new_static(topic);
            let header = Header { topic, partitions: 1, contracts: contracts_digest(contracts) };
            let encoder = Encoder::begin(header, &mut out);
            Ok::<_, Stop>((file, encoder, out))
        };
        let mut households = begin(HOUSEHOLDS_LOG, HOUSEHOLDS_FILE)?;
        let content = bundle::encode(crate::rules::builtin_files(), contracts);
        households.1.pack(pack.hash, content, &mut households.2);
        let alerts = begin(ALERTS_TOPIC, ALERTS_FILE)?;
        Ok(Self { folder: folder.to_owned(), households, alerts, offset: 0 })
    }

    fn take(&mut self, happening: &Happening<'_>) -> Result<(), Stop> {
        match happening {
            Happening::Handled(partition, record) => {
                let (file, encoder, out) = &mut self.households;
                encoder.record(*partition, (*record).clone(), out);
                recorded::flush(file, &self.folder.join(HOUSEHOLDS_FILE), out, false)
            }
            Happening::Alert { at, output, .. } => {
                let record = LogRecord {
                    offset: self.offset,
                    timestamp_ms: at.0,
                    key: output.key.clone(),
                    value: Some(output.value.clone()),
                    headers: output.headers.clone(),
                };
                self.offset += 1;
                let (file, encoder, out) = &mut self.alerts;
                encoder.record(0, record, out);
                recorded::flush(file, &self.folder.join(ALERTS_FILE), out, false)
            }
            Happening::Raw(_) | Happening::Letter | Happening::Midnight(_) => Ok(()),
        }
    }

    /// Ends both logs and writes the truth; answers how many records each has.
    fn end(self, truth: &Truth) -> Result<(u64, u64), Stop> {
        let mut counts = (0, 0);
        let parts =
            [(self.households, HOUSEHOLDS_FILE, &mut counts.0), (self.alerts, ALERTS_FILE, &mut counts.1)];
        for ((mut file, encoder, mut out), name, count) in parts {
            *count = encoder.records();
            encoder.end(&mut out);
            recorded::flush(&mut file, &self.folder.join(name), &mut out, true)?;
        }
        let path = self.folder.join(TRUTH_FILE);
        recorded::flush(&mut recorded::create(&path)?, &path, &mut truth.to_json().into_bytes(), true)?;
        Ok(counts)
    }
}
