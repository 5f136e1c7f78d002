use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use serde_json::Value as Json;

use super::{
    Config, Loaded,
    load::{get, put, tree},
};

/// What a new configuration changes in a service that runs.
#[derive(Clone, Debug)]
pub struct Change {
    /// What is in effect from now on.
    pub loaded: Loaded,
    /// The keys that have another value from now on.
    pub applied: Vec<String>,
}

impl Config {
    /// This configuration with all that may change while the service runs, taken from
    /// a new one. What is not named here needs a restart.
    fn with_changeable(&self, new: &Self) -> Self {
        let mut config = self.clone();
        config.http.allowed_origins = new.http.allowed_origins.clone();
        config.clients.requests_per_second = new.clients.requests_per_second;
        config.clients.request_burst = new.clients.request_burst;
        config.flags = new.flags.clone();
        config.log.filter = new.log.filter.clone();
        config.traces = new.traces.clone();
        config
    }
}

impl Loaded {
    /// What is in effect once the sources say something else.
    pub fn changed_by(&self, new: Self) -> Change {
        let config = self.config.with_changeable(&new.config);
        let (before, now, wanted) = (fields(&self.config), fields(&config), fields(&new.config));
        let applied = now
            .iter()
            .filter(|(field, value)| before.get(*field) != Some(value))
            .map(|(field, _)| field.clone())
            .collect();
        // Also those that only one of the two has: of an issuer that is added, or removed.
        let waiting: BTreeSet<_> = now
            .keys()
            .chain(wanted.keys())
            .filter(|field| {
                let value = now.get(*field);
                value != wanted.get(*field)
                    // A secret looks the same whatever it is.
                    || (value.is_some_and(is_masked) && self.given(field) != new.given(field))
            })
            .cloned()
            .collect();
        let mut given = new.given;
        for field in &waiting {
            put(&mut given, field, get(&self.given, field).cloned());
        }
        let loaded = Self {
            config,
            given,
            waiting,
            contents: new.contents,
            environment: new.environment,
        };
        Change { loaded, applied }
    }

    /// The keys whose new values wait for a restart.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(String::as_str)
    }

    /// A number that two instances of one build share if they are configured alike, but
    /// for secrets. Of 48 bits, which is what a metric holds without loss.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (field, value) in fields(&self.config) {
            (field, value.to_string()).hash(&mut hasher);
        }
        hasher.finish() >> 16
    }

    fn given(&self, field: &str) -> Option<&config::ValueKind> {
        get(&self.given, field).map(|value| &value.kind)
    }
}

fn is_masked(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.contains("***"))
}

/// Every key with its value, as the configuration is written out.
fn fields(config: &Config) -> BTreeMap<String, Json> {
    fn walk(path: &str, value: Json, fields: &mut BTreeMap<String, Json>) {
        match value {
            Json::Object(section) => {
                for (key, value) in section {
                    walk(&super::load::join(path, &key), value, fields);
                }
            }
            value => {
                fields.insert(path.to_owned(), value);
            }
        }
    }
    let mut fields = BTreeMap::new();
    walk("", tree(config).into(), &mut fields);
    fields
}
