use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the audit log goes: who has changed what.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// A file to append to. If it is not set, standard output, where the field
    /// `stream` tells its lines from all others.
    pub file: Option<PathBuf>,
}
