//! Facts become log lines and metrics here, and nowhere else. No label ever holds a person or a small area.
