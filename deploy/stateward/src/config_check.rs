//! A configuration is checked by the program that will read it: nothing else knows its keys as well.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::{cli::CheckConfig, exit::Exit, output::Output};

const SERVICES: [&str; 3] = ["gateway", "state-authority", "sync-worker"];

pub fn run(what: &CheckConfig, out: &Output) -> anyhow::Result<Exit> {
    if !SERVICES.contains(&what.service.as_str()) {
        bail!("there is no service {:?}: write one of {}", what.service, SERVICES.join(", "));
    }
    let program = what.program.clone().unwrap_or_else(|| beside_us(&what.service));
    let mut command = Command::new(&program);
    command.arg("--check-config").stdin(Stdio::null());
    if let Some(file) = &what.file {
        // The file alone is judged: variables of another service, which may be around us, would be unknown keys.
        let needed = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.arg("--config").arg(file).env_clear().envs(needed);
    }
    let checked = command.output().with_context(|| format!("{} cannot be run", program.display()))?;
    let said = String::from_utf8_lossy(&checked.stderr).trim().to_owned();
    let valid = checked.status.success();
    out.result(&json!({"valid": valid, "service": what.service, "says": said}), || {
        if valid { format!("the configuration of {} is usable", what.service) } else { said.clone() }
    });
    Ok(if valid { Exit::Well } else { Exit::BadConfig })
}

fn beside_us(service: &str) -> PathBuf {
    let name = format!("stateward-{service}");
    let beside = std::env::current_exe().ok().and_then(|us| Some(us.parent()?.join(&name)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(name))
}
