//! Codes of configuration mistakes.

/// The file is not TOML.
pub(super) const SYNTAX: &str = "IEUM-G001";
/// A key that ieum does not know.
pub(super) const UNKNOWN: &str = "IEUM-G002";
/// A value of the wrong kind.
pub(super) const KIND: &str = "IEUM-G003";
/// A value that is not allowed.
pub(super) const VALUE: &str = "IEUM-G004";
/// A key that must be there.
pub(super) const MISSING: &str = "IEUM-G005";
/// A file that the configuration names cannot be read.
pub(super) const FILE: &str = "IEUM-G006";
/// A key of librdkafka that ieum sets itself.
pub(super) const OWNED_KEY: &str = "IEUM-G007";
/// An override that names no key.
pub(super) const OVERRIDE: &str = "IEUM-G008";

/// Every code of this module: code, title, explanation for `ieum explain`.
pub const CONFIG_CODES: &[(&str, &str, &str)] = &[
    (
        SYNTAX,
        "the configuration file is not TOML",
        "The file cannot be read as TOML at the place shown. Texts need quotes, a section begins with `[name]`, a key may \
         stand only once.",
    ),
    (
        UNKNOWN,
        "unknown key in the configuration",
        "ieum does not know this key, so it would have no effect: most often a typing mistake, or a key of another \
         section. `deploy/ieum.toml` lists all keys. Keys of librdkafka belong under `[kafka.librdkafka]`.",
    ),
    (
        KIND,
        "value of the wrong kind",
        "The key wants another kind of value: a text in quotes, a whole number, or true and false. In an environment \
         variable or `--set` a text needs no quotes.",
    ),
    (
        VALUE,
        "value not allowed",
        "The value is of the right kind and outside what the key allows. The message says what it allows.",
    ),
    (
        MISSING,
        "a key is missing",
        "Without this key ieum cannot start. Put it into the file, or set it in the environment: `IEUM__SECTION__KEY`.",
    ),
    (
        FILE,
        "a file that the configuration names cannot be read",
        "Secrets stand in files of their own, named by keys that end in `_file`. The file is missing, is not text, or this \
         process may not read it. A relative path starts at the folder of the configuration file.",
    ),
    (
        OWNED_KEY,
        "a librdkafka key that ieum sets itself",
        "`[kafka.librdkafka]` passes keys through to librdkafka, except those that ieum's promises rest on and those that \
         have a key of their own here. Remove it; the message says what to use instead or why it is fixed.",
    ),
    (
        OVERRIDE,
        "an override that names no key",
        "An override has the form `--set section.key=value`, or an environment variable `IEUM__SECTION__KEY`, with two \
         underscores between the parts and one where the key itself has one.",
    ),
];
