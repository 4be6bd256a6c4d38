//! The worked example of `docs/incident-format.md`.

use super::*;

/// The example of the documentation, as people copy it from there.
fn documented() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/incident-format.md")).unwrap();
    let (_, example) = page.split_once("## A worked example").expect("the documentation has an example");
    let (_, rest) = example.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn the_documented_example_goes_as_it_should() {
    let incident = Incident::parse("my-incident", &documented()).unwrap_or_else(|error| panic!("{error}"));
    let client = ClientCommand::new(env!("CARGO_BIN_EXE_mainstay-incident-client"));
    let report = play(&incident, &client, &mut |_| {}).await.unwrap();
    assert!(report.ok, "{:#?}", report.failures);
}

#[test]
fn a_typo_in_the_documented_example_is_told_as_the_documentation_says() {
    let typo = documented().replace("sells_every", "sells_evry");
    let error = Incident::parse("my-incident", &typo).unwrap_err().to_string();
    assert!(error.ends_with("unknown key `sells_evry`; did you mean `sells_every`?"), "{error}");
    let line = error.split(':').nth(1).unwrap();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/incident-format.md")).unwrap();
    assert!(page.contains(&format!("my-incident.toml:{line}: unknown key")), "{error}");
}
