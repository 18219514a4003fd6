//! Codes of mistakes in source files, and of what a connector meets (`IEUM-K…`), with their pages for `ieum explain`.

/// The file is not TOML.
pub const NOT_READABLE: &str = "IEUM-K001";
/// A key that a source file does not have.
pub const UNKNOWN_KEY: &str = "IEUM-K002";
/// A key that must be there.
pub const MISSING_KEY: &str = "IEUM-K003";
/// A value of another type or out of its range.
pub const WRONG_VALUE: &str = "IEUM-K004";
/// The topic that it names does not take its records.
pub const WRONG_TOPIC: &str = "IEUM-K005";
/// The key's file cannot be read.
pub const NO_KEY: &str = "IEUM-K010";
/// No answer, or none in time.
pub const UNREACHABLE: &str = "IEUM-K011";
/// The source refuses the key.
pub const KEY_REFUSED: &str = "IEUM-K012";
/// The day's requests are used up.
pub const QUOTA: &str = "IEUM-K013";
/// The answer is no JSON, or ends in the middle.
pub const NOT_JSON: &str = "IEUM-K014";
/// The answer reports an error.
pub const REPORTED: &str = "IEUM-K015";
/// The answer has another shape than its file says.
pub const SHAPE: &str = "IEUM-K016";
/// The source sends elsewhere.
pub const MOVED: &str = "IEUM-K017";
/// The list changed while it was read.
pub const UNSTEADY: &str = "IEUM-K018";
/// Too many notices are gone at once.
pub const TOO_MANY_GONE: &str = "IEUM-K019";
/// A record without key.
pub const NO_RECORD_KEY: &str = "IEUM-K020";
/// A record that its topic does not take.
pub const UNFIT: &str = "IEUM-K021";
/// A field of another type, missing or new.
pub const DRIFT: &str = "IEUM-K022";
/// Marks that this binary cannot read.
pub const BAD_MARKS: &str = "IEUM-K023";
/// Someone asked it to stop.
pub const INTERRUPTED: &str = "IEUM-K024";

/// Every code of this module: code, title, explanation for `ieum explain`.
pub const COLLECT_CODES: &[(&str, &str, &str)] = &[
    (
        NOT_READABLE,
        "source file is not TOML",
        "The file cannot be read as TOML at the place shown. Texts need quotes, a section begins with `[name]`, a key may \
         stand only once.",
    ),
    (
        UNKNOWN_KEY,
        "unknown key in a source file",
        "A key that nothing reads would have no effect, so it is an error: most often a typing mistake. The files in \
         `deploy/sources` show every key.",
    ),
    (
        MISSING_KEY,
        "a source file lacks a key",
        "Without this key the source cannot be asked or its answer cannot be read. The files in `deploy/sources` show \
         every key with its meaning.",
    ),
    (
        WRONG_VALUE,
        "wrong value in a source file",
        "The value has another type than its key takes, lies outside its range, or is none of the words that the key \
         takes. The help names them. An address begins with `https://`; plain `http://` is taken for this machine alone, \
         since a request carries the key.",
    ),
    (
        WRONG_TOPIC,
        "source and topic do not fit",
        "A source file names the topic that takes its records and the fields that carry source, key and the rest. The topic \
         is not among the contracts or has not the route `notices`, or its newest schema has no such field.",
    ),
    (
        NO_KEY,
        "the key of a source cannot be read",
        "The key stands in a file of its own, which `request.key_file` of the source file or `--key-file` names. It is \
         missing, empty, or this process may not read it. A relative path starts at the folder of the source file. The key \
         itself is never shown.",
    ),
    (
        UNREACHABLE,
        "source cannot be reached",
        "No connection, no answer in time, or an error of the server (5xx, 429) at every attempt. What came before it is \
         published and marked; run the command again, and it goes on at the page that failed.",
    ),
    (
        KEY_REFUSED,
        "source refuses the key",
        "The source answers that the key is not valid, not registered for this service or this address, or has run out. \
         Trying again would not help: look at the key's page at the provider, then at the file that holds it.",
    ),
    (
        QUOTA,
        "the day's requests are used up",
        "Either `request.requests_per_day` of the source file is reached (counted over all runs of a day in KST), or the \
         source says so itself. What came is published and marked; a run on the next day goes on at the page where this one \
         ended.",
    ),
    (
        NOT_JSON,
        "answer is no JSON, or was cut off",
        "The body is a web page (maintenance, a login, a firewall), no JSON, or ends in the middle, at every attempt. \
         Nothing of such an answer is used. Run the command again later; if it stays, open the address in a browser.",
    ),
    (
        REPORTED,
        "source reports an error in its answer",
        "The status was 200 and the body says that the request failed, with the code and words shown. If the code means \
         something that a run should act on (a key, a quota, no data), add it to `means` of its envelope in the source file.",
    ),
    (
        SHAPE,
        "answer has another shape than described",
        "The list, the total or the page number is not where the source file says, or the source answered another page \
         than was asked for. The source has changed, or the file is wrong: compare the answer with `[answer]`.",
    ),
    (
        MOVED,
        "source sends elsewhere",
        "The answer is a redirect. It is not followed: the request carries the key. If the service has moved for good, \
         change `request.url`.",
    ),
    (
        UNSTEADY,
        "the list was not whole",
        "Its total changed while it was read, a page came short, or a notice was listed twice: a notice may have slipped from \
         one page to another unseen. What came is published. That a notice is gone, and that the source has delivered, is \
         said only after a run that saw the whole list.",
    ),
    (
        TOO_MANY_GONE,
        "too many notices are gone at once",
        "More of the known notices than `whole.most_removed_percent` allows are not in the list any more. That is rather a \
         source that answers with half of its list than the end of so many notices, so none is said to be removed. If they \
         are gone indeed, run once with `--allow-removals`.",
    ),
    (
        NO_RECORD_KEY,
        "record of a source has no key",
        "The field that `record.key` names is missing, blank or no text, or the record is no object. Without it nobody could \
         tell its next version from another notice. It lies in `dead-letters`, once for each content.",
    ),
    (
        UNFIT,
        "record of a source does not fit its topic",
        "It is larger than a record may be, its key is longer than an id may be, or the schema does not take it. It lies in \
         `dead-letters`, once for each content.",
    ),
    (
        DRIFT,
        "fields of a source have changed",
        "A field came with another type than text, one that the topic's schema has was missing, or one came that the schema \
         does not have. The records are published all the same: a value of another type as the text of its JSON, with the \
         field's name in the header `drift`. Look at the provider's notes, then add or retire the field in the topic.",
    ),
    (
        BAD_MARKS,
        "marks of a connector cannot be read",
        "`ieum.collect` holds a record that this binary does not understand: a newer version wrote it. Run that version.",
    ),
    (
        INTERRUPTED,
        "collecting was interrupted",
        "Someone asked the process to end. What came is published and marked; run the command again, and it goes on.",
    ),
];
