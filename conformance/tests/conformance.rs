//! What docs/conformance.md says is what real servers give.

use std::path::Path;

use mainstay_conformance::{run, server::Kind, table};

#[tokio::test]
async fn the_page_says_what_the_servers_give() {
    let progress = |kind: Kind, feature: &str, cell: &_| println!("{:<33} {feature:<52} {cell}", kind.name());
    let columns = run(&Kind::ALL, progress).await.unwrap();
    let failed = columns.iter().flat_map(|column| &column.cells).filter(|cell| cell.is_failure()).count();
    assert_eq!(failed, 0, "the cells above say what was seen");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let written = std::fs::read_to_string(page).unwrap();
    assert_eq!(written, table::page(&columns), "run `cargo xtask conformance`");
}
