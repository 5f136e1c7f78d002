use std::sync::Arc;

use opentelemetry::{Key, StringValue};

/// Labels of your own, as an extension of a request or of its response.
///
/// Only those count whose key the layer was [told](super::MetricsLayerBuilder::label);
/// those of the response win. Of several such extensions the last one counts, so put
/// all labels into one.
///
/// ```
/// use axum_chassis::metrics::Labels;
///
/// let mut response = http::Response::new(());
/// response.extensions_mut().insert(Labels::new([("tenant.tier", "gold")]));
/// ```
#[derive(Clone, Debug)]
pub struct Labels(Arc<[(Key, StringValue)]>);

impl Labels {
    /// Takes labels; there must be few values of each.
    pub fn new<K, V>(labels: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<Key>,
        V: Into<StringValue>,
    {
        let labels = labels.into_iter();
        Self(
            labels
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }

    pub(super) fn value(&self, key: &Key) -> Option<&StringValue> {
        let label = self.0.iter().find(|(name, _)| name == key);
        label.map(|(_, value)| value)
    }
}
