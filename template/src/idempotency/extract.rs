use axum::extract::{FromRef, FromRequest, Request};
use serde::de::DeserializeOwned;

use super::{Fingerprint, Idempotency, Key, Once};
use crate::{error::AppError, routes::json};

/// A body of JSON, and what it takes to do only once what it asks for.
pub struct Idempotent<T>(pub Once, pub T);

impl<T, S> FromRequest<S> for Idempotent<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
    Idempotency: FromRef<S>,
{
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let key = Key::of(&request)?;
        let uri = request.uri().clone();
        let body = json::read(request, state).await?;
        let input = json::parse(&body)?;
        let asked = key.map(|key| (key, Fingerprint::new(&uri, &body)));
        Ok(Self(Once::new(Idempotency::from_ref(state), asked), input))
    }
}
