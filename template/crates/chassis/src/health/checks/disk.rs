use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::health::{BoxError, Check};

/// Warns when the file system of `path` has less than `min_free_bytes` for this process
/// to write; of what is kept for root nothing is counted.
///
/// ```
/// use axum_chassis::health::{Health, checks};
///
/// let spool = checks::disk_space("spool", "/var/spool", 1 << 30);
/// let health = Health::builder().check(spool).build();
/// ```
pub fn disk_space(
    name: impl Into<Arc<str>>,
    path: impl Into<PathBuf>,
    min_free_bytes: u64,
) -> Check {
    let path = path.into();
    // A network's file system may hang.
    Check::blocking(name, move || look(&path, min_free_bytes))
        .degraded()
        .interval(Duration::from_secs(30))
}

fn look(path: &Path, min_free_bytes: u64) -> Result<(), BoxError> {
    let shown = path.display();
    let free_bytes = fs4::available_space(path)
        .map_err(|error| format!("{shown}: {error}; mount it, or correct the path"))?;
    if free_bytes < min_free_bytes {
        let told = format!(
            "{shown} has {free_bytes} bytes free, and should have {min_free_bytes}; \
             delete what is old, or enlarge it"
        );
        return Err(told.into());
    }
    Ok(())
}
