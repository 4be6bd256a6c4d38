//! A document that points to a deleted file is worse than none.

use std::path::Path;

use crate::error::Error;
use crate::house;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

/// Every relative link of every Markdown file leads to a file or folder.
pub(crate) fn lead_somewhere(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let mut violations = Vec::new();
    for document in house::sources(&workspace.root, "md")? {
        let shown = document.path.strip_prefix(&workspace.root).unwrap_or(&document.path).display().to_string();
        let folder = document.path.parent().unwrap_or(Path::new(""));
        let dead = relative_links(&document.text).into_iter().filter(|link| !folder.join(link).exists());
        violations.extend(dead.map(|link| format!("{shown}: {link} leads nowhere")));
    }
    Ok(violations)
}

/// The targets of `[text](target)` outside code blocks, without fragments and without addresses elsewhere.
fn relative_links(markdown: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            links.extend(line.split("](").skip(1).filter_map(relative_target));
        }
    }
    links
}

/// The target at the start of `rest`, if it is a path.
fn relative_target(rest: &str) -> Option<&str> {
    let (target, _) = rest.split_once(')')?;
    let target = target.split([' ', '#']).next()?;
    let elsewhere = target.is_empty() || target.contains(':');
    (!elsewhere).then_some(target)
}
