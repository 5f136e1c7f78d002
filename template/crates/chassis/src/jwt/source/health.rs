use std::{sync::Arc, time::Duration};

use crate::{
    health::{BoxError, Check},
    jwt::Keys,
};

/// With feature `health`: checks for whoever knows how the service is.
impl Keys {
    /// Critical: fails until there are keys, and never again. A service that can check no
    /// token is not ready; one that has keys is, whatever becomes of their source.
    ///
    /// ```
    /// # fn checks(keys: axum_chassis::jwt::Keys) {
    /// use std::time::Duration;
    /// use axum_chassis::health::Health;
    ///
    /// let day = Duration::from_secs(24 * 3600);
    /// let health = Health::builder()
    ///     .check(keys.available_check("issuer-keys"))
    ///     .check(keys.fresh_check("issuer-keys-fresh", day))
    ///     .build();
    /// # }
    /// ```
    pub fn available_check(&self, name: impl Into<Arc<str>>) -> Check {
        self.check(name, |last| last.is_some())
    }

    /// Degraded: warns when keys were last had longer ago than `limit`. A stopped task
    /// makes it warn, too.
    pub fn fresh_check(&self, name: impl Into<Arc<str>>, limit: Duration) -> Check {
        self.check(name, move |last| last.is_some_and(|age| age <= limit))
            .degraded()
    }

    fn check(
        &self,
        name: impl Into<Arc<str>>,
        is_good: impl Fn(Option<Duration>) -> bool + Send + Sync + 'static,
    ) -> Check {
        let keys = self.clone();
        Check::new(name, move || {
            let outcome = keys.judge(&is_good);
            async { outcome }
        })
    }

    /// Keys that never change are always good.
    fn judge(&self, is_good: impl Fn(Option<Duration>) -> bool) -> Result<(), BoxError> {
        let Some((age, error)) = self.renewal().map(|renewal| renewal.last()) else {
            return Ok(());
        };
        if is_good(age) {
            return Ok(());
        }
        let age = age.map_or("no keys yet".to_owned(), |age| {
            format!("no look at the keys for {} s", age.as_secs())
        });
        Err(match error {
            Some(error) => format!("{age}: {error}").into(),
            None => age.into(),
        })
    }
}
