//! Where topics and rules come from: a folder that was named, the one in the current directory, or the binary itself.

use super::exit::{Exit, Stop};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folders of topics and rules.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Folders {
    /// Read topics from this folder.
    ///
    /// Without it: `topics` in the current directory if there is one, else those built into the program.
    #[arg(long, value_name = "DIR")]
    pub(super) topics: Option<PathBuf>,
    /// Read rules from this folder.
    ///
    /// Without it: `rules` in the current directory if there is one, else those built into the program.
    #[arg(long, value_name = "DIR")]
    pub(super) rules: Option<PathBuf>,
}

/// Text files by name relative to their folder.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The folder as it is shown.
    pub(super) folder: String,
    pub(super) texts: BTreeMap<String, String>,
    /// They came with the program.
    pub(super) built_in: bool,
}

/// Folder of source files.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Sources {
    /// Read source files from this folder.
    ///
    /// Without it: `deploy/sources` in the current directory if there is one, else those built into the program.
    #[arg(long, value_name = "DIR")]
    sources: Option<PathBuf>,
}

impl Sources {
    pub(super) fn files(&self) -> Result<Files, Stop> {
        let mut files =
            Files::find(self.sources.as_deref(), "deploy/sources", crate::collect::builtin_files)?;
        files.texts.retain(|name, _| name.ends_with(".toml"));
        Ok(files)
    }
}

type BuiltIn = fn() -> Vec<(&'static str, &'static str)>;

impl Folders {
    pub(super) fn topics(&self) -> Result<Files, Stop> {
        Files::find(self.topics.as_deref(), "topics", crate::contracts::builtin_files)
    }

    pub(super) fn rules(&self) -> Result<Files, Stop> {
        Files::find(self.rules.as_deref(), "rules", crate::rules::builtin_files)
    }
}

impl Files {
    /// The rules that came with the program.
    pub(super) fn built_in_rules() -> Self {
        Self::carried("rules", crate::rules::builtin_files)
    }

    fn find(named: Option<&Path>, usual: &str, built_in: BuiltIn) -> Result<Self, Stop> {
        match named {
            Some(dir) if dir.is_dir() => Ok(Self::read(dir)),
            Some(dir) => Err(Stop::new(Exit::Config, format!("{} is not a folder", dir.display()))),
            None if Path::new(usual).is_dir() => Ok(Self::read(Path::new(usual))),
            None => Ok(Self::carried(usual, built_in)),
        }
    }

    fn carried(folder: &str, built_in: BuiltIn) -> Self {
        let texts = built_in().into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Self { folder: folder.to_owned(), texts, built_in: true }
    }

    fn read(dir: &Path) -> Self {
        let mut texts = BTreeMap::new();
        collect(dir, dir, &mut texts);
        let folder = dir.to_string_lossy().replace('\\', "/").trim_end_matches('/').to_owned();
        Self { folder, texts, built_in: false }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// For a person: where they are from.
    pub(super) fn origin(&self) -> String {
        if self.built_in { String::from("built in") } else { format!("{}/", self.folder) }
    }
}

/// All text files below a folder, by path relative to `root`. What cannot be read as text is none.
fn collect(root: &Path, dir: &Path, into: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, into);
        } else if let (Ok(text), Ok(name)) = (std::fs::read_to_string(&path), path.strip_prefix(root)) {
            into.insert(name.to_string_lossy().replace('\\', "/"), text);
        }
    }
}
