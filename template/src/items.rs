//! Items: the example resource. Somebody owns a number of something, by a name.

use axum::{extract::FromRequestParts, http::request::Parts};
use axum_chassis::jwt::Claims;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{error::AppError, problem::FieldError};

/// An item, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Item {
    /// Made by the service, ordered by time (UUID version 7).
    pub id: Uuid,
    /// Unique among its owner's items.
    #[schema(example = "lamp")]
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// How many there are.
    #[schema(example = 3)]
    pub quantity: u32,
    /// Counts the changes; the `ETag` is made of it.
    pub version: i64,
    /// When it was made (RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was changed last (RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// Whose an item is. An issuer of tokens has a subject of each name once; another issuer
/// may call somebody else the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner(String);

impl Owner {
    /// The claims `iss` and `sub` of a token.
    pub fn new(issuer: &str, subject: &str) -> Self {
        // The first blank ends the issuer: no two pairs are the same.
        let issuer = issuer.replace('%', "%25").replace(' ', "%20");
        Self(format!("{issuer} {subject}"))
    }

    /// As the store keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who asks.
impl<S: Sync> FromRequestParts<S> for Owner {
    type Rejection = <Claims as FromRequestParts<S>>::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let claims = Claims::from_request_parts(parts, state).await?;
        Ok(Self::new(claims.issuer(), claims.subject()))
    }
}

/// What a client sends to make or change an item.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemInput {
    /// 1 to 100 characters, none of them a control character.
    #[schema(example = "lamp", min_length = 1, max_length = 100)]
    name: String,
    /// At most 1,000 characters, none of them NUL.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// 0 to 1,000,000; 0 if left out.
    #[serde(default)]
    #[schema(example = 3, minimum = 0, maximum = 1_000_000)]
    quantity: i64,
}

/// What an item is made of. It exists only if it keeps the rules.
#[derive(Clone, Debug)]
pub struct Draft {
    name: String,
    description: Option<String>,
    quantity: u32,
}

impl Draft {
    /// The name, without white space around it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The description.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// How many there are.
    pub fn quantity(&self) -> u32 {
        self.quantity
    }
}

/// All the rules that are broken, not just the first.
impl TryFrom<ItemInput> for Draft {
    type Error = AppError;

    fn try_from(input: ItemInput) -> Result<Self, AppError> {
        let name = input.name.trim();
        let description = input.description.as_deref().unwrap_or_default();
        let quantity = u32::try_from(input.quantity).ok();
        let quantity = quantity.filter(|quantity| *quantity <= 1_000_000);
        let rules = [
            (
                (1..=100).contains(&name.chars().count()),
                "#/name",
                "must have 1 to 100 characters",
            ),
            (
                !name.contains(char::is_control),
                "#/name",
                "must have no control characters",
            ),
            (
                description.chars().count() <= 1000,
                "#/description",
                "must have at most 1,000 characters",
            ),
            (
                // The one character that PostgreSQL does not keep in a text.
                !description.contains('\0'),
                "#/description",
                "must have no NUL characters",
            ),
            (
                quantity.is_some(),
                "#/quantity",
                "must be from 0 to 1,000,000",
            ),
        ];
        let broken = rules.iter().filter(|(kept, ..)| !kept);
        let errors: Vec<_> = broken
            .map(|(_, pointer, detail)| FieldError {
                pointer: (*pointer).to_owned(),
                detail: (*detail).to_owned(),
            })
            .collect();
        match quantity {
            Some(quantity) if errors.is_empty() => Ok(Self {
                name: name.to_owned(),
                description: input.description,
                quantity,
            }),
            _ => Err(AppError::Invalid(errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pairs_of_issuer_and_subject_are_one_owner() {
        let one = Owner::new("urn:a b", "c");
        assert_ne!(one, Owner::new("urn:a", "b c"));
        assert_ne!(one, Owner::new("urn:a%20b", "c"));
    }
}
