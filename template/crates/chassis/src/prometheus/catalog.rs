use std::{
    any::Any,
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::family::{About, Expose};

/// All families by name, and who has which name.
#[derive(Default)]
pub(super) struct Catalog(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    families: BTreeMap<String, Arc<dyn Expose>>,
    /// The family that a name belongs to, with each suffix that it may have.
    owners: HashMap<String, String>,
    /// What has been refused, and told so: each is told once.
    refused: HashSet<String>,
}

impl Catalog {
    /// The family that is so called, which is made if there is none.
    ///
    /// `None` if another has the name: an error has been logged, and nothing of
    /// the instrument may be exposed.
    pub(super) fn family<F: Expose>(
        &self,
        about: About,
        agrees: impl FnOnce(&F) -> bool,
        make: impl FnOnce(About) -> F,
    ) -> Option<Arc<F>> {
        let found = self.entries().family(about.clone(), agrees, make);
        // Logged without the lock: who listens may have instruments too.
        let family = found.map_err(|reason| self.refuse(&about, &reason)).ok()?;
        let kept = &family.about().help;
        if *kept != about.help {
            let (metric, dropped) = (about.name, about.help);
            tracing::warn!(
                metric,
                kept,
                dropped,
                "an instrument is described in two ways"
            );
        }
        Some(family)
    }

    /// Adds the first family of a name.
    pub(super) fn add<F: Expose>(&self, about: About, make: impl FnOnce(About) -> F) -> Arc<F> {
        self.entries().add(about, make)
    }

    /// Nothing else may be called so.
    pub(super) fn reserve(&self, name: &str, suffixes: &[&str]) {
        self.entries().own(name, suffixes);
    }

    /// Why an instrument is not exposed, told once.
    pub(super) fn refuse(&self, about: &About, reason: &str) {
        let (metric, kind) = (about.name.as_str(), about.kind.instrument());
        let told = format!("{metric} {kind} {reason}");
        let is_new = self.entries().refused.insert(told);
        if is_new {
            tracing::error!(metric, kind, reason, "an instrument is not exposed");
        }
    }

    /// All families, by name.
    pub(super) fn all(&self) -> Vec<Arc<dyn Expose>> {
        self.entries().families.values().cloned().collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn family<F: Expose>(
        &mut self,
        about: About,
        agrees: impl FnOnce(&F) -> bool,
        make: impl FnOnce(About) -> F,
    ) -> Result<Arc<F>, String> {
        if let Some(family) = self.families.get(&about.name) {
            let known = family.about();
            let is_same = known.kind == about.kind && known.unit == about.unit;
            let found = if is_same { downcast(family) } else { None };
            let found = found.filter(|family| agrees(family));
            return found.ok_or_else(|| contradiction(known, &about));
        }
        if !about.name.contains(|c: char| c.is_ascii_alphanumeric()) {
            return Err("its name has neither letter nor digit: give it one".to_owned());
        }
        for suffix in about.kind.suffixes() {
            let name = format!("{}{suffix}", about.name);
            if let Some(owner) = self.owners.get(&name) {
                return Err(format!(
                    "{name} belongs to the metric {owner}: rename one of the two"
                ));
            }
        }
        Ok(self.add(about, make))
    }

    fn add<F: Expose>(&mut self, about: About, make: impl FnOnce(About) -> F) -> Arc<F> {
        self.own(&about.name, about.kind.suffixes());
        let name = about.name.clone();
        let family = Arc::new(make(about));
        self.families.insert(name, Arc::clone(&family) as _);
        family
    }

    fn own(&mut self, name: &str, suffixes: &[&str]) {
        let names = suffixes.iter().map(|suffix| format!("{name}{suffix}"));
        self.owners
            .extend(names.map(|owned| (owned, name.to_owned())));
    }
}

fn downcast<F: Expose>(family: &Arc<dyn Expose>) -> Option<Arc<F>> {
    let family: Arc<dyn Any + Send + Sync> = Arc::clone(family) as _;
    family.downcast().ok()
}

fn contradiction(known: &About, about: &About) -> String {
    let described = |about: &About| {
        let unit = about.unit.as_deref().unwrap_or("no unit");
        format!("{} in {unit}", about.kind.instrument())
    };
    let (known, asked) = (described(known), described(about));
    if known == asked {
        format!("it is a {known} with other boundaries already: rename it, or agree on them")
    } else {
        format!("it is a {known} already: rename it, or make it that too, instead of a {asked}")
    }
}
