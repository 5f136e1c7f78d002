use std::{error::Error, fmt, str::FromStr};

use super::Propagation;

/// There is no propagator of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPropagator(String);

impl fmt::Display for UnknownPropagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "no propagator {name:?}; there are: tracecontext, baggage, b3, b3multi, jaeger, none"
        )
    }
}

impl Error for UnknownPropagator {}

/// Reads the value of `OTEL_PROPAGATORS`, a list with commas; an empty one is the
/// default, as the [OpenTelemetry specification] has it.
///
/// ```
/// use axum_chassis::trace::Propagation;
///
/// let propagation: Propagation = "tracecontext,baggage,b3".parse()?;
/// assert_eq!(propagation, Propagation::w3c().with_b3());
/// # Ok::<_, axum_chassis::trace::UnknownPropagator>(())
/// ```
///
/// [OpenTelemetry specification]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
impl FromStr for Propagation {
    type Err = UnknownPropagator;

    fn from_str(names: &str) -> Result<Self, UnknownPropagator> {
        if names.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut names = names.split(',').map(str::trim);
        names.try_fold(Self::none(), |all, name| match name {
            "tracecontext" => Ok(all.with_trace_context()),
            "baggage" => Ok(all.with_baggage()),
            "b3" => Ok(all.with_b3()),
            "b3multi" => Ok(all.with_b3_multi()),
            "jaeger" => Ok(all.with_jaeger()),
            "none" => Ok(all),
            unknown => Err(UnknownPropagator(unknown.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_specification() {
        for (names, expected) in [
            ("", Propagation::w3c()),
            ("none", Propagation::none()),
            ("tracecontext", Propagation::none().with_trace_context()),
            ("tracecontext, baggage", Propagation::w3c()),
            ("b3multi,b3multi", Propagation::none().with_b3_multi()),
            ("b3,jaeger", Propagation::none().with_b3().with_jaeger()),
        ] {
            assert_eq!(names.parse(), Ok(expected), "{names}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_those_that_there_are() {
        let error = "b3,xray".parse::<Propagation>().unwrap_err().to_string();
        assert!(
            error.starts_with("no propagator \"xray\"; there are: tracecontext,"),
            "{error}"
        );
    }
}
