//! Asking other servers by HTTP: one GET on a connection of its own. Only for what is asked rarely, of addresses that the
//! configuration names. Those of https must be vouched for by a root of the system, or of the file that `SSL_CERT_FILE` names.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1,
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{0}")]
    Address(String),
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("{0}")]
    Exchange(#[from] hyper::Error),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer is too long or broke off")]
    Body,
}

/// # Errors
/// Says what is wrong with an address that cannot be asked.
pub fn check_url(url: &str) -> Result<(), String> {
    parse(url).map(drop)
}

fn parse(url: &str) -> Result<(Uri, bool, String), String> {
    let uri: Uri = url.parse().map_err(|_| "is no address".to_owned())?;
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("must begin with https:// or http://".into()),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or("names no host")?.trim_matches(['[', ']']).to_owned();
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("must not carry credentials".into());
    }
    Ok((uri, tls, host))
}

/// The body of a successful answer, to a request with one more header. Redirects are not followed; the caller sets the deadline.
///
/// # Errors
/// When there is no such answer within `most` bytes.
pub async fn get(url: &str, with: Option<&(HeaderName, HeaderValue)>, most: usize) -> Result<Bytes, OutboundError> {
    let (uri, tls, host) = parse(url).map_err(OutboundError::Address)?;
    let stream = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(if tls { 443 } else { 80 }))).await?;
    if !tls {
        return exchange(stream, request(&uri, with)?, most).await;
    }
    let name = ServerName::try_from(host).map_err(|error| OutboundError::Address(error.to_string()))?;
    exchange(TlsConnector::from(trust()?).connect(name, stream).await?, request(&uri, with)?, most).await
}

/// The system's roots, read once.
fn trust() -> Result<Arc<ClientConfig>, OutboundError> {
    static TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(trust) = TRUST.get() {
        return Ok(Arc::clone(trust));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| OutboundError::Address(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(TRUST.get_or_init(|| Arc::new(config))))
}

fn request(uri: &Uri, with: Option<&(HeaderName, HeaderValue)>) -> Result<Request<Empty<Bytes>>, OutboundError> {
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::get(path).header(header::HOST, host).header(header::ACCEPT, "application/json");
    if let Some((name, value)) = with {
        request = request.header(name, value);
    }
    request.body(Empty::new()).map_err(|error| OutboundError::Address(error.to_string()))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
    most: usize,
) -> Result<Bytes, OutboundError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asked = async {
        let answer = sender.send_request(request).await?;
        if !answer.status().is_success() {
            return Err(OutboundError::Status(answer.status()));
        }
        Ok(Limited::new(answer.into_body(), most).collect().await.map_err(|_| OutboundError::Body)?.to_bytes())
    };
    // The connection is driven until the answer is there, and ends with it.
    tokio::pin!(asked);
    tokio::select! {
        answer = &mut asked => answer,
        ended = connection => {
            ended?;
            asked.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_can_be_asked_pass() {
        for good in ["https://id.example/.well-known/jwks.json", "http://127.0.0.1:8080/keys", "http://[::1]/keys"] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in ["", "id.example/keys", "ftp://id.example/", "file:///etc/passwd", "https://user:pass@id.example/"] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }
}
