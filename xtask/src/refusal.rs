//! A checker is checked, too: what is broken it must refuse, and for the right reason.

use anyhow::{Result, bail, ensure};

/// A text with a fault in it.
pub fn broken(name: &str, text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "{name} has no {from:?} any more");
    Ok(text.replacen(from, to, 1))
}

/// Whether what came of the fault `to` is a refusal that names this reason.
pub fn refused(came: Result<String>, to: &str, reason: &str) -> Result<()> {
    let said = match came {
        Ok(said) => bail!("it took {to:?}: {said}"),
        Err(error) => format!("{error:#}"),
    };
    ensure!(said.contains(reason), "for another reason: {said}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn only_a_refusal_for_the_reason_is_one() {
        assert!(refused(Err(anyhow!("no such key")), "x", "key").is_ok());
        assert!(refused(Err(anyhow!("no such file")), "x", "key").is_err());
        assert!(refused(Ok("fine".to_owned()), "x", "key").is_err());
    }

    #[test]
    fn a_fault_that_cannot_be_made_is_told() {
        assert_eq!(broken("file", "a b a", "a", "c").unwrap(), "c b a");
        let error = broken("file", "a", "b", "c").unwrap_err();
        assert_eq!(error.to_string(), r#"file has no "b" any more"#);
    }
}
