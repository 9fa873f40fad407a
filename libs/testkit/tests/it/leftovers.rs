use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use testkit::{
    PATIENCE, eventually,
    process::{Output, Process, Spec},
    scratch::Scratch,
};

/// Not a test of its own: the process that the test below kills.
#[test]
#[ignore = "only a part of the test below"]
fn a_victim_starts_something_and_waits() {
    let scratch = Scratch::new("victim").unwrap();
    let spec = Spec {
        name: "sleeper".to_owned(),
        program: "/bin/sh".into(),
        args: vec!["-c".to_owned(), "sleep 600 & sleep 600".to_owned()],
        output: Output::File(scratch.path().join("log")),
        ..Spec::default()
    };
    let process = Process::start(spec).unwrap();
    let report = std::env::var_os("VICTIM_REPORT").unwrap();
    let text = format!("{}\n{}", process.pid().unwrap(), scratch.path().display());
    std::fs::write(PathBuf::from(&report).with_extension("new"), text).unwrap();
    std::fs::rename(PathBuf::from(&report).with_extension("new"), report).unwrap();
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn a_killed_test_leaves_no_process_and_no_directory() {
    let scratch = Scratch::new("leftovers").unwrap();
    let report = scratch.path().join("report");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "leftovers::a_victim_starts_something_and_waits"])
        .env("VICTIM_REPORT", &report)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let text = eventually("the victim's report", PATIENCE, async || std::fs::read_to_string(&report).ok()).await.unwrap();
    let (group, directory) = text.split_once('\n').unwrap();
    let group: i32 = group.parse().unwrap();
    assert!(group_lives(group) && PathBuf::from(directory).is_dir());
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually("everything to be gone", PATIENCE, async || (!group_lives(group) && !PathBuf::from(directory).exists()).then_some(()))
        .await
        .unwrap();
}

/// Whether any process of the group is alive. One that ended and was not waited for by its foster parent does not count.
fn group_lives(group: i32) -> bool {
    let entries = std::fs::read_dir("/proc").expect("a list of processes");
    entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()).any(|stat| {
        // After the name in parentheses: state, parent, group.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields[0] != "Z" && fields[2] == group.to_string()
    })
}
