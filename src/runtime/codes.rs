//! Codes with which a process ends before or beside its lanes.

/// The cluster refused what every start needs.
pub const CLUSTER_UNKNOWN: &str = "IEUM-U001";
/// Topics are not as the contracts say.
pub const TOPICS_DIFFER: &str = "IEUM-U002";
/// The control log runs on another clock.
pub const CLOCK_DIFFERS: &str = "IEUM-U003";
/// A lane could not be made.
pub const LANE_REFUSED: &str = "IEUM-U004";
/// A thread could not be started.
pub const NO_THREAD: &str = "IEUM-U005";
/// A thread panicked outside the handling of a record.
pub const THREAD_PANICKED: &str = "IEUM-U006";

/// Every code of this module: code, title, explanation for `ieum explain`.
pub const RUNTIME_CODES: &[(&str, &str, &str)] = &[
    (
        CLUSTER_UNKNOWN,
        "the cluster refused what every start needs",
        "Before anything is consumed, ieum asks the cluster for its topics and reads the control log. The broker answered \
         that this is not allowed, or the client could not be made from the configuration. The message says which. A \
         broker that is merely away is waited for and does not end the process.",
    ),
    (
        TOPICS_DIFFER,
        "topics are not as the contracts say",
        "A topic is missing, has another number of partitions than its contract, or, under the append clock, carries its \
         writers' time stamps (`CreateTime`) where the broker's are the time (`LogAppendTime`). The partition count of a stage \
         log is a part of where records go, so ieum does not guess.\n\n`ieum topics plan` shows the differences, `ieum topics \
         apply` creates what is missing and sets what differs.",
    ),
    (
        CLOCK_DIFFERS,
        "the control log runs on another clock",
        "The first record of `ieum.control` fixes for the life of the installation who says what time it is. This process \
         is configured for the other clock.\n\nSet `application.clock` to the log's clock. To change it, begin a new \
         installation with another `application.id` and empty topics.",
    ),
    (
        LANE_REFUSED,
        "a lane could not be made",
        "Joining the consumer group or initialising the transactional producer was refused: access is not granted, or the \
         configuration does not fit the broker. The message says which.",
    ),
    (
        NO_THREAD,
        "a thread could not be started",
        "The operating system refused a thread: the process limit is reached or memory is short. Raise the limit, or lower \
         the number of lanes.",
    ),
    (
        THREAD_PANICKED,
        "a thread met a defect",
        "A defect in ieum, outside the handling of any one record. A lane is made anew by itself and its open transaction is          undone, so nothing is lost or doubled; any other thread ends the process, which can be started again.\n\nReport it          with the log of the minute before.",
    ),
];
