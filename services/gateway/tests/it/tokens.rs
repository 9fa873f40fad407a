//! Tokens that others sign: published keys, their rotation and their absence; fresh tokens on open connections.

mod over_tls;
mod unseen;

use crate::stage::{GM, SESSION, SOON, Stage};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use testkit::{
    Answering, Client, Transport,
    client::{ClientOptions, websocket::WebSocket},
    http,
};

/// A key of an issuer's, by name.
pub(crate) struct Key {
    id: &'static str,
    signing: EncodingKey,
    pub(crate) jwk: Jwk,
}

impl Key {
    pub(crate) fn new(id: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let public = DecodingKey::from_ec_pem(pair.public_key_pem().as_bytes()).unwrap();
        let mut jwk = Jwk::from_decoding_key(&public, Some(Algorithm::ES256)).unwrap();
        jwk.common.key_id = Some(id.into());
        Self { id, signing: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap(), jwk }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        encode(&Header { kid: Some(self.id.into()), ..Header::new(Algorithm::ES256) }, claims, &self.signing).unwrap()
    }
}

/// Publishes keys by HTTP, as an identity provider does.
struct Issuer(Answering);

impl Issuer {
    async fn start() -> Self {
        Self(Answering::start().await.unwrap())
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks.json", self.0.port())
    }

    fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| json!(key.jwk)).collect();
        self.0.answer(Some(json!({"keys": keys})));
    }
}

#[tokio::test]
async fn published_keys_rotate_under_open_connections_and_the_last_good_ones_outlive_their_issuer() {
    let issuer = Issuer::start().await;
    let (first, second, stranger) = (Key::new("first"), Key::new("second"), Key::new("stranger"));
    issuer.publish(&[&first]);
    let stage = Stage::with(&[
        ("AUTH__ALGORITHM", "es256"),
        ("AUTH__HS256_SECRET", ""),
        ("AUTH__JWKS_URL", &issuer.url()),
        ("AUTH__JWKS_RETRY_MS", "300"),
    ])
    .await;
    let claims = stage.signer.claims("p1", "p1", "");
    let connects = async |token: &str| Client::connect(Transport::WebSocket, stage.url(), token).await.ok();
    let open = connects(&first.sign(&claims)).await.unwrap();
    open.join(SESSION).await.unwrap();
    assert!(connects(&stage.signer.sign(&claims)).await.is_none(), "another algorithm");
    // The issuer begins to sign with a new key, and tells both.
    issuer.publish(&[&first, &second]);
    testkit::eventually("the new key to be read", SOON, async || connects(&second.sign(&claims)).await).await.unwrap();
    assert!(connects(&first.sign(&claims)).await.is_some());
    let answer = http::get(stage.url(), &format!("/api/sessions/{SESSION}"), Some(&second.sign(&claims))).await.unwrap();
    assert_eq!(answer.status, 200);
    // The old key is gone, and with it what it signed.
    issuer.publish(&[&second]);
    testkit::eventually("the old key to go", SOON, async || {
        // Any unknown key makes the gateway look.
        let _ = connects(&stranger.sign(&claims)).await;
        connects(&first.sign(&claims)).await.is_none().then_some(())
    })
    .await
    .unwrap();
    assert_eq!(open.request("auth:refresh", json!({"token": second.sign(&claims)})).await.unwrap()["success"], json!(true));
    issuer.publish(&[]);
    for _ in 0..3 {
        assert!(connects(&stranger.sign(&claims)).await.is_none());
    }
    issuer.0.stop();
    assert!(connects(&stranger.sign(&claims)).await.is_none());
    assert!(connects(&second.sign(&claims)).await.is_some(), "the last good keys go on");
    assert!(open.is_connected());
}

#[tokio::test]
async fn tokens_with_unknown_keys_do_not_make_the_gateway_ask_again_and_again() {
    let issuer = Issuer::start().await;
    let (known, stranger) = (Key::new("known"), Key::new("stranger"));
    issuer.publish(&[&known]);
    let stage = Stage::with(&[
        ("AUTH__ALGORITHM", "es256"),
        ("AUTH__HS256_SECRET", ""),
        ("AUTH__JWKS_URL", &issuer.url()),
        // Not again while this test runs.
        ("AUTH__JWKS_RETRY_MS", "600000"),
    ])
    .await;
    let claims = stage.signer.claims("p1", "p1", "");
    for _ in 0..20 {
        let refused = http::get(stage.url(), &format!("/api/sessions/{SESSION}"), Some(&stranger.sign(&claims))).await.unwrap();
        assert_eq!(refused.status, 401);
    }
    let asked = issuer.0.asked();
    assert!(asked <= 3, "asked {asked} times");
    assert!(Client::connect(Transport::SocketIo, stage.url(), &known.sign(&claims)).await.is_ok());
}

#[tokio::test]
async fn a_connection_goes_on_under_a_fresh_token_and_ends_without_one() {
    let stage = Stage::with(&[("AUTH__GRACE_MS", "1500")]).await;
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let mut ending = stage.signer.claims("p1", "p1", "");
        // Time enough to connect and to be given a fresh one.
        ending["exp"] = json!(testkit::tokens::now_seconds() + 5);
        let token = stage.signer.sign(&ending);
        let open = async || {
            let client = Client::connect(transport, stage.url(), &token).await.unwrap();
            client.join(SESSION).await.unwrap();
            client
        };
        let (stays, ends) = (open().await, open().await);
        let mut fresh = stage.signer.claims("p1", "p1", "");
        let answer = stays.request("auth:refresh", json!({"token": stage.signer.sign(&fresh)})).await.unwrap();
        assert_eq!(answer["expiresAt"].as_u64().unwrap() / 1000, fresh["exp"].as_u64().unwrap(), "{answer}");
        let refused = async |payload: Value| {
            let answer = stays.request("auth:refresh", payload).await.unwrap();
            assert!(!answer.to_string().contains("eyJ"), "a token is repeated: {answer}");
            answer["error"]["details"]["reason"].as_str().unwrap().to_owned()
        };
        fresh["sub"] = json!("p2");
        assert_eq!(refused(json!({"token": stage.signer.sign(&fresh)})).await, "TOKEN_OF_ANOTHER_USER");
        fresh["sub"] = json!("p1");
        fresh["scope"] = json!("stateward:admin");
        assert_eq!(refused(json!({"token": stage.signer.sign(&fresh)})).await, "TOKEN_OF_OTHER_SCOPE");
        assert_eq!(refused(json!({"token": "eyJhbGciOiJub25lIn0.e30."})).await, "TOKEN_INVALID");
        assert_eq!(refused(json!(stage.signer.sign(&fresh))).await, "BAD_MESSAGE");
        assert_eq!(
            ends.lost(SOON).await.unwrap().0,
            if transport == Transport::WebSocket { 3005 } else { ends.lost(SOON).await.unwrap().0 }
        );
        stays.request("gameState:requestFull", json!(SESSION)).await.unwrap();
        assert!(stays.is_connected());
    }
}

#[tokio::test]
async fn a_cookie_lets_pages_of_named_origins_in_and_nobody_else() {
    let stage =
        Stage::with(&[("AUTH__COOKIE", "stateward"), ("AUTH__ALLOWED_ORIGINS", "https://play.example,https://other.example")]).await;
    let cookie = format!("theme=dark; stateward={}", stage.signer.user("p1", "p1"));
    let login = async |origin: Option<&str>| {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let mut socket = WebSocket::connect(stage.url(), "/ws", &headers).await.ok()?;
        socket.send_text(&json!({"event": "auth", "id": 1, "data": {}}).to_string()).await.ok()?;
        match socket.next().await.ok()? {
            testkit::client::websocket::Message::Text(text) => Some(text.contains("\"success\":true")),
            _ => Some(false),
        }
    };
    assert_eq!(login(Some("https://play.example")).await, Some(true));
    assert_eq!(login(None).await, Some(false), "not from a page");
    let foreign = ["https://evil.example", "null", "https://play.example:8443", "https://sub.play.example", "http://play.example"];
    for origin in foreign.into_iter().chain(["https://PLAY.example", "https://play.example/", "https://play.example.evil.example", ""]) {
        assert_eq!(login(Some(origin)).await, None, "{origin}: refused before the handshake is answered");
    }
    let options = |origin: Option<&str>| ClientOptions {
        transport: Transport::SocketIo,
        gateway: stage.url().to_owned(),
        token: stage.signer.user(GM, GM),
        reconnect: false,
        origin: origin.map(str::to_owned),
    };
    assert!(Client::open(options(Some("https://other.example"))).await.is_ok());
    assert!(Client::open(options(Some("https://evil.example"))).await.is_err(), "a good token does not make up for the page");
}
