//! A certificate authority of the test, and the one certificate that it gives out.

use std::{fs, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::wire::Tls;

/// An authority with a certificate for 127.0.0.1 that serves both ends of a connection.
pub struct Authority {
    root: rcgen::Certificate,
    leaf: rcgen::Certificate,
    leaf_key: KeyPair,
}

impl Authority {
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let leaf_key = KeyPair::generate()?;
        let leaf = params.signed_by(&leaf_key, &issuer)?;
        Ok(Self { root, leaf, leaf_key })
    }

    /// `ca.crt`, `service.crt` and `service.key`.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::write(folder.join("ca.crt"), self.root.pem())?;
        fs::write(folder.join("service.crt"), self.leaf.pem())?;
        fs::write(folder.join("service.key"), self.leaf_key.serialize_pem())?;
        Ok(())
    }

    /// For a client that trusts this authority and shows its certificate.
    pub fn tls(&self) -> anyhow::Result<Tls> {
        let mut trusted = RootCertStore::empty();
        trusted.add(self.root.der().clone())?;
        self.showing(&Arc::new(trusted))
    }

    /// For a client that trusts whom `other` trusts, but shows a certificate of this authority.
    pub fn connector(&self, other: &Tls) -> anyhow::Result<Tls> {
        self.showing(&other.trusted)
    }

    fn showing(&self, trusted: &Arc<RootCertStore>) -> anyhow::Result<Tls> {
        let key = PrivateKeyDer::try_from(self.leaf_key.serialize_der()).map_err(anyhow::Error::msg)?;
        let chain: Vec<CertificateDer<'static>> = vec![self.leaf.der().clone()];
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(trusted))
            .with_client_auth_cert(chain, key)?;
        Ok(Tls { config: Arc::new(config), trusted: Arc::clone(trusted) })
    }
}
