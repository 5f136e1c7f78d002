use memchr::{memchr, memmem::Finder};
use serde_json::Value;

use super::{TokenError, VerifierError, json};

/// Where an issuer's tokens tell roles: a JSON pointer (RFC 6901) into the claims.
#[derive(Clone, Debug)]
pub(super) struct RolesPointer {
    /// The name of the claim.
    claim: String,
    finder: Finder<'static>,
    /// The pointer from there on.
    rest: String,
}

impl Default for RolesPointer {
    fn default() -> Self {
        Self::of("roles".to_owned(), String::new())
    }
}

impl RolesPointer {
    pub(super) fn parse(pointer: &str) -> Result<Self, VerifierError> {
        let malformed = || VerifierError::RolesPointer(pointer.to_owned());
        let path = pointer.strip_prefix('/').ok_or_else(malformed)?;
        let mut escapes = path.split('~').skip(1);
        if !escapes.all(|escape| escape.starts_with(['0', '1'])) {
            return Err(malformed());
        }
        let (claim, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        // In this order (RFC 6901 section 4).
        let claim = claim.replace("~1", "/").replace("~0", "~");
        Ok(Self::of(claim, rest.to_owned()))
    }

    fn of(claim: String, rest: String) -> Self {
        Self {
            finder: Finder::new(&claim).into_owned(),
            claim,
            rest,
        }
    }

    /// The roles that these claims tell; none if there is nothing where it points at.
    pub(super) fn read(&self, claims: &str) -> Result<Vec<Box<str>>, TokenError> {
        // Most tokens tell none, and are not parsed once more for that. A name can be
        // spelled otherwise only with a backslash.
        let bytes = claims.as_bytes();
        if self.finder.find(bytes).is_none() && memchr(b'\\', bytes).is_none() {
            return Ok(Vec::new());
        }
        let malformed = TokenError::MalformedClaim("roles");
        let claim: Option<Value> =
            json::member(claims, &self.claim).map_err(|_| malformed.clone())?;
        match claim.as_ref().and_then(|claim| claim.pointer(&self.rest)) {
            None => Ok(Vec::new()),
            Some(Value::Array(roles)) => {
                let roles: Option<_> = roles.iter().map(role).collect();
                roles.ok_or(malformed)
            }
            Some(_) => Err(malformed),
        }
    }
}

/// A string, or an object with one as its `value` (RFC 7643 section 2.4).
fn role(role: &Value) -> Option<Box<str>> {
    let role = match role {
        Value::Object(role) => role.get("value")?,
        role => role,
    };
    role.as_str().map(Box::from)
}
