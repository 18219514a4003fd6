//! The intake stage: stateless; decodes by contract, rejects with cause, re-keys to the log of the stage that owns the entity.
