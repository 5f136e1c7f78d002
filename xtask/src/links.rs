//! Whether each link of a page leads somewhere.

use std::path::Path;

use anyhow::Result;

use crate::tree;

/// Links below a folder that lead nowhere: to a file that is not there, or to a heading that
/// its page does not have.
///
/// # Errors
///
/// If a page cannot be read.
pub fn broken(folder: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for page in tree::files(folder)? {
        let name = page.to_string_lossy();
        let is_page = name.ends_with(".md") || name.ends_with(".md.liquid");
        // A part of a page: its links are that page's.
        if !is_page || page.ends_with("page.md") {
            continue;
        }
        let file = folder.join(&page);
        let text = tree::read(&file)?;
        for link in links(&text).filter(|link| !leads(&file, link)) {
            broken.push(format!("{name} has a link to {link}, which is not there"));
        }
    }
    Ok(broken)
}

fn leads(page: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let file = match file {
        "" => page.to_owned(),
        file => page.with_file_name(file),
    };
    if heading.is_empty() {
        return file.exists();
    }
    tree::read(&file)
        .is_ok_and(|text| lines(&text).any(|line| anchor(line) == Some(heading.into())))
}

/// The lines that are no program.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut is_program = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_program ^= is_fence;
        !is_program && !is_fence
    })
}

/// Where a text's links lead, but for other places of the web.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = lines(text).flat_map(|line| line.split("](").skip(1));
    targets
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
}

/// By which a heading is found: its words, joined by hyphens.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    Some(kept.collect::<String>().to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_link_of_this_repository_leads_somewhere() {
        let broken = broken(tree::root()).unwrap();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn what_leads_nowhere_is_named_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let page = "# One `and` two\n\n\
            [here](#one-and-two) [there](a/b.md#three) [web](https://x.example/#y)\n\n\
            ```sh\n# no heading\necho '[no link](z.md)'\n```\n\n\
            [lost](c.md) [wrong](a/b.md#four) [program](#no-heading)\n";
        fs::write(folder.path().join("page-one.md"), page).unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(
            folder.path().join("a/b.md"),
            "## Three\n\n[up](../page-one.md)\n",
        )
        .unwrap();
        let expected = ["c.md", "a/b.md#four", "#no-heading"]
            .map(|link| format!("page-one.md has a link to {link}, which is not there"));
        assert_eq!(broken(folder.path()).unwrap(), expected);
    }
}
