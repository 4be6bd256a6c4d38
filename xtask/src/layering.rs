//! Dependencies point downward only (docs/adr/0001-pure-core.md): between packages, between the SDK's modules, and out
//! of the core. Each rule is a table; what is not in the table is not allowed.

use std::path::Path;

use crate::error::Error;
use crate::house::{self, Source};
use crate::workspace::{Package, Workspace};

#[cfg(test)]
mod tests;

/// What a package may depend on within this repository.
struct Layer {
    package: &'static str,
    /// For what it ships.
    normal: &'static [&'static str],
    /// For its tests, in addition.
    tests: &'static [&'static str],
}

/// From bottom to top. The mock server stands alone: a mistake in the core must not be able to hide in both.
const LAYERS: &[Layer] = &[
    Layer { package: "mainstay-core", normal: &[], tests: &[] },
    Layer { package: "mainstay-mock-server", normal: &[], tests: &[] },
    Layer { package: "mainstay", normal: &["mainstay-core"], tests: &["mainstay", "mainstay-mock-server"] },
    Layer {
        package: "mainstay-incidents",
        normal: &["mainstay", "mainstay-core", "mainstay-mock-server"],
        tests: &["mainstay-incidents"],
    },
    Layer { package: "mainstay-conformance", normal: &["mainstay"], tests: &["mainstay-conformance"] },
    Layer {
        package: "mainstay-demo",
        normal: &["mainstay", "mainstay-core", "mainstay-incidents", "mainstay-mock-server"],
        tests: &[],
    },
    Layer { package: "mainstay-cli", normal: &["mainstay"], tests: &["mainstay", "mainstay-mock-server"] },
    Layer {
        package: "mainstay-benches",
        normal: &["mainstay", "mainstay-core", "mainstay-mock-server"],
        tests: &["mainstay-incidents"],
    },
    Layer {
        package: "mainstay-fleet",
        normal: &["mainstay-core"],
        tests: &["mainstay", "mainstay-fleet", "mainstay-mock-server"],
    },
    Layer { package: "xtask", normal: &["mainstay-core"], tests: &[] },
];

/// What a module of the SDK (`src/`) may not use of its siblings, nor of the outside world.
struct ModuleLayer {
    module: &'static str,
    not: &'static [&'static str],
    /// Exceptions, each with its reason in the table.
    but: &'static [&'static str],
}

const MODULES: &[ModuleLayer] = &[
    ModuleLayer { module: "host", not: &["crate::driver", "crate::native", "crate::oauth", "crate::vault"], but: &[] },
    ModuleLayer {
        module: "oauth",
        not: &[
            "crate::driver",
            "crate::native",
            "crate::vault",
            "crate::host",
            "reqwest::",
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "tokio::",
            "getrandom::",
        ],
        but: &[],
    },
    ModuleLayer {
        module: "vault",
        not: &["crate::driver", "crate::native", "crate::oauth", "crate::support", "std::fs", "reqwest::"],
        but: &[],
    },
    ModuleLayer { module: "native", not: &["crate::driver", "crate::vault"], but: &[] },
    ModuleLayer {
        module: "driver",
        not: &["crate::native", "crate::support", "reqwest::", "std::fs", "std::time::Instant"],
        // The builder offers this machine as a host, by one call.
        but: &["crate::native::host("],
    },
    ModuleLayer {
        module: "support",
        not: &["crate::native", "crate::oauth", "reqwest::", "std::fs", "std::time::SystemTime"],
        but: &[],
    },
];

/// Everything the core may be built on.
const CORE_DEPENDENCIES: &[&str] = &["mainstay-core", "serde", "serde_core"];

/// Packages that become artefacts, which test features must never reach.
const SHIPPED: &[&str] = &["mainstay", "mainstay-cli"];

/// Packages against [`LAYERS`].
pub(crate) fn packages_point_downward(workspace: &Workspace) -> Result<Vec<String>, Error> {
    Ok(upward_packages(&workspace.packages))
}

fn upward_packages(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(upward_dependencies).collect()
}

fn upward_dependencies(package: &Package) -> Vec<String> {
    let Some(layer) = LAYERS.iter().find(|layer| layer.package == package.name) else {
        return vec![format!("{}: no row in the table of layers says what it may depend on", package.name)];
    };
    let of_this_repository = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    let allowed = |name: &str, tests: bool| layer.normal.contains(&name) || (tests && layer.tests.contains(&name));
    of_this_repository
        .filter(|dependency| !allowed(&dependency.name, dependency.kind.as_deref() == Some("dev")))
        .map(|dependency| format!("{} must not depend on {}", package.name, dependency.name))
        .collect()
}

/// The SDK's modules against [`MODULES`]. Test modules may use what they like.
pub(crate) fn modules_point_downward(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let mut violations = Vec::new();
    for layer in MODULES {
        for source in house::rust_sources(&workspace.root.join("src").join(layer.module))? {
            violations.extend(upward_uses(layer, &workspace.root, &source));
        }
    }
    Ok(violations)
}

fn upward_uses(layer: &ModuleLayer, root: &Path, source: &Source) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    let shown = source.path.strip_prefix(root).unwrap_or(&source.path).display().to_string();
    let allowed = |line: &str| line.trim_start().starts_with("//") || layer.but.iter().any(|use_| line.contains(use_));
    let code = source.text.lines().enumerate().filter(|(_, line)| !allowed(line));
    code.flat_map(|(index, line)| layer.not.iter().filter(|name| line.contains(**name)).map(move |name| (index, name)))
        .map(|(index, name)| format!("{shown}:{}: {} must not use {name}", index + 1, layer.module))
        .collect()
}

/// The core is `no_std`, and so is everything below it.
pub(crate) fn core_stands_alone(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let tree = tree(workspace, &["-p", "mainstay-core", "--edges", "normal,no-proc-macro"])?;
    let path = workspace.root.join("core/src/lib.rs");
    let library = std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
    Ok(core_violations(&tree, &library))
}

fn core_violations(tree: &str, library: &str) -> Vec<String> {
    let mut violations = Vec::new();
    if !library.lines().any(|line| line.trim() == "#![no_std]") {
        violations.push("core/src/lib.rs does not say #![no_std]".to_owned());
    }
    for (package, features) in tree.lines().filter_map(tree_line) {
        if !CORE_DEPENDENCIES.contains(&package) {
            violations.push(format!("the core must not be built on {package}"));
        }
        if features.split(',').any(|feature| feature == "std") {
            violations.push(format!("the core must not be built on std: {package} has its feature `std`"));
        }
    }
    violations
}

/// No artefact contains a virtual clock.
pub(crate) fn shipped_without_test_features(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let mut violations = Vec::new();
    for package in SHIPPED {
        let tree = tree(workspace, &["-p", package, "--edges", "normal,build"])?;
        violations.extend(test_features(&tree).into_iter().map(|found| format!("{package} ships with {found}")));
    }
    Ok(violations)
}

fn test_features(tree: &str) -> Vec<String> {
    let with_test_support = |features: &str| features.split(',').any(|feature| feature == "test-support");
    let lines = tree.lines().filter_map(tree_line);
    lines
        .filter(|(package, features)| with_test_support(features) || *package == "mainstay-mock-server")
        .map(|(package, features)| format!("{package} [{features}]"))
        .collect()
}

/// The core's feature of seeded mutations.
const MUTANTS: &str = "mutants";

/// The core's seeded mutations are turned on by the command that runs its own tests, and by no manifest.
pub(crate) fn mutations_stay_in_the_core(workspace: &Workspace) -> Result<Vec<String>, Error> {
    Ok(turned_on(&workspace.packages))
}

fn turned_on(packages: &[Package]) -> Vec<String> {
    let names_it = |feature: &String| feature.rsplit('/').next() == Some(MUTANTS);
    let by_dependencies =
        |package: &Package| package.dependencies.iter().any(|dependency| dependency.features.iter().any(names_it));
    let by_features = |package: &Package| package.features.values().flatten().any(names_it);
    let guilty = packages.iter().filter(|package| by_dependencies(package) || by_features(package));
    guilty.map(|package| format!("{} turns on the core's seeded mutations", package.name)).collect()
}

/// The tests of a host whose futures are not `Send` really run without the hosts whose futures are.
pub(crate) fn single_threaded_without_native(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let features = ["--no-default-features", "--features", "single-threaded,test-support"];
    let tree = tree(workspace, &[&["-p", "mainstay", "--edges", "normal,dev"], features.as_slice()].concat())?;
    Ok(native_features(&tree))
}

fn native_features(tree: &str) -> Vec<String> {
    let sdk = tree.lines().filter_map(tree_line).filter(|(package, _)| *package == "mainstay");
    sdk.filter(|(_, features)| features.split(',').any(|feature| feature == "native"))
        .map(|(package, features)| format!("{package} [{features}]"))
        .collect()
}

/// `cargo tree`, one line per package: see [`tree_line`].
fn tree(workspace: &Workspace, args: &[&str]) -> Result<String, Error> {
    workspace.ask(&[&["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}"], args].concat())
}

/// Package and features of a line `name v1.2.3 (where)|feature,feature (*)`.
fn tree_line(line: &str) -> Option<(&str, &str)> {
    let (package, features) = line.trim_end_matches(" (*)").split_once('|')?;
    Some((package.split_whitespace().next()?, features.trim()))
}
