use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use service_kit::Secret;

use super::*;

const SECRET: &str = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6";

fn config() -> AuthConfig {
    AuthConfig {
        hs256_secret: Secret::new(SECRET),
        issuer: "https://id.example".into(),
        audience: "stateward".into(),
        ..AuthConfig::default()
    }
}

fn authenticator() -> Authenticator {
    Authenticator::new(&config()).unwrap()
}

fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

fn claims() -> Value {
    json!({"sub": "u1", "name": "Ada", "iss": "https://id.example", "aud": "stateward", "exp": now() + 600})
}

fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (key, value) in changes.as_object().unwrap() {
        claims[key] = value.clone();
    }
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn signed(header: &Header, claims: &Value, secret: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn token(claims: &Value) -> String {
    signed(&Header::default(), claims, SECRET)
}

#[test]
fn a_valid_token_yields_the_user_with_name_and_scopes() {
    let user = authenticator().verify(&token(&with(json!({"scope": "profile stateward:admin"})))).unwrap();
    assert_eq!(user.identity, Identity { user: "u1".parse().unwrap(), name: "Ada".into(), admin: true, system: false });
    assert!(user.expires_at > now() * 1000);
    let plain = authenticator().verify(&token(&with(json!({"scope": "stateward:administrator"})))).unwrap();
    assert!(!plain.identity.admin);
}

#[test]
fn a_name_carries_no_control_characters() {
    let user = authenticator().verify(&token(&with(json!({"name": "Eve\u{1b}[31m\nroot"})))).unwrap();
    assert_eq!(user.identity.name, "Eve[31mroot");
}

#[test]
fn an_absent_name_is_the_id() {
    assert_eq!(authenticator().verify(&token(&without("name"))).unwrap().identity.name, "u1");
}

#[test]
fn forged_tokens_are_refused() {
    let auth = authenticator();
    let mut hs512 = Header::new(Algorithm::HS512);
    let mut critical = Header { crit: Some(vec!["b64".into()]), ..Header::default() };
    critical.typ = None;
    hs512.typ = None;
    let none = {
        use base64::Engine as _;
        let part = |json: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims()))
    };
    let invalid = [
        ("another key", signed(&Header::default(), &claims(), "z1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6")),
        ("another algorithm", signed(&hs512, &claims(), SECRET)),
        ("no algorithm", none),
        ("critical extension", signed(&critical, &claims(), SECRET)),
        ("exp as a text", token(&with(json!({"exp": "4000000000"})))),
        ("another issuer", token(&with(json!({"iss": "https://evil.example"})))),
        ("another audience", token(&with(json!({"aud": "other"})))),
        ("not yet valid", token(&with(json!({"nbf": now() + 120})))),
        ("no issuer", token(&without("iss"))),
        ("no audience", token(&without("aud"))),
        ("no expiry", token(&without("exp"))),
        ("no subject", token(&without("sub"))),
        ("a subject that addresses other subjects", token(&with(json!({"sub": "a.b"})))),
        ("not a token", "abc".into()),
    ];
    for (what, token) in invalid {
        assert_eq!(auth.verify(&token), Err(TokenRefused::Invalid), "{what}");
    }
    assert_eq!(auth.verify(""), Err(TokenRefused::Missing));
    assert_eq!(auth.verify(&"x".repeat(1 << 20)), Err(TokenRefused::TooLong));
}

#[test]
fn expiry_and_start_allow_thirty_seconds_of_clock_difference() {
    let auth = authenticator();
    assert!(auth.verify(&token(&with(json!({"exp": now() - 20})))).is_ok());
    assert_eq!(auth.verify(&token(&with(json!({"exp": now() - 40})))), Err(TokenRefused::Expired));
    assert!(auth.verify(&token(&with(json!({"nbf": now() + 20})))).is_ok());
}

#[test]
fn weak_secrets_are_refused() {
    let refused = |secret: &str| Authenticator::new(&AuthConfig { hs256_secret: Secret::new(secret), ..config() }).err();
    assert!(matches!(refused(""), Some(WeakSecret::Missing)));
    assert!(matches!(refused("short"), Some(WeakSecret::Short(5))));
    assert!(matches!(refused("changeme-changeme-changeme-changeme"), Some(WeakSecret::Guessable)));
    assert!(matches!(refused("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), Some(WeakSecret::Guessable)));
    assert!(!format!("{:?}", config()).contains(SECRET));
}
