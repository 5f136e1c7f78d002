use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use http::Extensions;

/// The template of the route that a request matched, such as `/items/{id}`.
///
/// Whoever routes without axum puts it into the request's extensions, outside
/// of the layers. With the feature `axum` there is no need to: the layers read
/// axum's `MatchedPath`. A request that has neither is unmatched, and its path
/// never becomes a name or a label, for a client could make up any number of
/// paths.
///
/// The source is `http.route` of the OpenTelemetry semantic conventions.
///
/// ```
/// use axum_chassis::Route;
///
/// let mut request = http::Request::get("/items/7").body(()).unwrap();
/// request.extensions_mut().insert(Route::new("/items/{id}"));
/// ```
#[derive(Clone, Debug)]
pub struct Route(Template);

#[derive(Clone, Debug)]
enum Template {
    Own(Arc<str>),
    #[cfg(feature = "axum")]
    Axum(axum::extract::MatchedPath),
}

impl Route {
    /// Takes a template; there must be few of them, known when the program is written.
    pub fn new(template: impl Into<Arc<str>>) -> Self {
        Self(Template::Own(template.into()))
    }

    /// The template.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Template::Own(template) => template,
            #[cfg(feature = "axum")]
            Template::Axum(matched) => matched.as_str(),
        }
    }

    /// The route that a request with these extensions matched; no allocation.
    pub(crate) fn matched(extensions: &Extensions) -> Option<Self> {
        let route = extensions.get::<Self>().cloned();
        #[cfg(feature = "axum")]
        let route = route.or_else(|| {
            let matched = extensions.get::<axum::extract::MatchedPath>();
            Some(Self(Template::Axum(matched?.clone())))
        });
        route
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
