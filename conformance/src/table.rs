//! The table of `docs/conformance.md`.

use std::fmt::Write as _;

use crate::{Column, cell::Cell, checks};

const HEAD: &str = "# Conformance

Mainstay against authorization servers that its makers did not write. `cargo xtask conformance` starts each of them, takes a till through each row,
and writes this page; the tests compare it with a run of their own. How the servers are set up stands in [conformance/servers](../conformance/servers):
oidc-provider with a public client and the extension of [server-guide.md](server-guide.md); Spring Authorization Server with a confidential client, for it
gives refresh tokens to no other.

";

const FOOT: &str = "
*pass*: as it should be, with what was seen where there is more than one right way. *not advertised*: the server's metadata do not offer it.
";

/// The whole page.
#[must_use]
pub fn page(columns: &[Column]) -> String {
    let mut page = HEAD.to_owned();
    row(&mut page, "feature", "source", columns.iter().map(|column| column.kind.name().to_owned()));
    row(&mut page, "---", "---", columns.iter().map(|_| "---".to_owned()));
    for (index, check) in checks::ALL.iter().enumerate() {
        let cells = columns.iter().map(|column| column.cells.get(index).map_or_else(String::new, Cell::to_string));
        row(&mut page, check.feature, check.source, cells);
    }
    page.push_str(FOOT);
    page
}

fn row(page: &mut String, feature: &str, source: &str, cells: impl Iterator<Item = String>) {
    let cells: String = cells.map(|cell| format!(" {} |", cell.replace('|', "\\|"))).collect();
    // Writing to a `String` cannot fail.
    let _never = writeln!(page, "| {feature} | {source} |{cells}");
}
