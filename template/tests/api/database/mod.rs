//! A database for each test.

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
mod sqlite;

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
pub use self::memory::Database;
#[cfg(feature = "postgres")]
pub use self::postgres::Database;
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
pub use self::sqlite::Database;
