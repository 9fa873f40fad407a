//! Ends what this process started when this process ends, however it ends.
//!
//! A small shell waits at the other end of a pipe that only we hold open. While we live we tell it which process groups and
//! directories are ours; when we are gone, even by SIGKILL, its read ends and it kills and removes what is left. That is the
//! one way that needs no unsafe code, works on every Unix, and holds for servers in a `static`, which are never dropped.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
};

/// Reads `+g <group>`, `-g <group>`, `+d <directory>` and `-d <directory>`. Directories come last: their users are dead by then.
const SCRIPT: &str = r#"
IFS='
'
groups=
directories=
# Prints the lines of the second argument without the line that is the first.
without() { for line in $2; do [ "$line" = "$1" ] || printf '%s\n' "$line"; done; }
while read -r line; do
    name=${line#???}
    case $line in
        '+g '*) groups="$groups$IFS$name" ;;
        '-g '*) groups=$(without "$name" "$groups") ;;
        '+d '*) directories="$directories$IFS$name" ;;
        '-d '*) directories=$(without "$name" "$directories") ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
for directory in $directories; do
    rm -rf -- "$directory" 2>/dev/null || { sleep 1; rm -rf -- "$directory"; }
done
"#;

static REAPER: LazyLock<Mutex<Option<Child>>> = LazyLock::new(|| Mutex::new(start().ok()));

fn start() -> std::io::Result<Child> {
    // Its own process group: a Ctrl-C at the terminal must not end it before the work is done.
    Command::new("/bin/sh").arg("-c").arg(SCRIPT).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn tell(line: &str) {
    let mut reaper = REAPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pipe) = reaper.as_mut().and_then(|child| child.stdin.as_mut()) {
        // A reaper that is gone takes nothing; owners still clean up in their own drop.
        let _ = pipe.write_all(format!("{line}\n").as_bytes());
    }
}

pub(crate) fn kill_at_exit(group: u32) {
    tell(&format!("+g {group}"));
}

pub(crate) fn forget_group(group: u32) {
    tell(&format!("-g {group}"));
}

pub(crate) fn remove_at_exit(directory: &Path) {
    tell(&format!("+d {}", directory.display()));
}

pub(crate) fn forget_directory(directory: &Path) {
    tell(&format!("-d {}", directory.display()));
}
