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
    let mut hs512 = Header::new(jsonwebtoken::Algorithm::HS512);
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
    let refused = |secret: &str| Authenticator::new(&AuthConfig { hs256_secret: Secret::new(secret), ..config() }).err().unwrap();
    for (secret, says) in [
        ("", "must be set"),
        ("short", "it has 5"),
        ("changeme-changeme-changeme-changeme", "well-known"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "repeated"),
    ] {
        let bad = refused(secret);
        assert_eq!(bad.key, "auth.hs256_secret");
        assert!(bad.problem.contains(says), "{bad}");
    }
    assert!(!format!("{:?}", config()).contains(SECRET));
    let previous = AuthConfig { hs256_previous_secret: Secret::new("short"), ..config() };
    assert_eq!(Authenticator::new(&previous).err().unwrap().key, "auth.hs256_previous_secret");
}

#[test]
fn the_secret_before_is_good_as_long_as_it_is_configured() {
    let old = "z1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6";
    let both = Authenticator::new(&AuthConfig { hs256_previous_secret: Secret::new(old), ..config() }).unwrap();
    for secret in [SECRET, old] {
        assert!(both.verify(&signed(&Header::default(), &claims(), secret)).is_ok());
    }
    assert_eq!(both.verify(&signed(&Header::default(), &with(json!({"exp": now() - 40})), old)), Err(TokenRefused::Expired));
    assert_eq!(authenticator().verify(&signed(&Header::default(), &claims(), old)), Err(TokenRefused::Invalid));
}

/// A pair of keys for one algorithm.
struct Pair {
    algorithm: Algorithm,
    public: String,
    signing: EncodingKey,
}

impl Pair {
    fn new(algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::Rs256 => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048),
            Algorithm::Es256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            _ => rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519),
        };
        let pair = pair.unwrap();
        let private = pair.serialize_pem();
        let signing = match algorithm {
            Algorithm::Rs256 => EncodingKey::from_rsa_pem(private.as_bytes()),
            Algorithm::Es256 => EncodingKey::from_ec_pem(private.as_bytes()),
            _ => EncodingKey::from_ed_pem(private.as_bytes()),
        };
        Self { algorithm, public: pair.public_key_pem(), signing: signing.unwrap() }
    }

    fn sign(&self, claims: &Value) -> String {
        encode(&Header::new(self.algorithm.into()), claims, &self.signing).unwrap()
    }

    fn config(&self) -> AuthConfig {
        AuthConfig { algorithm: self.algorithm, public_key: self.public.clone(), hs256_secret: Secret::default(), ..config() }
    }
}

#[test]
fn each_algorithm_takes_its_own_tokens_and_none_of_the_others() {
    let pairs = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa].map(Pair::new);
    for pair in &pairs {
        let auth = Authenticator::new(&pair.config()).unwrap();
        assert_eq!(auth.verify(&pair.sign(&claims())).unwrap().identity.name, "Ada", "{:?}", pair.algorithm);
        assert_eq!(auth.verify(&pair.sign(&with(json!({"exp": now() - 40})))), Err(TokenRefused::Expired));
        assert_eq!(auth.verify(&pair.sign(&with(json!({"aud": "other"})))), Err(TokenRefused::Invalid));
        for other in &pairs {
            if other.algorithm != pair.algorithm {
                assert_eq!(
                    auth.verify(&other.sign(&claims())),
                    Err(TokenRefused::Invalid),
                    "{:?} for {:?}",
                    other.algorithm,
                    pair.algorithm
                );
            }
        }
        // The public key is known to everyone: a token that is signed with it, as if it were a secret, is a forgery.
        for text in [pair.public.clone(), pair.public.trim().to_owned()] {
            assert_eq!(auth.verify(&signed(&Header::default(), &claims(), &text)), Err(TokenRefused::Invalid));
        }
        assert_eq!(authenticator().verify(&pair.sign(&claims())), Err(TokenRefused::Invalid));
    }
}

#[test]
fn keys_that_do_not_fit_the_algorithm_end_the_start() {
    let pair = Pair::new(Algorithm::Es256);
    let bad = |config: AuthConfig| Authenticator::new(&config).err().map(|bad| bad.key);
    assert_eq!(bad(AuthConfig { algorithm: Algorithm::Rs256, ..pair.config() }), Some("auth.public_key"));
    assert_eq!(bad(AuthConfig { public_key: "nonsense".into(), ..pair.config() }), Some("auth.public_key"));
    assert_eq!(bad(AuthConfig { public_key: String::new(), ..pair.config() }), Some("auth.public_key"));
    assert_eq!(bad(AuthConfig { hs256_secret: Secret::new(SECRET), ..pair.config() }), Some("auth.hs256_secret"));
    assert_eq!(bad(AuthConfig { public_key: pair.public.clone(), ..config() }), Some("auth.algorithm"));
    assert_eq!(bad(AuthConfig { jwks_url: "https://id.example/keys".into(), ..pair.config() }), Some("auth.jwks_url"));
    assert_eq!(bad(AuthConfig { public_key: String::new(), jwks_url: "id.example".into(), ..pair.config() }), Some("auth.jwks_url"));
}
