//! Recorded logs as files: written for nobody but their owner, read as they come.

use super::connect::Connect;
use super::exit::{Exit, Stop};
use super::{log, output};
use crate::contracts::Contracts;
use crate::engine::effect::Blocked;
use crate::engine::layout::HOUSEHOLDS_LOG;
use crate::engine::task::PackSource;
use crate::replay::form::{Decoder, Frame, Header, contracts_digest};
use crate::rules::bundle;
use crate::rules::plan::Pack;
use crate::sim::pipeline::{LogRecord, Stuck};
use crate::types::{Day, PackHash, StreamTime};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Which log a question is asked of.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LogArgs {
    /// Ask this recorded log (`ieum log record`, `ieum simulate --record`).
    ///
    /// Without it what the broker retains is read first, into a file that is deleted afterwards.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["brokers", "set"])]
    log: Option<PathBuf>,
    #[command(flatten)]
    connect: Connect,
}

impl LogArgs {
    /// The log as a file.
    pub(super) fn source(&self) -> Result<Source, Stop> {
        if let Some(path) = &self.log {
            return Ok(Source { path: path.clone(), is_ours: false });
        }
        let name = format!("ieum-log-{}", uuid::Uuid::new_v4().simple());
        let source = Source { path: std::env::temp_dir().join(name), is_ours: true };
        log::record(&self.connect.config()?.kafka, HOUSEHOLDS_LOG, &source.path)?;
        Ok(source)
    }
}

/// A recorded log on disk; one that was read for this question alone goes with it.
pub(super) struct Source {
    path: PathBuf,
    is_ours: bool,
}

impl Source {
    /// Opens it; it must be the log of households.
    pub(super) fn open(&self) -> Result<Recording, Stop> {
        Recording::open(&self.path, HOUSEHOLDS_LOG)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.is_ours {
            // What is left behind lies in the system's folder for such things, readable by its owner alone.
            let _left = std::fs::remove_file(&self.path);
        }
    }
}

/// A recorded log on its way through.
pub(super) struct Recording {
    pub(super) header: Header,
    pub(super) packs: BTreeMap<PackHash, Vec<u8>>,
    path: PathBuf,
    file: File,
    decoder: Decoder,
    chunk: Vec<u8>,
    first: Option<Frame>,
    /// Bytes of the file, and of those read.
    pub(super) bytes: u64,
    pub(super) read: u64,
}

const CHUNK_BYTES: usize = 1 << 20;

impl Recording {
    /// Opens a recorded log of a topic and reads what stands before its records.
    pub(super) fn open(path: &Path, topic: &str) -> Result<Self, Stop> {
        let recording = Self::open_any(path)?;
        if recording.header.topic != topic {
            let told =
                format!("{} is a recording of {}, not of {topic}", path.display(), recording.header.topic);
            return Err(Stop::new(Exit::Found, told));
        }
        Ok(recording)
    }

    /// The same, whatever topic it is of.
    pub(super) fn open_any(path: &Path) -> Result<Self, Stop> {
        let broken =
            |error: &dyn std::fmt::Display| Stop::new(Exit::Found, format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(|error| broken(&error))?;
        let bytes = file.metadata().map_err(|error| broken(&error))?.len();
        let mut recording = Self {
            header: Header { topic: Default::default(), partitions: 0, contracts: String::new() },
            packs: BTreeMap::new(),
            path: path.to_owned(),
            file,
            decoder: Decoder::default(),
            chunk: vec![0; CHUNK_BYTES],
            first: None,
            bytes,
            read: 0,
        };
        while let Some(frame) = recording.frame()? {
            match frame {
                Frame::Header(header) => recording.header = header,
                Frame::Pack { hash, content } => drop(recording.packs.insert(hash, content)),
                frame @ (Frame::Record { .. } | Frame::End { .. }) => {
                    recording.first = Some(frame);
                    break;
                }
            }
        }
        Ok(recording)
    }

    /// The next record with its partition; none at the end of a log that was whole.
    pub(super) fn next(&mut self) -> Result<Option<(i32, LogRecord)>, Stop> {
        loop {
            let frame = match self.first.take() {
                Some(frame) => Some(frame),
                None => self.frame()?,
            };
            match frame {
                Some(Frame::Record { partition, offset, timestamp_ms, key, value, headers }) => {
                    return Ok(Some((partition, LogRecord { offset, timestamp_ms, key, value, headers })));
                }
                Some(Frame::Pack { hash, content }) => drop(self.packs.insert(hash, content)),
                Some(Frame::Header(_) | Frame::End { .. }) => {}
                None => return Ok(None),
            }
        }
    }

    fn frame(&mut self) -> Result<Option<Frame>, Stop> {
        loop {
            if let Some(frame) = self.decoder.next_frame().map_err(|error| self.broken(&error))? {
                return Ok(Some(frame));
            }
            let count = self.file.read(&mut self.chunk).map_err(|error| self.broken(&error))?;
            if count == 0 {
                self.decoder.finish().map_err(|error| self.broken(&error))?;
                return Ok(None);
            }
            self.read += count as u64;
            self.decoder.push(&self.chunk[..count]);
        }
    }

    fn broken(&self, error: &dyn std::fmt::Display) -> Stop {
        Stop::new(Exit::Found, format!("{}: {error}", self.path.display()))
    }

    /// Notes what may make a replay differ from what happened.
    pub(super) fn caution(&self, contracts: &Contracts) {
        if self.header.contracts != contracts_digest(contracts) {
            output::note(format_args!(
                "{} was recorded under other topics than those at hand: fields that have changed may read otherwise",
                self.path.display()
            ));
        }
    }

    /// The packs that it carries, compiled when they are asked for.
    pub(super) fn pack_source(&self) -> CarriedPacks {
        let carried = self.packs.iter().map(|(hash, content)| (*hash, (content.clone(), OnceLock::new())));
        CarriedPacks { carried: carried.collect(), given: None }
    }
}

/// A pack's content, and the pack once it was asked for; none if it is of no use to this binary.
type Carried = (Vec<u8>, OnceLock<Option<Arc<Pack>>>);

/// The packs of a recording, and perhaps one from elsewhere.
pub(super) struct CarriedPacks {
    carried: BTreeMap<PackHash, Carried>,
    given: Option<Arc<Pack>>,
}

impl CarriedPacks {
    /// With this pack beside them.
    pub(super) fn with(mut self, pack: Option<Arc<Pack>>) -> Self {
        self.given = pack;
        self
    }

    /// The one pack whose hash begins so.
    pub(super) fn find(&self, hash: &str) -> Result<PackHash, Stop> {
        let mut near = self.carried.keys().filter(|known| known.to_string().starts_with(hash));
        match (near.next(), near.next()) {
            (Some(found), None) => Ok(*found),
            (Some(_), Some(_)) => Err(Stop::new(
                Exit::Found,
                format!("several packs begin with {hash:?}; write more of the hash"),
            )),
            (None, _) => {
                let told = format!(
                    "{hash:?} is neither a folder nor a pack that the log carries; \"ieum log show\" lists those"
                );
                Err(Stop::new(Exit::Found, told))
            }
        }
    }
}

impl PackSource for CarriedPacks {
    fn pack(&self, hash: &PackHash) -> Option<Arc<Pack>> {
        if let Some(given) = self.given.as_ref().filter(|given| given.hash == *hash) {
            return Some(Arc::clone(given));
        }
        let (content, compiled) = self.carried.get(hash)?;
        let compile = || match bundle::compile(content) {
            Ok(pack) if pack.hash == *hash => Some(Arc::new(pack)),
            Ok(_) => {
                output::note(format_args!("pack {} was made by another version of ieum", hash.short()));
                None
            }
            Err(error) => {
                output::note(format_args!("pack {}: {error}", hash.short()));
                None
            }
        };
        compiled.get_or_init(compile).clone()
    }
}

/// Why a replay cannot go on, with what to do about it.
pub(super) fn stuck(stuck: &Stuck) -> Stop {
    let hint = match &stuck.why {
        Blocked::PackMissing(_) => "; the recording does not carry it: name the rules to decide by",
        Blocked::SchemaUnavailable(_) | Blocked::Early(_) | Blocked::Unreadable(_) | Blocked::Unfit(_) => "",
    };
    Stop::new(Exit::Found, format!("{stuck}{hint}"))
}

/// A file that was not there and that its owner alone may read: stage logs hold what is known of households.
pub(super) fn create(path: &Path) -> Result<File, Stop> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| Stop::new(Exit::Found, format!("{}: {error}", path.display())))
}

/// Writes what has gathered once it is worth it, or at the end.
pub(super) fn flush(file: &mut File, path: &Path, gathered: &mut Vec<u8>, is_end: bool) -> Result<(), Stop> {
    if gathered.len() >= CHUNK_BYTES || is_end {
        file.write_all(gathered)
            .map_err(|error| Stop::new(Exit::Found, format!("{}: {error}", path.display())))?;
        gathered.clear();
    }
    Ok(())
}

/// A point of stream time: `2026-03-08` is that day to its end, `2026-03-08T10:00` that minute, in Korean time.
pub(super) fn point(text: &str) -> Result<StreamTime, String> {
    let wrong = || format!("{text:?} is not a time like 2026-03-08 or 2026-03-08T10:00 (Korean time)");
    let Some((day, clock)) = text.split_once('T') else {
        let day: Day = text.parse().map_err(|_| wrong())?;
        return Ok(day.plus(1).start().plus_ms(-1));
    };
    let day: Day = day.parse().map_err(|_| wrong())?;
    let (hours, minutes) = clock.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, below: i64| {
        text.parse::<i64>().ok().filter(|n| text.len() == 2 && (0..below).contains(n)).ok_or_else(wrong)
    };
    Ok(day.start().plus_ms((number(hours, 24)? * 60 + number(minutes, 60)?) * 60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_to_its_end_and_a_minute_as_it_is() {
        let day = Day::from_ymd(2026, 3, 8).unwrap();
        assert_eq!(point("2026-03-08"), Ok(StreamTime(day.plus(1).start().0 - 1)));
        assert_eq!(point("2026-03-08T10:30"), Ok(day.start().plus_ms(37_800_000)));
        for text in
            ["", "2026-02-30", "2026-03-08T", "2026-03-08T24:00", "2026-03-08T1:00", "2026-03-08T10:60"]
        {
            assert!(point(text).is_err(), "{text}");
        }
    }
}
