use std::{borrow::Cow, fmt, sync::Arc};

use http::request::Parts;

use super::{Claims, Rejection, claims::words};

/// What a token must allow, or its subject be, for a request to pass.
///
/// [`RequireLayer`](super::RequireLayer) asks for it around a service, and with feature
/// `axum` the extractor `Authorized` in a handler. Requirements around each other are all
/// asked for.
///
/// ```
/// use axum_chassis::jwt::Requirement;
///
/// let may_move = Requirement::scope("items:read items:write");
/// let is_admin = Requirement::role("admin");
/// let is_theirs = Requirement::new("own-account", |claims, request| {
///     request.uri.path().strip_prefix("/accounts/") == Some(claims.subject())
/// });
/// ```
#[derive(Clone)]
pub struct Requirement(Kind);

#[derive(Clone)]
enum Kind {
    Scope(Cow<'static, str>),
    Role(Cow<'static, str>),
    Rule {
        name: Cow<'static, str>,
        rule: Arc<Rule>,
    },
}

type Rule = dyn Fn(&Claims, &Parts) -> bool + Send + Sync;

impl Requirement {
    /// A scope, or several with spaces between (RFC 6749 section 3.3): all of them. Where
    /// there is none, as in a setting that was left empty, no token meets it.
    pub fn scope(scope: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Scope(scope.into()))
    }

    /// A role (RFC 9068 section 2.2.3.1). An empty one has nobody, whatever a token tells.
    pub fn role(role: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Role(role.into()))
    }

    /// A rule of your own, by the claims and the head of the request. The name is for
    /// the log.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        rule: impl Fn(&Claims, &Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (name, rule) = (name.into(), Arc::new(rule));
        Self(Kind::Rule { name, rule })
    }

    /// Whether the request, with the claims that it carries, meets it.
    ///
    /// # Errors
    ///
    /// If it does not, or carries no claims.
    pub fn check(&self, request: &Parts) -> Result<(), Rejection> {
        let claims = request.extensions.get().ok_or(Rejection::NoToken)?;
        match self.is_met(claims, request) {
            true => Ok(()),
            false => Err(self.rejection()),
        }
    }

    fn is_met(&self, claims: &Claims, request: &Parts) -> bool {
        match &self.0 {
            // That nothing is lacking must not be true of nothing.
            Kind::Scope(scope) => {
                let mut scopes = words(scope).peekable();
                scopes.peek().is_some() && scopes.all(|scope| claims.has_scope(scope))
            }
            Kind::Role(role) => !role.is_empty() && claims.has_role(role),
            Kind::Rule { rule, .. } => rule(claims, request),
        }
    }

    fn rejection(&self) -> Rejection {
        match &self.0 {
            Kind::Scope(scope) => Rejection::InsufficientScope(scope.clone()),
            Kind::Role(role) => Rejection::MissingRole(role.clone()),
            Kind::Rule { name, .. } => Rejection::Denied(name.clone()),
        }
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match &self.0 {
            Kind::Scope(scope) => ("scope", scope),
            Kind::Role(role) => ("role", role),
            Kind::Rule { name, .. } => ("new", name),
        };
        write!(f, "Requirement::{kind}({name:?})")
    }
}
