//! Saved answers in place of a network: file by file, as if each were a page.

use super::asking::{Ask, Raw};
use super::trouble::{Kind, Trouble};
use std::path::PathBuf;

/// Answers of a source that lie in files, in their order.
#[derive(Clone, Debug)]
pub struct Files {
    files: Vec<PathBuf>,
    next: usize,
}

impl Files {
    /// These files; a folder stands for the files in it, by name.
    pub fn new(paths: &[PathBuf]) -> std::io::Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                let mut inside = std::fs::read_dir(path)?
                    .map(|entry| entry.map(|entry| entry.path()))
                    .collect::<Result<Vec<_>, _>>()?;
                inside.retain(|path| path.is_file());
                inside.sort();
                files.extend(inside);
            } else {
                files.push(path.clone());
            }
        }
        Ok(Self { files, next: 0 })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.files.len()
    }
}

impl Ask for Files {
    fn ask(&mut self, _parameters: &[(&str, &str)]) -> Result<Raw, Trouble> {
        let Some(file) = self.files.get(self.next) else {
            return Err(Trouble::new(Kind::Refused, "there is no further file"));
        };
        self.next += 1;
        let body = std::fs::read(file)
            .map_err(|error| Trouble::new(Kind::Refused, format!("{}: {error}", file.display())))?;
        Ok(Raw { status: 200, retry_after: None, body })
    }
}
