//! Codes of the letters that stages write, beside those of contracts and lane.

/// A bodiless end or void whose original never came.
pub const WAITED_IN_VAIN: &str = "IEUM-S001";
/// Older than what is kept.
pub const TOO_OLD: &str = "IEUM-S002";
/// A stage log holds bytes that are no message of it.
pub const LOG_UNREADABLE: &str = "IEUM-S003";
/// An identifier that no log can carry.
pub const BAD_IDENTIFIER: &str = "IEUM-S004";
/// A topic whose contract sends its records nowhere, or a payload that its route does not allow.
pub const NO_ROUTE: &str = "IEUM-S005";
/// A reading by one way more than a subject keeps.
pub const CROWDED: &str = "IEUM-S006";
/// A subject of more households, or a household of more subjects, than is kept.
pub const OVERLINKED: &str = "IEUM-S007";

/// Every code of this module: code, title, explanation for `ieum explain`.
pub const STAGE_CODES: &[(&str, &str, &str)] = &[
    (
        WAITED_IN_VAIN,
        "an end or void came without its report",
        "A record without a body says that something ended or never happened, but the report that it refers to (same \
         source, same source key) was not known and did not come within the topic's lateness. It changed nothing.\n\n\
         Either the report was lost or rejected (look for a letter with the same source key), or the source used another \
         key. Send the report, then the record of the letter again.",
    ),
    (
        TOO_OLD,
        "the event is older than the history kept",
        "The event happened before the first day of the history (`history_days`). No rule may look back that far, so it \
         could decide nothing, and it was not kept.\n\nIf the date is wrong, send a higher revision with the right one. To \
         keep more, raise `history_days` and send the record of the letter again.",
    ),
    (
        LOG_UNREADABLE,
        "a record of a stage log cannot be read",
        "The bytes are no message of this log. Only ieum writes to its stage logs, so something else did, or the record was \
         damaged. Records of a newer format stop the task instead: they are not skipped.\n\nFind the writer: access to \
         topics named `ieum.*` belongs to ieum alone.",
    ),
    (
        BAD_IDENTIFIER,
        "an identifier is empty or holds a NUL",
        "A source, source key, owner or household is empty or holds a NUL character, which no identifier of a register has. \
         Such a record cannot be filed under its owner.\n\nThe producer must send the identifier as its register has it.",
    ),
    (
        NO_ROUTE,
        "the topic's route does not take this record",
        "The topic's contract declares a route, and what the record says cannot go there. The contract and its mapping \
         disagree: `ieum check` names the place.",
    ),
    (
        CROWDED,
        "too many meters name one owner",
        "A reading's last owner is named by the readings of more meters than one dwelling, contract or person has. Such an \
         owner is a stand-in (an empty or test pseudonym), and what it used says nothing of anybody. The reading was not \
         kept.\n\nThe producer should name the owner, or leave it out.",
    ),
    (
        OVERLINKED,
        "too many links of one subject or one household",
        "The register links this subject more often (64 links), or this household to more subjects (4,096), than a person, a \
         dwelling or a contract has; links taken back and subjects that left count too. Either is a stand-in: what is \
         gathered under it says nothing of anybody, and to keep it would make each of its records dearer than the last. \
         The link or the event of this letter was not kept; what was known before stays.\n\nLook in the register for an \
         empty or test pseudonym. What has filled up stays full: give the household or the person that is meant an \
         identifier of its own, and send the record of the letter again under that.",
    ),
];
