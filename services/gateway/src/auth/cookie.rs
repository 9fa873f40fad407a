//! The token in a cookie. A browser sends cookies with whatever page connects, so one counts only for a page of an origin that
//! is named in the configuration: any other page would connect in its visitor's name.

use super::AuthConfig;

impl AuthConfig {
    /// The token of a request's cookies, if its page may use them.
    pub(crate) fn token_in_cookie<'a>(&self, cookies: Option<&'a str>, origin: Option<&str>) -> Option<&'a str> {
        let named = origin.is_some_and(|origin| self.allowed_origins.iter().any(|allowed| allowed == origin));
        if self.cookie.is_empty() || !named {
            return None;
        }
        let pairs = cookies?.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(name, _)| *name == self.cookie).map(|(_, value)| value.trim_matches('"')).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_counts_only_for_pages_of_named_origins() {
        let named = "https://play.example";
        let config = AuthConfig { cookie: "token".into(), allowed_origins: vec![named.into()], ..AuthConfig::default() };
        let cookies = Some("a=b; token=x.y.z; token2=no");
        assert_eq!(config.token_in_cookie(cookies, Some(named)), Some("x.y.z"));
        for other in [None, Some("null"), Some("https://play.example:444"), Some("https://evil.example"), Some("http://play.example")] {
            assert_eq!(config.token_in_cookie(cookies, other), None, "{other:?}");
        }
        let everyone = AuthConfig { allowed_origins: vec!["*".into()], ..config.clone() };
        assert_eq!(everyone.token_in_cookie(cookies, Some("https://evil.example")), None);
        let off = AuthConfig { cookie: String::new(), ..config };
        assert_eq!(off.token_in_cookie(cookies, Some(named)), None);
    }
}
