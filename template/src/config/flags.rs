use serde::{Deserialize, Serialize};

/// What can be switched while the service runs. A flag is a `bool` here, a line where
/// it is read, and gone once its answer is known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flags {
    /// Writes are refused with 503: for a migration, or in an incident.
    pub read_only: bool,
}
