//! One module for each.

pub mod big;
pub mod descriptors;
pub mod http2;
pub mod panics;
pub mod rolling;
pub mod rollout;
pub mod rotation;
pub mod sigterm;
pub mod slow;
