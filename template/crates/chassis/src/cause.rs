use std::{error::Error, fmt, sync::Arc};

/// Why a response is what it is: put into its extensions by whoever knows, and
/// logged once by whoever stands at the edge.
///
/// The client never sees it, so it may say what a body must not.
///
/// ```
/// use axum_chassis::Cause;
///
/// let mut response = http::Response::new(());
/// response.extensions_mut().insert(Cause::new("the token has expired"));
///
/// let cause = response.extensions().get::<Cause>().unwrap();
/// assert_eq!(cause.to_string(), "the token has expired");
/// ```
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// Wraps an error, or a sentence.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

/// The error and the chain of its sources, from the outside in: `no user: timed out`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct NoUser(std::io::Error);

    impl fmt::Display for NoUser {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no user")
        }
    }

    impl Error for NoUser {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_cause_shows_the_whole_chain_of_sources() {
        let cause = Cause::new(NoUser(std::io::Error::other("timed out")));
        assert_eq!(cause.to_string(), "no user: timed out");
    }
}
