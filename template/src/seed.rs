//! Items for a development database, the same ones each time: an example to copy from,
//! and to delete.

use serde_json::json;

use crate::{
    config::{Config, Profile},
    items::{Draft, ItemInput, Owner},
    store::{Store, StoreError},
};

const MATERIALS: [&str; 5] = ["ash", "brass", "glass", "linen", "walnut"];
const THINGS: [(&str, &str); 8] = [
    ("bowl", "For fruit, or for keys."),
    ("chair", "Stands on uneven floors, too."),
    ("clock", "Runs for eight days."),
    ("frame", "For pictures of 30 by 40 cm."),
    ("lamp", "Warm white, 400 lumens."),
    ("screen", "Folds into three."),
    ("shelf", "Bears 20 kg when it hangs well."),
    ("tray", "Goes into the dishwasher."),
];

/// Why nothing is filled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    #[error("the profile is not development: set APP_PROFILE=development, or say --force")]
    NotDevelopment,
    #[error("items live in memory, and are gone with this process: there is nothing to fill")]
    NotKept,
}

/// Whether it is right to.
///
/// # Errors
///
/// In any profile but development, unless it is forced; and where nothing is kept.
pub(crate) fn allow(config: &Config, force: bool) -> Result<(), SeedError> {
    if !Store::IS_KEPT {
        return Err(SeedError::NotKept);
    }
    if config.profile != Profile::Development && !force {
        return Err(SeedError::NotDevelopment);
    }
    Ok(())
}

/// Who has this subject in the tokens that are minted here, or in those of the first issuer.
pub(crate) fn owner(config: &Config, subject: &str) -> Owner {
    let issuers = || config.auth.issuers.values();
    let mints = issuers().find(|issuer| issuer.hmac_secret.is_some());
    let issuer = mints.or(issuers().next());
    Owner::new(issuer.map_or("", |issuer| issuer.issuer.as_str()), subject)
}

/// Makes the items that this owner does not have, and says how many those were.
///
/// # Errors
///
/// If the store fails.
pub(crate) async fn fill(store: &Store, owner: &Owner) -> Result<usize, StoreError> {
    let mut made = 0;
    for draft in drafts() {
        let mut work = store.begin().await?;
        match work.create_item(owner, &draft).await {
            Ok(_) => work.commit().await?,
            Err(StoreError::NameTaken) => {
                work.abandon().await;
                continue;
            }
            Err(error) => return Err(error),
        }
        made += 1;
    }
    Ok(made)
}

/// One of each thing in each material; quantities as they come, some of them 0.
fn drafts() -> impl Iterator<Item = Draft> {
    let things = MATERIALS
        .into_iter()
        .flat_map(|material| THINGS.map(|(thing, about)| (format!("{material} {thing}"), about)));
    things.enumerate().map(|(number, (name, about))| {
        let quantity = number * 37 % 25;
        let input = json!({ "name": name, "description": about, "quantity": quantity });
        let input: ItemInput = serde_json::from_value(input).expect("the fields of an item");
        Draft::try_from(input).expect("an item that keeps the rules")
    })
}
