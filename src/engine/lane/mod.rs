//! A lane: one consumer, one transactional producer, the tasks of its partitions. Commit order and recovery are here.

pub mod io;
