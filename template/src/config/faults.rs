use std::{error::Error, fmt};

/// Everything that is wrong with a configuration.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    field: String,
    value: Option<String>,
    source: Option<String>,
    reason: String,
}

impl Faults {
    /// Adds a fault of a field: its value as it may be shown, and the reason with the remedy.
    pub(crate) fn add(&mut self, field: &str, value: impl ToString, reason: impl ToString) {
        self.push(field, Some(value.to_string()), None, reason.to_string());
    }

    /// Adds a fault whose value is missing, or must not be shown.
    pub(crate) fn add_hidden(&mut self, field: &str, reason: impl ToString) {
        self.push(field, None, None, reason.to_string());
    }

    /// Adds a fault of which it is known where the value came from.
    pub(super) fn add_from(
        &mut self,
        source: String,
        field: &str,
        value: Option<String>,
        reason: String,
    ) {
        self.push(field, value, Some(source), reason);
    }

    fn push(&mut self, field: &str, value: Option<String>, source: Option<String>, reason: String) {
        self.0.push(Fault {
            field: field.to_owned(),
            value,
            source,
            reason,
        });
    }

    /// Tells of each fault where its value came from, as far as it is not known yet.
    pub(super) fn locate(&mut self, source: impl Fn(&str) -> Option<String>) {
        for fault in self.0.iter_mut().filter(|fault| fault.source.is_none()) {
            fault.source = source(&fault.field);
        }
    }

    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        self.0.sort_by(|a, b| a.field.cmp(&b.field));
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl Error for Faults {}

/// One paragraph a fault: the field and its value, where that came from, what to do.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "the configuration has {count} fault{plural}:")?;
        for fault in &self.0 {
            write!(f, "\n\n  {}", fault.field)?;
            if let Some(value) = &fault.value {
                write!(f, " = {value}")?;
            }
            if let Some(source) = &fault.source {
                write!(f, "   (from {source})")?;
            }
            write!(f, "\n      {}", fault.reason)?;
        }
        Ok(())
    }
}
