use std::process::Command;

use serde_json::Value;

const SECRET: &str = "Zm9yIHRoZSBvcGVyYXRvcidzIHRlc3RzIG9ubHksIDMy";

fn stateward(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stateward"))
        .args(arguments)
        .env_clear()
        .env("STATEWARD_AUTH__HS256_SECRET", SECRET)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_token_that_was_made_is_valid_and_one_that_was_changed_is_not() {
    let (code, token, _) = stateward(&["token", "gen", "ann", "--admin"]);
    assert_eq!(code, Some(0));
    let (code, said, _) = stateward(&["--json", "token", "check", token.trim()]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["claims"]["sub"], &said["claims"]["scope"]), (Some(0), &"ann".into(), &"stateward:admin".into()));
    let (code, said, _) = stateward(&["token", "check", &format!("{}x", token.trim())]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("not valid"), "{said}");
}

#[test]
fn wrong_usage_and_wrong_configuration_have_their_own_exit_codes() {
    assert_eq!(stateward(&["session", "shwo"]).0, Some(2));
    let (code, _, said) = stateward(&["--set", "nats.servrs=x", "doctor"]);
    assert_eq!(code, Some(64));
    assert!(said.contains("did you mean nats.servers?"), "{said}");
    let (code, script, _) = stateward(&["completions", "bash"]);
    assert!(code == Some(0) && script.contains("dead-letters"));
}

#[test]
fn what_changes_sessions_is_not_done_by_accident() {
    for arguments in [&["session", "repair", "s1", "rehash", "--reason", "x"][..], &["epoch", "new", "--all", "--reason", "x"]] {
        let (code, _, said) = stateward(arguments);
        assert_eq!(code, Some(1));
        assert!(said.contains("--yes"), "{said}");
    }
    assert_eq!(stateward(&["session", "repair", "s1", "rehash", "--yes"]).0, Some(2), "a reason is needed");
}
