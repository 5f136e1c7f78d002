use tower_layer::Layer;

use super::{Jwt, Verifier};

/// Applies [`Jwt`]: only requests with a good bearer token pass.
#[derive(Clone, Debug)]
pub struct JwtLayer {
    verifier: Verifier,
    optional: bool,
}

impl JwtLayer {
    /// Requires a token that the verifier finds good.
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            optional: false,
        }
    }

    /// Also lets requests pass that show no token; they carry no
    /// [`Claims`](super::Claims). A bad token is still refused.
    #[must_use]
    pub fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

impl<S> Layer<S> for JwtLayer {
    type Service = Jwt<S>;

    fn layer(&self, inner: S) -> Jwt<S> {
        Jwt::new(inner, self.verifier.clone(), self.optional)
    }
}
