use std::process::Command;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
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
fn what_the_gateway_would_not_take_is_not_valid_here_either() {
    let now = testkit::tokens::now_seconds();
    let claims = serde_json::json!({"sub": "ann", "iss": "stateward-dev", "aud": "stateward", "exp": now + 600});
    let with = |field: &str, value: Value| {
        let mut claims = claims.clone();
        claims[field] = value;
        claims
    };
    let signed =
        |header: &Header, claims: &Value, secret: &str| encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
    let critical = Header { crit: Some(vec!["b64".into()]), ..Header::default() };
    let before = "a secret that was in use before this one";
    for (token, valid) in [
        (signed(&Header::default(), &claims, SECRET), true),
        (signed(&Header::default(), &claims, before), false),
        (signed(&critical, &claims, SECRET), false),
        (signed(&Header::new(Algorithm::HS512), &claims, SECRET), false),
        (signed(&Header::default(), &with("sub", "a.*".into()), SECRET), false),
        (signed(&Header::default(), &with("aud", "other".into()), SECRET), false),
        (signed(&Header::default(), &with("nbf", (now + 120).into()), SECRET), false),
        (signed(&Header::default(), &with("name", "x".repeat(9_000).into()), SECRET), false),
    ] {
        let (code, said, _) = stateward(&["token", "check", &token]);
        assert_eq!((code, said.starts_with("valid")), (Some(i32::from(!valid)), valid), "{said}: {}", &token[..token.len().min(300)]);
    }
    let old = signed(&Header::default(), &claims, before);
    assert_eq!(stateward(&["--set", &format!("auth.hs256_previous_secret={before}"), "token", "check", &old]).0, Some(0));
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

#[test]
fn tokens_of_every_algorithm_are_made_with_the_private_key_and_checked_with_the_public_one() {
    let pair = |algorithm| match algorithm {
        "rs256" => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap(),
        "es256" => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
        _ => rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
    };
    let run = |algorithm: &str, keys: &[(&str, &str)], arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stateward"));
        command.env_clear().env("STATEWARD_AUTH__ALGORITHM", algorithm).envs(keys.iter().copied()).args(arguments);
        let output = command.output().expect("the command runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for algorithm in ["rs256", "es256", "eddsa"] {
        let (ours, theirs) = (pair(algorithm), pair(algorithm));
        let public = |pair: &rcgen::KeyPair| pair.public_key_pem();
        let private = ours.serialize_pem();
        let (code, token, said) = run(algorithm, &[("STATEWARD_AUTH__PRIVATE_KEY", &private)], &["token", "gen", "ann"]);
        assert_eq!(code, Some(0), "{algorithm}: {said}");
        let check = |key: &str| run(algorithm, &[("STATEWARD_AUTH__PUBLIC_KEY", key)], &["token", "check", &token]);
        let (code, said, _) = check(&public(&ours));
        assert!(code == Some(0) && said.starts_with("valid"), "{algorithm}: {said}");
        assert_eq!(check(&public(&theirs)).0, Some(1), "{algorithm}: another's key");
        let (code, _, said) = run(algorithm, &[], &["token", "check", &token]);
        assert!(code == Some(64) && said.contains("auth.public_key"), "{algorithm}: {said}");
        // As a token of the other kind it is worth nothing.
        assert_eq!(stateward(&["token", "check", &token]).0, Some(1), "{algorithm}");
    }
}

#[test]
fn a_configuration_is_judged_by_the_services_own_program() {
    let program = testkit::service::program_of("state-authority").unwrap();
    let scratch = testkit::scratch::Scratch::new("config-check").unwrap();
    let file = scratch.path().join("authority.toml");
    let (file, program) = (file.to_str().unwrap(), program.to_str().unwrap());
    let check = |text: &str| {
        std::fs::write(file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stateward"));
        command.args(["config", "check", "state-authority", file, "--program", program]);
        // Of another service: the authority has no such key.
        let output = command.env("STATEWARD_HTTP__LISTEN", "127.0.0.1:0").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) = check("[mongo]\nuri = \"mongodb://127.0.0.1:1/?replicaSet=a\"\n");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = check("[mongo]\nurri = \"mongodb://127.0.0.1:1\"\n");
    assert!(code == Some(64) && said.contains("mongo.uri"), "{code:?} {said}");
    assert_eq!(stateward(&["config", "check", "state-authority", file, "--program", "/does/not/exist"]).0, Some(1));
    assert!(["zsh", "fish"].iter().all(|shell| stateward(&["completions", shell]).1.contains("dead-letters")));
}
