//! What is chosen of a catalogue, by names.

use anyhow::{Result, bail};

/// What a catalogue lists.
pub trait Named: 'static {
    /// What is listed, in a word.
    const KIND: &'static str;

    /// By which it is chosen.
    fn name(&self) -> &'static str;
}

/// Those that have such a name or begin of one; all, if none is given.
pub fn chosen<T: Named>(all: &'static [T], names: &[String]) -> Result<Vec<&'static T>> {
    let begins = |item: &T, name: &String| item.name().starts_with(name.as_str());
    let is_unknown = |name: &&String| !all.iter().any(|item| begins(item, name));
    if let Some(unknown) = names.iter().find(is_unknown) {
        let there: Vec<_> = all.iter().map(T::name).collect();
        bail!("no {} {unknown}; there are: {}", T::KIND, there.join(", "));
    }
    let is_chosen = |item: &&T| names.is_empty() || names.iter().any(|name| begins(item, name));
    Ok(all.iter().filter(is_chosen).collect())
}
