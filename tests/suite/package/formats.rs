//! The recipes for packages other than Debian's: of this version, with the same files. `tests/platforms/packages` builds
//! and installs them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::declared;
use crate::harness::skipped;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const SPEC: &str = include_str!("../../../install/rpm/xfersh.spec");
const ARCH: &str = include_str!("../../../install/arch/PKGBUILD");
const ALPINE: &str = include_str!("../../../install/alpine/APKBUILD");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_recipe_is_of_this_version_and_licence() {
    let archive = format!("xfersh-{VERSION}.tar.gz");
    for (recipe, text, version, licence) in [
        ("spec", SPEC, "Version:        ", "License:        "),
        ("PKGBUILD", ARCH, "pkgver=", "license=('"),
        ("APKBUILD", ALPINE, "pkgver=", "license=\""),
    ] {
        let has = |line: String| text.lines().any(|one| one.starts_with(&line));
        let whole = format!("{version}{VERSION}");
        assert!(text.lines().any(|line| line == whole), "{recipe}: {whole}");
        assert!(has(format!("{licence}MIT OR Apache-2.0")), "{recipe}");
        assert!(text.contains(&archive), "{recipe} does not say {archive}");
    }
    assert_eq!(env!("CARGO_PKG_LICENSE"), "MIT OR Apache-2.0");
}

/// A path as the Debian package has it: distributions have other directories for zsh's completions and for programs of
/// root, and compress the manual or do not.
fn as_debian(path: &str) -> String {
    path.replace("/zsh/site-functions/", "/zsh/vendor-completions/")
        .replace("usr/bin/xfersh-", "usr/sbin/xfersh-")
        .trim_end_matches(".gz")
        .to_owned()
}

/// What is expected of another package: the licences are in files of their own.
fn expected() -> BTreeSet<String> {
    let mut paths: BTreeSet<String> = declared().into_iter().map(|(path, _)| path).collect();
    assert!(paths.remove("usr/share/doc/xfersh/copyright"));
    paths
}

/// The files below a directory.
fn files_below(top: &Path) -> BTreeSet<String> {
    let mut waiting = vec![top.to_owned()];
    let mut found = BTreeSet::new();
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).expect("listing").flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let below = path.strip_prefix(top).expect("below it");
                found.insert(below.display().to_string());
            }
        }
    }
    found
}

/// Runs a step of a recipe with this shell, as makepkg and abuild do it, and returns what it put into the package.
fn packaged(shell: &str, recipe: &str) -> BTreeSet<String> {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("package-{shell}"));
    let _ = fs::remove_dir_all(&scratch);
    let (source, target) = (scratch.join("src"), scratch.join("pkg"));
    fs::create_dir_all(&source).expect("a directory");
    fs::create_dir_all(&target).expect("a directory");
    std::os::unix::fs::symlink(root(), source.join(format!("xfersh-{VERSION}"))).expect("a link");
    let script = format!(
        ". '{}/install/{recipe}'; cd \"$srcdir/xfersh-{VERSION}\"; package",
        root().display()
    );
    let output = Command::new(shell)
        .args(["-euc", &script])
        .env("srcdir", &source)
        .env("pkgdir", &target)
        .env("XFERSH_BINARY", env!("CARGO_BIN_EXE_xfersh"))
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{recipe}: {output:?}");
    let mut files = files_below(&target);
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let path = format!("usr/share/licenses/xfersh/{licence}");
        assert!(files.remove(&path), "{recipe} leaves out {path}");
    }
    fs::remove_dir_all(&scratch).expect("removing");
    files
}

#[test]
fn arch_and_alpine_package_the_files_of_the_debian_package() {
    let arch = packaged("bash", "arch/PKGBUILD");
    // There /usr/sbin is a link, which a package must not replace.
    assert!(
        !arch.iter().any(|path| path.starts_with("usr/sbin")),
        "{arch:#?}"
    );
    let alpine = packaged("sh", "alpine/APKBUILD");
    for files in [arch, alpine] {
        let files: BTreeSet<String> = files.iter().map(|path| as_debian(path)).collect();
        assert_eq!(files, expected());
    }
}

#[test]
fn the_spec_lists_the_files_of_the_debian_package() {
    let start = SPEC.find("\n%files\n").expect("%files");
    let end = start + SPEC[start..].find("\n%changelog").expect("%changelog");
    let listed = SPEC[start..end].lines().skip(2);
    let patterns: Vec<String> = listed
        .filter(|line| !line.starts_with("%license ") && !line.starts_with("%dir "))
        .map(|line| {
            let expanded = line
                .trim_start_matches("%doc ")
                .replace("%{_prefix}", "usr")
                .replace("%{_bindir}", "usr/bin")
                .replace("%{_sbindir}", "usr/sbin")
                .replace("%{_datadir}", "usr/share")
                .replace("%{_mandir}", "usr/share/man");
            assert!(!expanded.contains('%'), "{line}");
            as_debian(&expanded)
        })
        .collect();
    assert!(patterns.len() >= 10, "{patterns:#?}");
    // One star at most, or a directory with all that is in it.
    let covers = |pattern: &str, path: &str| match pattern.split_once('*') {
        Some((head, tail)) => {
            let rest = path.strip_prefix(head);
            rest.is_some_and(|rest| rest.ends_with(tail.trim_end_matches('*')))
        }
        None => path == pattern || path.starts_with(&format!("{pattern}/")),
    };
    let expected = expected();
    for path in &expected {
        assert!(
            patterns.iter().any(|pattern| covers(pattern, path)),
            "the spec leaves out {path}"
        );
    }
    for pattern in &patterns {
        assert!(
            expected.iter().any(|path| covers(pattern, path)),
            "the spec lists {pattern}, which is not installed"
        );
    }
}

#[test]
fn the_scripts_of_the_packages_can_be_parsed() {
    let mut count = 0;
    for directory in ["arch", "alpine"] {
        for entry in fs::read_dir(root().join("install").join(directory)).expect("listing") {
            let path = entry.expect("an entry").path();
            let shell = if directory == "arch" { "bash" } else { "sh" };
            let output = Command::new(shell)
                .arg("-n")
                .arg(&path)
                .output()
                .expect("a shell");
            assert!(output.status.success(), "{path:?}: {output:?}");
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
    // What is called by name is there: abuild looks for these files, makepkg for this one.
    let named = ALPINE
        .lines()
        .find_map(|line| line.strip_prefix("install=\""));
    let named = named.expect("the scripts").trim_end_matches('"');
    for script in named.replace("$pkgname", "xfersh").split_whitespace() {
        assert!(root().join("install/alpine").join(script).exists());
    }
    assert!(ARCH.contains("\ninstall=xfersh.install\n"));
}

/// A line of the module for sshd that is not in the drop-in, or the reverse, would be a hole on one kind of system only.
#[test]
fn the_nixos_module_has_the_lines_of_the_drop_in() {
    let module = include_str!("../../../install/nixos/module.nix");
    let drop_in = include_str!("../../../install/sshd/10-xfersh.conf");
    let start = module.find("Match Group ${group}").expect("the block");
    let end = start + module[start..].find("''").expect("its end");
    let lines = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().map(str::trim);
        // NixOS has the keys in a directory of its own.
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter(|line| !line.starts_with("AuthorizedKeysFile "))
            .map(|line| line.replace("${group}", "xfersh"))
            .collect()
    };
    assert_eq!(lines(&module[start..end]), lines(drop_in));
    assert!(module[start..end].contains("AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u\n"));
}

#[test]
fn the_nixos_files_can_be_parsed() {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nix");
    for file in ["module.nix", "package.nix"] {
        let mut command = Command::new("nix-instantiate");
        command
            .arg("--parse")
            .arg(root().join("install/nixos").join(file));
        // It creates its store even for that.
        for (name, below) in [
            ("NIX_STORE_DIR", "store"),
            ("NIX_STATE_DIR", "var"),
            ("NIX_LOG_DIR", "log"),
        ] {
            command.env(name, scratch.join(below));
        }
        match command.output() {
            Ok(output) => assert!(output.status.success(), "{file}: {output:?}"),
            Err(error) => skipped(file, &format!("nix-instantiate: {error}")),
        }
    }
}
