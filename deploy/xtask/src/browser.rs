//! A Chromium for the browser test: the machine's own, else installed where we may.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::run::{command, must, on_path, output, say};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

pub(crate) fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = present() {
        return Ok(path);
    }
    if on_path("apt-get").is_none() || output(&mut command("id", &["-u"]))?.trim() != "0" {
        bail!("no Chromium is on the PATH: install it (on Debian: `sudo apt-get install chromium`)");
    }
    say("installing chromium ...");
    must(command("apt-get", &["update", "-q"]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    must(command("apt-get", &["install", "-y", "-q", "--no-install-recommends", "chromium"]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    present().context("apt-get installed no chromium")
}

fn present() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| on_path(name))
}
