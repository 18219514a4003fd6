//! Codes of mistakes in contracts (`IEUM-C…`) and of rejected records (`IEUM-D…`), with their pages for `ieum explain`.

/// The file is not TOML or JSON.
pub const NOT_READABLE: &str = "IEUM-C001";
/// A key that topic.toml does not have.
pub const UNKNOWN_KEY: &str = "IEUM-C002";
/// A key that must be there.
pub const MISSING_KEY: &str = "IEUM-C003";
/// A value of another type or out of its range.
pub const WRONG_VALUE: &str = "IEUM-C004";
/// A field that the schema does not have.
pub const UNKNOWN_FIELD: &str = "IEUM-C005";
/// A field without privacy class.
pub const NO_CLASS: &str = "IEUM-C006";
/// A field without doc or label.
pub const NO_LABEL: &str = "IEUM-C007";
/// No Avro schema.
pub const NO_SCHEMA: &str = "IEUM-C008";
/// A type that contracts do not have.
pub const WRONG_TYPE: &str = "IEUM-C009";
/// Two versions that cannot read each other.
pub const INCOMPATIBLE: &str = "IEUM-C010";
/// A version is missing or a file is unexpected.
pub const WRONG_FILES: &str = "IEUM-C011";
/// Route and mapping disagree.
pub const WRONG_ROUTE: &str = "IEUM-C012";
/// Two declarations of one name disagree.
pub const CONFLICT: &str = "IEUM-C013";

/// Every code of a mistake in contracts: code, title, explanation for `ieum explain`.
pub const CONTRACT_CODES: &[(&str, &str, &str)] = &[
    (
        NOT_READABLE,
        "contract file cannot be read",
        "A `topic.toml` is not TOML, or a `vN.avsc` is not JSON. The caret shows where reading stopped.",
    ),
    (
        UNKNOWN_KEY,
        "contract has an unknown key",
        "A key that nothing reads would be silently ignored, so it is an error. `topics/README.md` lists every key.",
    ),
    (
        MISSING_KEY,
        "contract lacks a key",
        "Every topic says what it is for, who owns it, its key, route and access.",
    ),
    (
        WRONG_VALUE,
        "contract has a wrong value",
        "The value has another type than its key takes, lies outside its range, or is none of the words that the key \
         takes. The help names them.",
    ),
    (
        UNKNOWN_FIELD,
        "contract names a field that its schema does not have",
        "`topic.toml` maps fields of the newest `vN.avsc`. Either the name is misspelt or the field was renamed there.",
    ),
    (
        NO_CLASS,
        "field has no privacy class",
        "Every field of every topic says what it tells of a person: `pii` is `none`, `pseudonym`, `indirect` or \
         `sensitive`. A field without one does not load, so that nobody forgets to think of it.",
    ),
    (
        NO_LABEL,
        "field has no doc or label",
        "Every field has `doc` (English, for engineers) and `label` (Korean, for caseworkers and rule authors).",
    ),
    (
        NO_SCHEMA,
        "schema is not valid Avro",
        "`vN.avsc` must be an Avro record. The message is the Avro parser's.",
    ),
    (
        WRONG_TYPE,
        "field has a type that does not serve its purpose",
        "Contracts have no binary floats: amounts are whole numbers in the unit that the field names. A field that is \
         mapped or kept must have a type that rules can read: text, whole number, boolean, date, timestamp-millis, or an \
         array of texts.",
    ),
    (
        INCOMPATIBLE,
        "schema versions are not compatible",
        "Records of every version lie in the topic at the same time. The newest version of an input must read all older \
         ones; of an output, every version must read every other. Give a new field a default; never remove a field \
         without one, never change a type.",
    ),
    (
        WRONG_FILES,
        "contract's files are not complete",
        "A topic has one `topic.toml` and schemas `v1.avsc`, `v2.avsc`, … without a gap. Internal logs have none.",
    ),
    (
        WRONG_ROUTE,
        "route and mapping disagree",
        "A topic's `route` says where intake sends its records, and one table says what they are: `[signal]` or `[link]` \
         for `subject`, `[facts]` or `[action]` for `household`, `[area]` for `all-households`, `[statement]` for \
         `control`. Topics of notices, outputs and internal logs have none.",
    ),
    (
        CONFLICT,
        "two declarations disagree",
        "The same event, fact, source or partition count is declared twice, and the two differ.",
    ),
];

/// The bytes do not decode.
pub const UNDECODABLE: &str = "IEUM-D001";
/// The schema that the record names is not known.
pub const UNKNOWN_SCHEMA: &str = "IEUM-D002";
/// The encoding is none that the topic allows.
pub const WRONG_ENCODING: &str = "IEUM-D003";
/// A required field is missing.
pub const MISSING_FIELD: &str = "IEUM-D004";
/// A date is out of range.
pub const DATE_RANGE: &str = "IEUM-D005";
/// A number is out of range.
pub const NUMBER_RANGE: &str = "IEUM-D006";
/// The kind is not known.
pub const UNKNOWN_KIND: &str = "IEUM-D007";
/// The record is too large.
pub const TOO_LARGE: &str = "IEUM-D008";
/// No owner is named.
pub const NO_OWNER: &str = "IEUM-D009";
/// A null value where it means nothing.
pub const NULL_VALUE: &str = "IEUM-D010";
/// An id or code is empty, too long or holds NUL.
pub const BAD_TEXT: &str = "IEUM-D011";
/// The key of a removal cannot be read.
pub const BAD_KEY: &str = "IEUM-D012";
/// JSON does not fit the schema.
pub const BAD_JSON: &str = "IEUM-D013";
/// The schema cannot be had now.
pub const SCHEMA_UNAVAILABLE: &str = "IEUM-D014";
/// The topic is no input.
pub const NO_INPUT: &str = "IEUM-D015";
/// A void of a daily kind without its day or kind.
pub const VOID_WITHOUT_DAY: &str = "IEUM-D016";

/// Every code of a rejected record: code, title, explanation for `ieum explain`.
pub const DECODE_CODES: &[(&str, &str, &str)] = &[
    (
        UNDECODABLE,
        "record does not decode",
        "The bytes are not a record of the schema that they name: cut short, followed by more bytes, or of another \
         schema. The letter has the bytes; ask the producer which schema it wrote with.",
    ),
    (
        UNKNOWN_SCHEMA,
        "record names an unknown schema",
        "A record in single-object encoding carries the fingerprint of a schema that is no version in `topics/`, or one \
         with a registry id names a schema that the registry does not have or that the topic's newest version cannot \
         read. Add the version to `topics/`, then send the records of the letters again: a letter holds topic, key and bytes.",
    ),
    (
        WRONG_ENCODING,
        "record has an encoding that its topic does not allow",
        "`encodings` in `topic.toml` lists what a topic takes: `registry` (0x00 and a schema id), `single-object` (0xC3 \
         0x01 and a fingerprint), `json`. Bare Avro without either header cannot be told apart and is never taken.",
    ),
    (
        MISSING_FIELD,
        "record lacks a required field",
        "The field named in the message is null or empty, and the record cannot be used without it. A bodiless end or \
         void needs the envelope alone.",
    ),
    (
        DATE_RANGE,
        "date is out of range",
        "An event's date lies outside 1990 to 2100, or another date outside 1880 to 2100. Such a date is a typing or \
         unit error (seconds for milliseconds), and accepting it would fire or hide an alert.",
    ),
    (
        NUMBER_RANGE,
        "number is out of range",
        "A number lies outside the limits that `topic.toml` gives its field: a negative amount, a share above 100.",
    ),
    (
        UNKNOWN_KIND,
        "record has a kind that its topic does not declare",
        "`[events]` in `topic.toml` lists the kinds that a topic takes. A new kind is a line there, and then the records of the letters are sent again: \
         a letter holds topic, key and bytes.",
    ),
    (
        TOO_LARGE,
        "record is too large",
        "No record of these topics comes near the limit of 1 MiB; a larger one is a mistake, and what it leads to might \
         not fit the changelog. The letter has its first 64 KiB, size and SHA-256.",
    ),
    (
        NO_OWNER,
        "record names no owner",
        "A signal must name at least one of its owners, else no household can be found for it.",
    ),
    (
        NULL_VALUE,
        "record has a null value",
        "A null value takes an entry of a registry topic back. On other topics it means nothing: send a record whose \
         change says that the thing ended or never happened.",
    ),
    (
        BAD_TEXT,
        "id or code is empty, too long or holds a NUL",
        "Ids and codes are texts of 1 to 200 bytes without NUL; a list has at most 64 of them. Longer texts do not \
         belong into a stream: send a reference.",
    ),
    (
        BAD_KEY,
        "key of a removal cannot be read",
        "A null value on a registry topic takes an entry back, and only the record's key says which. `key` in \
         `topic.toml` gives its form.",
    ),
    (
        BAD_JSON,
        "JSON does not fit the schema",
        "The record is not JSON, lacks a field without default, has a field of another type, or one that the schema does \
         not have. The message names the schema's field where it can.",
    ),
    (
        SCHEMA_UNAVAILABLE,
        "schema cannot be had now",
        "The schema registry did not answer. The record is not rejected: it is tried again.",
    ),
    (NO_INPUT, "topic is no input", "ieum itself writes this topic; intake does not read it."),
    (
        VOID_WITHOUT_DAY,
        "void of a daily record does not say which",
        "Of a daily kind (a meter) no key of the source's is kept: source, owners, kind and day name a reading. A void must \
         therefore carry the kind and the day that it takes back, and nothing else of the body. A reading that belongs to \
         another day is a void of the one and a new record of the other.",
    ),
];
