//! The npm workspaces: installed when their lock file changed, built into the page that the gateway serves.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use testkit::service::workspace;

use crate::run::{command, must, on_path, output, say};

/// The oldest version that the build tools run on.
const NODE: (u32, u32) = (20, 19);

/// `npm ci`, unless what is installed is what the lock file says.
pub(crate) fn install() -> anyhow::Result<()> {
    install_at("")
}

/// The same for a package that is not of the workspace.
pub(crate) fn install_at(directory: &str) -> anyhow::Result<()> {
    needs()?;
    let directory = workspace().join(directory);
    let lock =
        fs::read(directory.join("package-lock.json")).with_context(|| format!("the package-lock.json of {}", directory.display()))?;
    let digest: String = Sha256::digest(&lock).iter().map(|byte| format!("{byte:02x}")).collect();
    let stamp = directory.join("node_modules/.stateward-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == digest) {
        return Ok(());
    }
    say("installing what package-lock.json names ...");
    must(command("npm", &["ci", "--no-audit", "--no-fund"]).current_dir(&directory))?;
    fs::write(&stamp, digest).with_context(|| format!("writing {}", stamp.display()))
}

/// Builds the page; gives the directory to serve.
pub(crate) fn build_page() -> anyhow::Result<PathBuf> {
    install()?;
    must(&mut command("npm", &["run", "--silent", "build"]))?;
    Ok(page())
}

/// Whether the root package has a script of this name.
pub(crate) fn has_script(name: &str) -> anyhow::Result<bool> {
    let package = fs::read(workspace().join("package.json")).context("reading package.json")?;
    let package: serde_json::Value = serde_json::from_slice(&package).context("package.json")?;
    Ok(package["scripts"].get(name).is_some())
}

/// Where the page is once it is built.
pub(crate) fn page() -> PathBuf {
    workspace().join("services/tabletop/dist")
}

fn needs() -> anyhow::Result<()> {
    for program in ["node", "npm"] {
        if on_path(program).is_none() {
            bail!("{program} is not on the PATH: install Node.js {}.{} or later, with npm", NODE.0, NODE.1);
        }
    }
    let version = output(&mut command("node", &["--version"]))?;
    let found = numbers(&version).with_context(|| format!("node says that its version is {version:?}"))?;
    if found < NODE {
        bail!("Node.js {} is too old: {}.{} or later is needed", version.trim(), NODE.0, NODE.1);
    }
    Ok(())
}

/// Major and minor of `v20.19.1`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().strip_prefix('v')?.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(numbers("v20.9.0\n"), Some((20, 9)));
        assert!(numbers("v20.9.0") < Some(NODE) && numbers("v100.0.0") > Some(NODE));
        assert_eq!(numbers("twenty"), None);
    }
}
