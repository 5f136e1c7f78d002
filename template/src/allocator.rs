//! Who hands out memory: the system, unless a feature of the build names another.
//!
//! With both features jemalloc does, for heap profiles need it.

/// Its name.
#[cfg(feature = "jemalloc")]
pub const NAME: &str = "jemalloc";
/// Its name.
#[cfg(all(feature = "mimalloc", not(feature = "jemalloc")))]
pub const NAME: &str = "mimalloc";
/// Its name.
#[cfg(not(any(feature = "jemalloc", feature = "mimalloc")))]
pub const NAME: &str = "system";

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(all(feature = "mimalloc", not(feature = "jemalloc")))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
