//! Each rule with its negative control: the same check on a tree that breaks the rule.

use std::collections::BTreeMap;

use super::*;
use crate::workspace::Dependency;

fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
    let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
        name: (*name).to_owned(),
        kind: kind.map(str::to_owned),
        path: Some("anywhere".into()),
        features: Vec::new(),
    };
    Package {
        name: name.to_owned(),
        manifest_path: "Cargo.toml".into(),
        dependencies: dependencies.iter().map(dependency).collect(),
        features: BTreeMap::new(),
    }
}

#[test]
fn downward_dependencies_are_allowed() {
    let packages = [package("mainstay", &[("mainstay-core", None), ("mainstay-mock-server", Some("dev"))])];
    assert_eq!(upward_packages(&packages), Vec::<String>::new());
}

#[test]
fn the_core_must_not_depend_on_the_sdk() {
    let found = upward_packages(&[package("mainstay-core", &[("mainstay", None)])]);
    assert_eq!(found, ["mainstay-core must not depend on mainstay"]);
}

#[test]
fn the_mock_server_must_not_depend_on_the_sdk_not_even_in_tests() {
    let found = upward_packages(&[package("mainstay-mock-server", &[("mainstay", Some("dev"))])]);
    assert_eq!(found, ["mainstay-mock-server must not depend on mainstay"]);
}

#[test]
fn what_tests_may_use_must_not_be_shipped() {
    let found = upward_packages(&[package("mainstay", &[("mainstay-mock-server", None)])]);
    assert_eq!(found, ["mainstay must not depend on mainstay-mock-server"]);
}

#[test]
fn a_package_without_a_row_is_a_violation() {
    assert_eq!(upward_packages(&[package("mainstay-new", &[])]).len(), 1);
}

#[test]
fn dependencies_from_a_registry_are_not_our_layers() {
    let mut outside = package("mainstay-core", &[("mainstay", None)]);
    outside.dependencies.iter_mut().for_each(|dependency| dependency.path = None);
    assert_eq!(upward_packages(&[outside]), Vec::<String>::new());
}

const OAUTH: &ModuleLayer =
    &ModuleLayer { module: "oauth", not: &["crate::driver", "std::fs"], but: &["crate::driver::Name"] };

fn oauth_file(path: &str, text: &str) -> Source {
    Source { path: path.into(), text: text.to_owned() }
}

#[test]
fn a_module_must_not_use_the_one_above_it() {
    let source = oauth_file("src/oauth/token.rs", "use url::Url;\nuse crate::driver::Session;\n");
    assert_eq!(upward_uses(OAUTH, Path::new(""), &source), ["src/oauth/token.rs:2: oauth must not use crate::driver"]);
}

#[test]
fn an_exception_is_no_wider_than_the_table_says() {
    let source = oauth_file("src/oauth/token.rs", "use crate::driver::Name;\nuse crate::driver::Other;\n");
    assert_eq!(upward_uses(OAUTH, Path::new(""), &source).len(), 1);
}

#[test]
fn comments_and_test_modules_may_name_anything() {
    let comment = oauth_file("src/oauth/token.rs", "/// See [`Session`](crate::driver::Session).\n");
    let test = oauth_file("src/oauth/token/tests.rs", "use std::fs;\n");
    assert_eq!(upward_uses(OAUTH, Path::new(""), &comment), Vec::<String>::new());
    assert_eq!(upward_uses(OAUTH, Path::new(""), &test), Vec::<String>::new());
}

const NO_STD: &str = "//! The core.\n#![no_std]\n";

#[test]
fn a_core_on_serde_alone_is_fine() {
    let tree = "mainstay-core v0.1.0 (somewhere)|default\nserde v1.0.229|alloc,derive\nserde_core v1.0.229|alloc (*)\n";
    assert_eq!(core_violations(tree, NO_STD), Vec::<String>::new());
}

#[test]
fn a_core_with_std_in_any_way_is_found() {
    let tree = "mainstay-core v0.1.0|\nserde v1.0.229|alloc,std\ntokio v1.54.0|\n";
    let found = core_violations(tree, "//! The core.\n");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn test_support_in_a_shipped_package_is_found() {
    assert_eq!(test_features("mainstay v0.1.0|default,native\nserde v1.0.229|std\n"), Vec::<String>::new());
    assert_eq!(test_features("mainstay v0.1.0|default,test-support\n"), ["mainstay [default,test-support]"]);
    assert_eq!(test_features("mainstay v0.1.0|native\nmainstay-mock-server v0.1.0|\n").len(), 1);
}

#[test]
fn a_manifest_that_turns_the_mutations_on_is_found() {
    let mut core = package("mainstay-core", &[]);
    core.features.insert("mutants".to_owned(), Vec::new());
    assert_eq!(turned_on(std::slice::from_ref(&core)), Vec::<String>::new(), "the feature itself is allowed");
    core.features.insert("default".to_owned(), vec!["mutants".to_owned()]);
    let mut sdk = package("mainstay", &[("mainstay-core", Some("dev"))]);
    sdk.dependencies[0].features.push("mutants".to_owned());
    let mut demo = package("mainstay-demo", &[("mainstay-core", None)]);
    demo.features.insert("wild".to_owned(), vec!["mainstay-core/mutants".to_owned()]);
    assert_eq!(turned_on(&[core, sdk, demo]).len(), 3);
}

#[test]
fn native_beside_the_single_threaded_host_is_found() {
    assert_eq!(native_features("mainstay v0.1.0|single-threaded,test-support\n"), Vec::<String>::new());
    assert_eq!(native_features("mainstay v0.1.0|native,single-threaded (*)\n"), ["mainstay [native,single-threaded]"]);
}
