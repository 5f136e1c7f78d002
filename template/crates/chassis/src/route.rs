use std::sync::Arc;

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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route(Arc<str>);

impl Route {
    /// Takes a template; there must be few of them, known when the program is written.
    pub fn new(template: impl Into<Arc<str>>) -> Self {
        Self(template.into())
    }

    /// The template.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The template of the route that a request with these extensions matched.
    #[cfg(feature = "trace")]
    pub(crate) fn template(extensions: &Extensions) -> Option<&str> {
        let route = extensions.get::<Self>().map(Self::as_str);
        #[cfg(feature = "axum")]
        let route = route.or_else(|| {
            let matched = extensions.get::<axum::extract::MatchedPath>();
            matched.map(axum::extract::MatchedPath::as_str)
        });
        route
    }
}

/// The route that a request matched, kept beyond the request without a copy.
#[cfg(feature = "metrics")]
pub(crate) enum MatchedRoute {
    Given(Route),
    #[cfg(feature = "axum")]
    ByAxum(axum::extract::MatchedPath),
}

#[cfg(feature = "metrics")]
impl MatchedRoute {
    /// That of a request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        let route = extensions.get::<Route>().cloned().map(Self::Given);
        #[cfg(feature = "axum")]
        let route = route.or_else(|| extensions.get().cloned().map(Self::ByAxum));
        route
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Given(route) => route.as_str(),
            #[cfg(feature = "axum")]
            Self::ByAxum(path) => path.as_str(),
        }
    }
}
