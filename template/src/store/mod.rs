//! Where items live.
//!
//! In place both databases are features; a generated service has the one that
//! was chosen, and the twin of this file names it alone.

mod error;
#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
mod sqlite;

pub use self::error::StoreError;
#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
pub use self::memory::{Config, Store, Work};
#[cfg(feature = "postgres")]
use self::postgres as backend;
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
use self::sqlite as backend;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use self::{
    backend::Config,
    sql::{Store, Work},
};
