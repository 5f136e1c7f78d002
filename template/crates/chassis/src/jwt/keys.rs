use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::{Key, KeySet};

/// The keys of an issuer as they are now, wherever they come from. Cheap to clone; all
/// clones see the same keys.
///
/// A [`Key`] or a [`KeySet`] becomes keys that never change.
#[derive(Clone, Debug)]
pub struct Keys(Arc<ArcSwap<KeySet>>);

impl Keys {
    /// What they are now. A set that is the same `Arc` has not been replaced meanwhile.
    pub(super) fn current(&self) -> Guard<Arc<KeySet>> {
        self.0.load()
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(keys)))
    }
}

impl From<Key> for Keys {
    fn from(key: Key) -> Self {
        KeySet::from(key).into()
    }
}
