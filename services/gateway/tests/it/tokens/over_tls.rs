//! Keys that are published over https, by an issuer whose certificate a private authority has signed.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use testkit::{Answering, Client, Transport, http, scratch::Scratch};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

use super::Key;
use crate::stage::{SESSION, SOON, Stage};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// For a server on localhost.
    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

#[tokio::test]
async fn keys_come_over_https_from_whom_a_trusted_authority_vouches_for_and_from_nobody_else() {
    let (trusted, other) = (Authority::new("ours"), Authority::new("another"));
    let acceptor = trusted.acceptor();
    let issuer = Answering::behind(move |stream| {
        let acceptor = acceptor.clone();
        async move { acceptor.accept(stream).await.ok() }
    });
    let issuer = issuer.await.unwrap();
    let key = Key::new("first");
    issuer.answer(Some(json!({"keys": [key.jwk]})));
    let folder = Scratch::new("roots").unwrap();
    let roots = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        std::fs::write(&path, &authority.pem).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ours, theirs) = (roots("ours.pem", &trusted), roots("theirs.pem", &other));
    let url = format!("https://localhost:{}/jwks.json", issuer.port());
    let config = [("AUTH__ALGORITHM", "es256"), ("AUTH__HS256_SECRET", ""), ("AUTH__JWKS_URL", url.as_str())];

    let stage = Stage::within(&config, &[("SSL_CERT_FILE", &ours)]).await;
    let token = key.sign(&stage.signer.claims("p1", "p1", ""));
    let client = Client::connect(Transport::WebSocket, stage.url(), &token).await.unwrap();
    client.join(SESSION).await.unwrap();

    let asked = issuer.asked();
    let deceived = stage.unready_gateway(&config, &[("SSL_CERT_FILE", &theirs)]).await;
    let log = async || {
        let log = deceived.service.process().log_tail();
        log.contains("the issuer's keys cannot be read").then_some(log)
    };
    let log = testkit::eventually("a line about the keys", SOON, log).await.unwrap();
    assert!(log.contains("invalid peer certificate: UnknownIssuer") && log.contains(&url), "{log}");
    assert_eq!(issuer.asked(), asked, "nothing is said to a server that nobody vouches for");
    assert!(!deceived.service.is_ready().await);
    let refused = http::get(&deceived.url, &format!("/api/sessions/{SESSION}"), Some(&token)).await.unwrap();
    assert_eq!((refused.status, refused.json().unwrap()["retryable"].clone()), (503, json!(true)), "{}", refused.text());
}
