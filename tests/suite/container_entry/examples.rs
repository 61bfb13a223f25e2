//! What stands beside the entry: the examples for compose and Kubernetes, the Containerfile, and the demo.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{entry, image};
use crate::prepared::sh;

/// The examples name what the image has, and give it no more than the demo shows to be enough.
#[test]
fn the_examples_of_compose_and_kubernetes_hold_together() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("install/container");
    let read = |name: &str| -> Vec<Value> {
        let program = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
        let output = Command::new("python3")
            .args(["-c", program])
            .arg(place.join(name))
            .output()
            .expect("python3 with yaml");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{name}: {error}: {said}"))
    };
    let words = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.map(|word| word.as_str().expect("a word").to_owned())
            .collect()
    };
    let compose = &read("compose.yaml")[0];
    let service = &compose["services"]["sftp"];
    let kubernetes = read("kubernetes.yaml");
    let kinds: Vec<_> = kubernetes
        .iter()
        .map(|part| part["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(
        kinds,
        [
            "ConfigMap",
            "PersistentVolumeClaim",
            "Deployment",
            "Service"
        ]
    );
    let pod = &kubernetes[2]["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(service["read_only"], true);
    let given = words(&security["capabilities"]["add"]);
    assert_eq!(given, words(&service["cap_add"]));
    assert_eq!(words(&security["capabilities"]["drop"]), ["ALL"]);
    let bundle = std::fs::read_to_string(place.join("bundle")).expect("the demo's bundle");
    for capability in &given {
        assert!(
            bundle.contains(capability),
            "the demo does not give {capability}"
        );
    }
    // Every mount has its volume, every volume is mounted, and all places are known to the entry.
    let names = |list: &Value| -> Vec<String> {
        let mut names: Vec<_> = list
            .as_array()
            .into_iter()
            .flatten()
            .map(|row| row["name"].to_string())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&container["volumeMounts"]),
        names(&pod["spec"]["volumes"])
    );
    let mounts = container["volumeMounts"].as_array().expect("mounts");
    let mut places: Vec<&str> = mounts
        .iter()
        .map(|row| row["mountPath"].as_str().expect("a path"))
        .collect();
    places.sort_unstable();
    assert_eq!(
        places,
        ["/etc/ssh/host-keys", "/etc/xfersh", "/home", "/run", "/tmp"]
    );
    let items = &pod["spec"]["volumes"][2]["projected"]["sources"][0]["configMap"]["items"];
    for item in items.as_array().expect("items") {
        let key = item["key"].as_str().expect("a key");
        assert!(
            kubernetes[0]["data"][key].is_string(),
            "the ConfigMap has no {key}"
        );
    }
    assert_eq!(pod["metadata"]["labels"], kubernetes[3]["spec"]["selector"]);
    assert_eq!(
        pod["metadata"]["labels"],
        kubernetes[2]["spec"]["selector"]["matchLabels"]
    );
    // Its policy and its accounts are accepted.
    let host = image();
    let text = |key: &str| {
        kubernetes[0]["data"][key]
            .as_str()
            .expect("text")
            .as_bytes()
            .to_vec()
    };
    host.write("/etc/xfersh/policy.toml", &text("policy.toml"));
    host.write("/etc/xfersh/accounts", &text("accounts"));
    entry(&host, "", &[]).succeeded("what the ConfigMap says");
    let compose_accounts = service["environment"]["XFERSH_ACCOUNTS"]
        .as_str()
        .expect("accounts");
    sh(&host, "rm /etc/xfersh/accounts");
    entry(&host, compose_accounts, &[]).succeeded("what compose says");
    // What is copied into the image exists.
    let file = std::fs::read_to_string(place.join("Containerfile")).expect("the Containerfile");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied: Vec<_> = file
        .split_whitespace()
        .filter(|word| word.starts_with("install/"))
        .collect();
    assert!(copied.len() >= 7, "{copied:?}");
    for name in copied {
        let is_there = source.join(name).exists();
        assert!(is_there, "{name} does not exist");
    }
}

#[test]
#[ignore = "builds a root from Debian's packages: tests/run --all"]
fn the_demo_runs_under_an_oci_runtime() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("install/container/demo");
    let binary = env!("CARGO_BIN_EXE_xfersh");
    let device = || {
        let at = std::fs::metadata("/dev/null").expect("/dev/null");
        (at.mode(), at.uid(), at.gid())
    };
    let before = device();
    let output = Command::new(demo)
        .args(["--userns", "--binary", binary])
        .output()
        .expect("starting the demo");
    let said = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{err}");
    let kept = said
        .lines()
        .filter_map(|line| line.strip_suffix(" probes, 0 not as promised"));
    let counts: Vec<usize> = kept.filter_map(|count| count.parse().ok()).collect();
    assert!(counts.iter().any(|count| *count >= 30), "{counts:?} {said}");
    assert_eq!(device(), before, "runtimes hand over what they are given");
}
