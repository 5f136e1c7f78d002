use std::fmt;

use serde_json::{Map, Value};

use super::load::{Loaded, join, tree};

/// The effective configuration as TOML, each value with its source; secrets are masked.
impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tree = tree(&self.config);
        for (key, value) in tree.iter().filter(|(_, value)| !value.is_object()) {
            self.line(f, key, key, value)?;
        }
        self.sections(f, "", &tree)
    }
}

impl Loaded {
    fn sections(
        &self,
        f: &mut fmt::Formatter<'_>,
        path: &str,
        tree: &Map<String, Value>,
    ) -> fmt::Result {
        for (name, value) in tree {
            let Value::Object(fields) = value else {
                continue;
            };
            let section = join(path, name);
            let values = fields.iter().filter(|(_, value)| !value.is_object());
            for (index, (key, value)) in values.enumerate() {
                if index == 0 {
                    writeln!(f, "\n[{section}]")?;
                }
                self.line(f, &join(&section, key), key, value)?;
            }
            self.sections(f, &section, fields)?;
        }
        Ok(())
    }

    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        field: &str,
        key: &str,
        value: &Value,
    ) -> fmt::Result {
        // JSON's scalars and lists are TOML's too, but for null.
        let (setting, source) = if value.is_null() {
            (format!("# {key} ="), "not set".to_owned())
        } else {
            let source = self.source(field).unwrap_or_else(|| "default".to_owned());
            (format!("{key} = {value}"), source)
        };
        let source = if self.waiting.contains(field) {
            format!("{source}; a new value waits for a restart")
        } else {
            source
        };
        writeln!(f, "{setting:<48} # {source}")
    }
}
