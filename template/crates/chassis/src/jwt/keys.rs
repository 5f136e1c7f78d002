use std::{fmt, sync::Arc};

use arc_swap::{ArcSwap, Guard};

use super::{Key, KeySet, source::Renewal};

/// The keys of an issuer as they are now, wherever they come from. Cheap to clone; all
/// clones see the same keys.
///
/// A [`Key`] or a [`KeySet`] becomes keys that never change. Those of a
/// [`source`](super::source) are live.
#[derive(Clone)]
pub struct Keys {
    set: Arc<ArcSwap<KeySet>>,
    /// Of live keys.
    renewal: Option<Arc<Renewal>>,
}

impl Keys {
    /// Keys that whoever has `set` replaces.
    pub(super) fn live(set: Arc<ArcSwap<KeySet>>, renewal: Arc<Renewal>) -> Self {
        Self {
            set,
            renewal: Some(renewal),
        }
    }

    /// What they are now. A set that is the same `Arc` has not been replaced meanwhile.
    pub(super) fn current(&self) -> Guard<Arc<KeySet>> {
        self.set.load()
    }

    pub(super) fn are_live(&self) -> bool {
        self.renewal.is_some()
    }

    pub(super) fn renewal(&self) -> Option<&Arc<Renewal>> {
        self.renewal.as_ref()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("set", &self.current())
            .field("live", &self.are_live())
            .finish()
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self {
            set: Arc::new(ArcSwap::from_pointee(keys)),
            renewal: None,
        }
    }
}

impl From<Key> for Keys {
    fn from(key: Key) -> Self {
        KeySet::from(key).into()
    }
}
