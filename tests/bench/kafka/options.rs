//! What a run is told.

/// Sizes of a run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Households of the city.
    pub(crate) households: u32,
    /// Records a second while latency is measured, and for how many seconds.
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
    /// Records of the city's days that are fed as fast as they are taken, before that.
    pub(crate) mix: u64,
    /// Records of the reference copy; 0 leaves it out.
    pub(crate) copy: u64,
    /// `memory.mib` of the process.
    pub(crate) memory: u64,
    /// A process for each stage: then what librdkafka costs is known by stage. Memory is that of all of them.
    pub(crate) split: bool,
}

const USAGE: &str = "cargo bench --bench kafka -- [--households N] [--mix RECORDS] [--rate N --seconds N] \
                     [--copy RECORDS] [--memory MIB] [--split] [--full]";

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            households: 20_000,
            rate: 5_000,
            seconds: 30,
            mix: 200_000,
            copy: 1_000_000,
            memory: 128,
            split: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut number = || {
                let told = args.next().and_then(|n| n.replace('_', "").parse::<u64>().ok());
                told.ok_or_else(|| format!("{arg} needs a number\n{USAGE}"))
            };
            match arg.as_str() {
                "--households" => options.households = u32::try_from(number()?).unwrap_or(u32::MAX),
                "--rate" => options.rate = number()?.max(1),
                "--seconds" => options.seconds = number()?,
                "--mix" => options.mix = number()?,
                "--copy" => options.copy = number()?,
                "--memory" => options.memory = number()?,
                "--split" => options.split = true,
                "--full" => {
                    // A day of a million households is about as many records, most of them readings of one hour: alerts
                    // come after some days, and the paced part has to last one.
                    (options.households, options.mix) = (1_000_000, 5_000_000);
                    (options.seconds, options.copy) = (240, 4_000_000);
                }
                // What cargo itself passes.
                "--bench" => {}
                other => return Err(format!("unknown option {other}\n{USAGE}")),
            }
        }
        Ok(options)
    }
}
