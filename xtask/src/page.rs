//! `docs/benchmarks.md`: each command that measures writes a section of its own.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::tree;

/// Where what was measured is told.
const PAGE: &str = "docs/benchmarks.md";

/// What a command has written before, if it has.
///
/// # Errors
///
/// If the page cannot be read.
pub fn section(name: &str) -> Result<String> {
    let page = tree::read(&tree::root().join(PAGE))?;
    let (begin, end) = marks(name);
    let (_, section) = page.split_once(&begin).unwrap_or_default();
    Ok(section.split(&end).next().unwrap_or_default().to_owned())
}

/// Puts the text in the place of the section that this command has written before, or at
/// the page's end.
///
/// # Errors
///
/// If the page cannot be read or written, or holds half a section.
pub fn write_section(name: &str, command: &str, text: &str) -> Result<()> {
    write_section_of(PAGE, name, command, text)
}

/// The same in another page.
pub fn write_section_of(path: &str, name: &str, command: &str, text: &str) -> Result<()> {
    let page = tree::root().join(path);
    let written =
        with_section(&tree::read(&page)?, name, command, text).with_context(|| path.to_owned())?;
    write(&page, &written)?;
    eprintln!("written to {path}");
    Ok(())
}

fn write(page: &Path, text: &str) -> Result<()> {
    fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))
}

fn with_section(page: &str, name: &str, command: &str, text: &str) -> Result<String> {
    let (begin, end) = marks(name);
    let section = format!(
        "{begin}written by `{command}` -->\n{}\n{end}",
        text.trim_end()
    );
    let Some((before, rest)) = page.split_once(&begin) else {
        return Ok(format!("{}\n\n{section}", page.trim_end()));
    };
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("the section {name} has no end"))?;
    Ok(format!("{before}{section}{after}"))
}

/// Between which the section is.
fn marks(name: &str) -> (String, String) {
    (
        format!("<!-- {name}: "),
        format!("<!-- end of {name} -->\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str =
        "# Benchmarks\n\n<!-- a: written by `x a` -->\nold\n<!-- end of a -->\nrest\n";

    #[test]
    fn a_section_is_written_in_the_place_of_the_old_one() {
        let page = with_section(OLD, "a", "x a", "new\n").unwrap();
        assert_eq!(page, OLD.replace("old", "new"));
    }

    #[test]
    fn a_new_section_is_written_at_the_end() {
        let page = with_section(OLD, "b", "x b", "text").unwrap();
        assert!(page.starts_with(OLD));
        assert!(page.ends_with("\n\n<!-- b: written by `x b` -->\ntext\n<!-- end of b -->\n"));
    }

    #[test]
    fn half_a_section_is_not_written_over() {
        let page = OLD.replace("<!-- end of a -->", "");
        assert!(with_section(&page, "a", "x a", "new").is_err());
    }
}
