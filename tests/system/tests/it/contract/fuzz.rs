//! Requests that nobody means, made of the OpenAPI document: whatever they are answered is documented, and never a fault of ours.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    Platform, PlatformOptions,
    http::{self, Request},
};

use super::Contract;
use crate::table::{GM, empty_campaign};

/// Another one is taken from `STATEWARD_FUZZ_SEED`.
const SEED: u64 = 20_261_127;
const REQUESTS_AN_OPERATION: usize = 12;

/// The same numbers for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap_or_default()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }

    fn value(&mut self) -> Value {
        let deep = (0..100).fold(json!(1), |inside, _| json!([inside]));
        let values = [
            json!(null),
            json!(true),
            json!(-1),
            json!(1e300),
            json!(9_007_199_254_740_993_u64),
            json!(""),
            json!("a.b*>"),
            json!("x".repeat(20_000)),
            json!("\u{0}\u{202e}\u{1f600}"),
            json!([]),
            json!([null, {"$gt": ""}]),
            json!({"__proto__": {"x": 1}, "$where": "1"}),
            deep,
        ];
        self.one(&values).clone()
    }

    /// A body like the example, with something changed; or none at all, or no JSON.
    fn body(&mut self, example: Option<&Value>) -> Option<Vec<u8>> {
        let mut body = example.cloned().unwrap_or_else(|| json!({}));
        match self.roll(8) {
            0 => return None,
            1 => return Some(self.one::<&[u8]>(&[b"", b"{", b"nonsense", b"\xff\xfe", b"{\"a\":1}{}", b"[1,"]).to_vec()),
            2 => body = self.value(),
            3 => body["nobodyKnows"] = self.value(),
            _ => {
                let fields: Vec<_> = body.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
                if let Some(fields) = body.as_object_mut().filter(|_| !fields.is_empty()).map(|body| (body, self.one(&fields).clone())) {
                    let (body, field) = fields;
                    if self.roll(3) == 0 {
                        body.remove(&field);
                    } else {
                        body.insert(field, self.value());
                    }
                }
            }
        }
        Some(body.to_string().into_bytes())
    }

    fn id(&mut self, good: &str) -> String {
        let long = "x".repeat(300);
        let bad = ["a.b", "*", "%3E", "%00", "%2e%2e", "%F0%9F%98%80", "%ff", "a%20b", "-", "nothing", "a%2Fb", long.as_str()];
        if self.roll(2) == 0 { good.to_owned() } else { (*self.one(&bad)).to_owned() }
    }

    fn query(&mut self, operation: &Value) -> String {
        let parameters = operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "query");
        let mut query: Vec<_> = parameters.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect();
        query.push("nobodyKnows".to_owned());
        let long = "9".repeat(2_000);
        let values = ["", "0", "-1", "1", "1e9", "true", "null", "%00", "%F0%9F%98%80", "active", "a%26b", long.as_str()];
        let named = (0..self.roll(3)).map(|_| format!("{}={}", self.one(&query).clone(), self.one(&values)));
        named.collect::<Vec<_>>().join("&")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_answer_is_documented_and_never_our_fault() -> anyhow::Result<()> {
    let seed = std::env::var("STATEWARD_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let mut dice = Dice(seed);
    let platform = Platform::start(PlatformOptions { authorities: 1, ..PlatformOptions::default() }.patient()).await?;
    let api = Contract::served(&platform.url(), "/api/openapi.json").await?;
    let campaign = platform.load_campaign(&empty_campaign()).await?;
    let session = platform.create_session(&campaign, "The Drowned Bell", GM, &["p1"]).await?;
    let tokens = [platform.admin_token(), platform.signer.user(GM, GM), platform.signer.user("p1", "p1"), "no.token.atall".to_owned()];
    let (mut refused, mut done) = (0, 0);
    for (method, template, operation) in api.operations() {
        let id = operation["operationId"].as_str().context("an operation without an id")?;
        for _ in 0..REQUESTS_AN_OPERATION {
            let good = if template.contains("/campaigns") { &campaign } else { &session };
            let parts = template.split('/').map(|part| match part {
                "{id}" => dice.id(good),
                "{user}" => dice.id("p1"),
                "{kind}" => dice.id("items"),
                part => part.to_owned(),
            });
            let mut path = parts.collect::<Vec<_>>().join("/");
            let query = dice.query(operation);
            if !query.is_empty() {
                path = format!("{path}?{query}");
            }
            let example = api.example(id)?;
            let body = dice.body(example.as_ref()).filter(|_| method != "GET");
            let long = "\"x\",".repeat(500);
            let headers = if dice.roll(4) == 0 { &[("if-none-match", long.as_str())][..] } else { &[] };
            // Most of them by those who get furthest.
            let token = if dice.roll(4) == 0 { dice.one(&tokens) } else { &tokens[0] };
            let request = Request { method: &method, token: Some(token), headers, body: body.as_deref() };
            let sent = format!("seed {seed}: {method} {path} {}", String::from_utf8_lossy(body.as_deref().unwrap_or_default()));
            let sent: String = sent.chars().take(600).collect();
            let answer = http::send(&platform.url(), &path, request).await.with_context(|| sent.clone())?;
            ensure!(answer.status < 500, "{sent}: {} {}", answer.status, answer.text());
            api.is_documented(id, &answer, !path.contains("state=")).with_context(|| sent.clone())?;
            ensure!(answer.body.len() < 4_000 || answer.status < 400, "{sent}: the refusal repeats what was sent");
            if answer.status < 400 { done += 1 } else { refused += 1 }
        }
    }
    ensure!(refused > 100 && done > 20, "{refused} were refused and {done} done: the requests are all of one kind");
    for service in platform.services() {
        let log = service.process().log_tail();
        ensure!(service.process().is_running() && !log.contains("panicked"), "{}: {log}", service.process().name());
    }
    platform.stop().await
}
