use std::{collections::BTreeMap, env, fmt};

/// The process's environment, as a value, so that tests need not change the real one.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Whose values are not Unicode.
    unreadable: Vec<String>,
}

impl Environment {
    /// The environment of this process. Of a variable that is not Unicode there is the name.
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => {
                    environment.variables.insert(name, value);
                }
                (Ok(name), Err(_)) => environment.unreadable.push(name),
                // There is no setting of such a name.
                (Err(_), _) => {}
            }
        }
        environment
    }

    /// The variables with this prefix that cannot be read, for they are not Unicode.
    pub(super) fn unreadable(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let names = self.unreadable.iter().map(String::as_str);
        names.filter(move |name| name.starts_with(prefix))
    }

    /// The value of a variable, unless it is empty: empty is unset, as for all of `OTEL_*`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// All variables whose names begin so.
    pub(super) fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The names alone: there are secrets among the values.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        Self {
            variables: variables.collect(),
            unreadable: Vec::new(),
        }
    }
}
