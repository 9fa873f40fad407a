use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;
use crate::Secret;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Http {
    listen: std::net::SocketAddr,
    origins: Vec<String>,
    timeout_ms: u64,
    title: Option<String>,
    secure: bool,
    share: f64,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Quick,
    VerySlow,
}

impl Default for Http {
    fn default() -> Self {
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
        Self { listen, origins: vec!["https://a.example".into()], timeout_ms: 5, title: None, secure: false, share: 0.5, mode: Mode::Quick }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Example {
    http: Http,
    auth: Auth,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Auth {
    hs256_secret: Secret,
}

fn with(env: &[(&str, &str)], overrides: &[&str]) -> Sources {
    Sources {
        file: None,
        env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        overrides: overrides.iter().map(|s| (*s).to_owned()).collect(),
    }
}

/// A file of its own for one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stateward-config-{}", crate::random_id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn nothing_set_is_the_default() {
    assert_eq!(load::<Example>(&Sources::default()).unwrap(), Example::default());
}

#[test]
fn flags_win_over_variables_over_the_file() {
    let file = Scratch::new(
        "[http]\ntimeout_ms = 1\ntitle = \"file\"\nshare = 1\norigins = [\"https://x.example\"]\n[labels]\nanything = \"goes\"\n",
    );
    let mut sources = with(&[("STATEWARD_HTTP__TIMEOUT_MS", "2"), ("STATEWARD_HTTP__TITLE", "env")], &["http.timeout_ms=3"]);
    sources.file = Some(file.0.clone());
    let read: Example = load(&sources).unwrap();
    assert_eq!((read.http.timeout_ms, read.http.title.as_deref(), read.http.share), (3, Some("env"), 1.0));
    assert_eq!(read.http.origins, ["https://x.example"]);
    assert_eq!(read.labels["anything"], "goes");
}

#[test]
fn text_becomes_what_the_field_asks_for() {
    let read: Example = load(&with(
        &[
            ("STATEWARD_HTTP__LISTEN", "[::1]:9"),
            ("STATEWARD_HTTP__ORIGINS", "https://a, https://b,"),
            ("STATEWARD_HTTP__TITLE", "123"),
            ("STATEWARD_HTTP__SECURE", "true"),
            ("STATEWARD_HTTP__SHARE", "0.25"),
            ("STATEWARD_HTTP__MODE", "very-slow"),
        ],
        &[],
    ))
    .unwrap();
    assert_eq!(read.http.listen.to_string(), "[::1]:9");
    assert_eq!(read.http.origins, ["https://a", "https://b"]);
    assert_eq!(read.http.title.as_deref(), Some("123"));
    assert_eq!((read.http.secure, read.http.share, read.http.mode), (true, 0.25, Mode::VerySlow));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name_and_all_are_listed() {
    let error = load::<Example>(&with(&[("STATEWARD_HTTP__TIMEOUT", "1"), ("STATEWARD_HTTP_LISTEN", "x")], &["htp.listen=1", "zzz.q=1"]))
        .unwrap_err();
    let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "STATEWARD_HTTP_LISTEN: unknown key, did you mean STATEWARD_HTTP__LISTEN?",
            "STATEWARD_HTTP__TIMEOUT: unknown key, did you mean STATEWARD_HTTP__TIMEOUT_MS?",
            "htp.listen (from --set htp.listen): unknown key, did you mean http.listen?",
            "zzz.q (from --set zzz.q): unknown key",
        ]
    );
    let file = Scratch::new("[http]\nlisen = \"x\"\n");
    let error = load::<Example>(&Sources { file: Some(file.0.clone()), ..Sources::default() }).unwrap_err().to_string();
    assert_eq!(error, format!("http.lisen (from {}): unknown key, did you mean http.listen?", file.0.display()));
}

#[test]
fn a_bad_value_names_its_key_and_where_it_came_from() {
    let refuse = |name: &str, value: &str| load::<Example>(&with(&[(name, value)], &[])).unwrap_err().to_string();
    assert_eq!(
        refuse("STATEWARD_HTTP__TIMEOUT_MS", "-1"),
        "http.timeout_ms (from STATEWARD_HTTP__TIMEOUT_MS): \"-1\" is not a whole number from 0"
    );
    assert!(refuse("STATEWARD_HTTP__LISTEN", "nowhere").starts_with("http.listen (from STATEWARD_HTTP__LISTEN): "));
    assert!(refuse("STATEWARD_HTTP__MODE", "fast").contains("`quick` or `very-slow`"));
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_shown() {
    let file = Scratch::new("s3cret-value\n");
    let path = file.0.display().to_string();
    let read: Example = load(&with(&[("STATEWARD_AUTH__HS256_SECRET_FILE", &path)], &[])).unwrap();
    assert_eq!(read.auth.hs256_secret.expose(), "s3cret-value");
    assert!(!format!("{read:?}").contains("s3cret"));
    assert!(!serde_json::to_string(&read).unwrap().contains("s3cret"));
    let error = load::<Example>(&with(&[("STATEWARD_AUTH__HS256_SECRET_FILE", "/does/not/exist")], &[])).unwrap_err();
    assert!(error.to_string().contains("/does/not/exist"));
}

#[test]
fn variables_of_other_tools_are_left_alone() {
    load::<Example>(&with(&[("STATEWARD_TOOLS_DIR", "/x"), ("PATH", "/bin"), ("OTHER_HTTP__NOPE", "1")], &[])).unwrap();
}
