//! Directories that are gone when their owner is, and names that no other test has.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::reaper;

/// A fresh directory, removed on drop or at the end of the process.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub fn new(name: &str) -> io::Result<Self> {
        Self::under(&std::env::temp_dir(), name)
    }

    pub fn under(parent: &Path, name: &str) -> io::Result<Self> {
        let path = parent.join(format!("stateward-{name}-{}", random_name()));
        std::fs::create_dir_all(&path)?;
        reaper::remove_at_exit(&path);
        Ok(Self { path })
    }

    /// The directory that somebody names, or a fresh one, which is removed with what is given beside it.
    pub(crate) fn unless(named: Option<PathBuf>, name: &str) -> io::Result<(PathBuf, Option<Self>)> {
        if let Some(path) = named {
            return Ok((path, None));
        }
        let scratch = Self::new(name)?;
        Ok((scratch.path.clone(), Some(scratch)))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now goes at the end of the process.
        if std::fs::remove_dir_all(&self.path).is_ok() {
            reaper::forget_directory(&self.path);
        }
    }
}

/// Twelve characters that are good in a subject, a database name and a file name.
pub fn random_name() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    random_bytes::<12>().iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

/// # Panics
/// When the operating system has no randomness to give: nothing works then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
