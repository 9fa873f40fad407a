//! Which pages may connect. CORS does not protect a WebSocket, so the `Origin` header is compared here, exactly.

use std::collections::HashSet;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

pub(super) struct Origins {
    any: bool,
    allowed: HashSet<String>,
}

impl Origins {
    pub(super) fn new(allowed: &[String]) -> Self {
        Self { any: allowed.iter().any(|origin| origin == "*"), allowed: allowed.iter().cloned().collect() }
    }

    /// The request's origin, if it may connect. A request without one does not come from a page.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Option<String>, ForbiddenOrigin> {
        let mut origins = headers.get_all(header::ORIGIN).into_iter();
        let origin = match (origins.next(), origins.next()) {
            (None, _) => return Ok(None),
            (Some(origin), None) => origin.to_str().map_err(|_| ForbiddenOrigin)?,
            (Some(_), Some(_)) => return Err(ForbiddenOrigin),
        };
        if self.any || self.allowed.contains(origin) { Ok(Some(origin.to_owned())) } else { Err(ForbiddenOrigin) }
    }
}

pub(super) struct ForbiddenOrigin;

impl ForbiddenOrigin {
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from("this origin may not connect\n"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    }
}

/// Lets the page of an allowed origin read the answer.
pub(super) fn allow(headers: &mut HeaderMap, origin: Option<&str>) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origins: &Origins, sent: &[&str]) -> Option<Option<String>> {
        let mut headers = HeaderMap::new();
        for origin in sent {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        origins.check(&headers).ok()
    }

    #[test]
    fn only_the_exact_origin_is_allowed() {
        let origins = Origins::new(&["https://play.example".into()]);
        assert_eq!(check(&origins, &["https://play.example"]), Some(Some("https://play.example".into())));
        for other in [
            "null",
            "",
            "http://play.example",
            "https://play.example:444",
            "https://PLAY.example",
            "https://a.play.example",
            "https://play.example.evil",
        ] {
            assert_eq!(check(&origins, &[other]), None, "{other}");
        }
        assert_eq!(check(&origins, &["https://play.example", "https://play.example"]), None, "two headers");
        assert_eq!(check(&origins, &[]), Some(None), "not a page");
    }

    #[test]
    fn a_star_allows_every_origin() {
        assert!(check(&Origins::new(&["*".into()]), &["https://anywhere.example"]).is_some());
        assert!(check(&Origins::new(&[]), &["https://anywhere.example"]).is_none());
    }
}
