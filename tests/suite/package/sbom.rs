//! The list of what a release is made of (`install/sbom`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What one crate needs to be built.
struct Needs {
    /// By its manifest, whatever features are on.
    always: BTreeSet<String>,
    /// That, and what the features of the program or of its tests add.
    at_most: BTreeSet<String>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

/// What cargo resolves for this machine, by another way than the script's: the graph of `cargo metadata`, in which a
/// crate has the features that tests ask for, too.
fn resolved() -> BTreeMap<String, Needs> {
    let host = output("rustc", &["-vV"]);
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("the host's target");
    let metadata = ["metadata", "--locked", "--format-version=1"];
    let arguments = [&metadata[..], &["--filter-platform", host]].concat();
    let data: Value = serde_json::from_str(&output(env!("CARGO"), &arguments)).expect("JSON");
    let packages: BTreeMap<String, Value> = list(&data["packages"])
        .into_iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let name = |id: &str| {
        let package = &packages[id];
        let version = text(&package["version"]).replace('+', "%2B");
        format!("pkg:cargo/{}@{version}", text(&package["name"]))
    };
    let needs = |node: &Value| {
        let package = &packages[&text(&node["id"])];
        let mut needs = Needs {
            always: BTreeSet::new(),
            at_most: BTreeSet::new(),
        };
        for needed in list(&node["deps"]) {
            if list(&needed["dep_kinds"])
                .iter()
                .all(|kind| kind["kind"] == "dev")
            {
                continue;
            }
            let id = text(&needed["pkg"]);
            needs.at_most.insert(name(&id));
            let is_this = |row: &Value| {
                row["name"] == packages[&id]["name"]
                    && row["kind"] != "dev"
                    && row["optional"] == false
            };
            if list(&package["dependencies"]).iter().any(is_this) {
                needs.always.insert(name(&id));
            }
        }
        needs
    };
    let nodes = list(&data["resolve"]["nodes"]).into_iter();
    nodes
        .map(|node| (name(&text(&node["id"])), needs(&node)))
        .collect()
}

#[test]
fn the_list_of_a_release_is_what_cargo_resolves() {
    let script = root().join("install/sbom").display().to_string();
    let printed = output(&script, &[]);
    let again = output(&script, &[]);
    assert_eq!(printed, again, "another list the next time");
    let sbom: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(sbom["bomFormat"], "CycloneDX");
    let own = &sbom["metadata"]["component"];
    assert_eq!(own["name"], "xfersh");
    assert_eq!(own["version"], env!("CARGO_PKG_VERSION"));
    let mut named = BTreeSet::from([text(&own["bom-ref"])]);
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    for part in list(&sbom["components"]) {
        let name = text(&part["bom-ref"]);
        assert!(named.insert(name.clone()), "{name} twice");
        let hash = text(&part["hashes"][0]["content"]);
        let row = format!(
            "name = {}\nversion = {}\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{hash}\"",
            part["name"], part["version"]
        );
        assert!(hash.len() == 64 && lock.contains(&row), "{name}: {hash}");
        let licence = part["licenses"][0]["expression"].as_str();
        assert!(licence.is_some_and(|text| !text.is_empty()), "{name}");
    }
    let resolved = resolved();
    let mut rows = BTreeSet::new();
    for row in list(&sbom["dependencies"]) {
        let name = text(&row["ref"]);
        let needed: BTreeSet<String> = list(&row["dependsOn"]).iter().map(text).collect();
        let needs = &resolved[&name];
        assert!(needs.always.is_subset(&needed), "{name}: {needed:?}");
        assert!(needed.is_subset(&needs.at_most), "{name}: {needed:?}");
        assert!(needed.is_subset(&named), "{name}: {needed:?}");
        rows.insert(name);
    }
    assert_eq!(rows, named);
    assert!(named.len() > 10, "{named:?}");
}
