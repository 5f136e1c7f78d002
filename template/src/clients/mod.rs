//! Who asks, and how much one of them may ask.

mod address;
mod rate;

pub(crate) use self::{address::Proxies, rate::RateLimits};
