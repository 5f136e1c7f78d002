use std::net::IpAddr;

use reqwest::Url;
use serde::Deserialize;

use super::KeySourceError;

/// Where an issuer tells about itself (OpenID Connect Discovery 1.0 section 4).
pub(super) fn document_url(issuer: &str) -> Result<Url, KeySourceError> {
    let url = key_url(issuer)?;
    if url.query().is_some() {
        return Err(bad(&url, "an issuer has no query"));
    }
    let base = issuer.trim_end_matches('/');
    key_url(&format!("{base}/.well-known/openid-configuration"))
}

/// A URL that keys may come from: https; http on this machine only.
pub(super) fn key_url(url: &str) -> Result<Url, KeySourceError> {
    let parsed = Url::parse(url).map_err(|_| KeySourceError::Url {
        url: "…".to_owned(),
        reason: "it is no absolute URL",
    })?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(bad(&parsed, "it holds credentials, and keys need none"));
    }
    if parsed.fragment().is_some() {
        return Err(bad(&parsed, "it has a fragment"));
    }
    match parsed.scheme() {
        "https" => Ok(parsed),
        "http" if is_loopback(&parsed) => Ok(parsed),
        _ => Err(bad(&parsed, "use https; http is for loopback addresses")),
    }
}

/// A URL without what may be secret.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // They fail for URLs that have no place for it.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

fn bad(url: &Url, reason: &'static str) -> KeySourceError {
    let url = shown(url);
    KeySourceError::Url { url, reason }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What is read of the document.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// The URL of the keys, from a document that must be the issuer's own (section 4.3).
pub(super) fn jwks_url(document: &[u8], issuer: &str) -> Result<Url, KeySourceError> {
    let metadata: Metadata = serde_json::from_slice(document).map_err(|_| {
        KeySourceError::Discovery("it is no JSON object with `issuer` and `jwks_uri`")
    })?;
    if metadata.issuer != issuer {
        let reason = "its `issuer` is another: configure the issuer to the letter";
        return Err(KeySourceError::Discovery(reason));
    }
    let url = key_url(&metadata.jwks_uri)?;
    let issuer_is_local = issuer.starts_with("http:");
    if url.scheme() == "http" && !issuer_is_local {
        // Whoever wrote the document must not choose what we ask on this machine.
        return Err(KeySourceError::Discovery("its `jwks_uri` is not https"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(issuer: &str, jwks_uri: &str) -> Result<Url, KeySourceError> {
        let document = serde_json::json!({ "issuer": issuer, "jwks_uri": jwks_uri, "more": [] });
        jwks_url(document.to_string().as_bytes(), "https://issuer.example/")
    }

    #[test]
    fn keys_come_by_https_or_from_this_machine() {
        for url in [
            "https://issuer.example/jwks",
            "https://issuer.example:8443/jwks?tenant=1",
            "http://127.0.0.1:8080/jwks",
            "http://127.1.2.3/",
            "http://[::1]:8080/jwks",
            "http://localhost/jwks",
        ] {
            assert!(key_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://issuer.example/jwks",
            "http://10.0.0.1/jwks",
            "http://127.0.0.1.issuer.example/",
            "http://localhost.issuer.example/",
            "http://[::2]/",
            "ftp://127.0.0.1/jwks",
            "file:///etc/passwd",
            "data:,",
            "issuer.example",
            "",
        ] {
            assert!(key_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_refused_url_is_shown_without_its_secrets() {
        for url in [
            "https://ada:secret@issuer.example/jwks?secret",
            "http://issuer.example/jwks?secret",
        ] {
            let error = key_url(url).unwrap_err().to_string();
            assert!(error.contains("issuer.example/jwks"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_document_is_below_the_issuer() {
        for issuer in ["https://issuer.example/a", "https://issuer.example/a/"] {
            assert_eq!(
                document_url(issuer).unwrap().as_str(),
                "https://issuer.example/a/.well-known/openid-configuration"
            );
        }
        for issuer in ["https://issuer.example?a", "https://issuer.example#a"] {
            assert!(document_url(issuer).is_err(), "{issuer}");
        }
    }

    #[test]
    fn the_document_must_be_the_issuers_to_the_letter() {
        let jwks = "https://keys.example/jwks";
        assert!(found("https://issuer.example/", jwks).is_ok());
        for other in ["https://issuer.example", "https://ISSUER.example/", ""] {
            assert!(found(other, jwks).is_err(), "{other}");
        }
        for document in ["", "[]", "{}", r#"{"issuer": "https://issuer.example/"}"#] {
            assert!(jwks_url(document.as_bytes(), "https://issuer.example/").is_err());
        }
    }

    #[test]
    fn it_must_not_lead_to_plain_http_not_even_on_this_machine() {
        for jwks in ["http://keys.example/jwks", "http://127.0.0.1/jwks"] {
            assert!(found("https://issuer.example/", jwks).is_err(), "{jwks}");
        }
    }
}
