use std::sync::Arc;

/// The template that a request's path was made from, as an extension of the request:
/// `url.template`, and a part of the span's name.
///
/// ```
/// use axum_chassis::trace::client::UrlTemplate;
///
/// let mut request = http::Request::get("http://inventory/items/7").body(()).unwrap();
/// request.extensions_mut().insert(UrlTemplate::new("/items/{id}"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UrlTemplate(Arc<str>);

impl UrlTemplate {
    /// Takes a template; there must be few of them, known when the program is written.
    pub fn new(template: impl Into<Arc<str>>) -> Self {
        Self(template.into())
    }

    /// The template.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How often a request was sent before, as an extension of the request:
/// `http.request.resend_count`.
///
/// ```
/// use axum_chassis::trace::client::ResendCount;
///
/// let mut again = http::Request::get("http://inventory/items").body(()).unwrap();
/// again.extensions_mut().insert(ResendCount(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResendCount(pub u32);

/// Says that the request's URL is a secret, as an extension of the request: whoever knows
/// the path of a chat's hook may post to it. `url.full` has no more than scheme, host and
/// port.
///
/// ```
/// use axum_chassis::trace::client::SecretUrl;
///
/// let mut notice = http::Request::post("https://chat/hooks/s3cret").body(()).unwrap();
/// notice.extensions_mut().insert(SecretUrl);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretUrl;
