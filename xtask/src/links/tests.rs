use super::*;

#[test]
fn only_relative_links_outside_code_are_followed() {
    let markdown = "See [a](docs/a.md#part), [b](b.md \"title\"), [c](https://example.org/c.md), [d](#here).\n\
                    ```\n[e](e.md)\n```\n[f](mailto:f@example.org) and [`code`](../src/lib.rs)\n";
    assert_eq!(relative_links(markdown), ["docs/a.md", "b.md", "../src/lib.rs"]);
}

#[test]
fn a_link_to_a_deleted_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace { root: folder.path().into(), target: folder.path().into(), packages: Vec::new() };
    std::fs::write(folder.path().join("README.md"), "[itself](README.md) and [gone](docs/gone.md)").unwrap();
    assert_eq!(lead_somewhere(&workspace).unwrap(), ["README.md: docs/gone.md leads nowhere"]);
}
