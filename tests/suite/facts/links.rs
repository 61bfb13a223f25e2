//! Symbolic links on the way to a directory of the policy.

use super::{refused, served};
use crate::harness::Host;

/// Who owns the directory that contains the link, its mode, who owns the link, and whether it is followed. `alice`
/// stands for the account, and for its team.
const LINKS: &[(&str, &str, &str, bool)] = &[
    ("root:root", "755", "root", true),
    ("root:alice-team", "755", "root", true),
    ("root:root", "1777", "root", true),
    ("root:alice-team", "3775", "root", true),
    // Created by the account where a directory of the policy was missing.
    ("root:alice-team", "2775", "alice", false),
    ("root:root", "1777", "alice", false),
    ("root:root", "755", "daemon", false),
    // Owned by root, but it can be replaced.
    ("root:alice-team", "2775", "root", false),
    ("root:root", "777", "root", false),
    ("alice:alice", "755", "root", false),
    ("daemon:root", "755", "root", false),
    ("daemon:root", "1777", "root", false),
];

#[test]
fn links_that_others_than_root_can_make_or_replace_are_not_followed() {
    let host = Host::new();
    host.policy("[[directory]]\npath = \"/srv/team/archive/in\"\naccess = \"read-only\"\n");
    for (directory, mode, link, followed) in LINKS {
        host.shell_line(&format!(
            "rm -rf /srv/team /srv/target; mkdir -p /srv/team /srv/target/in; \
             ln -s /srv/target /srv/team/archive; chown -h {link} /srv/team/archive; \
             chown {directory} /srv/team; chmod {mode} /srv/team"
        ));
        let what = format!("{directory} {mode} {link}");
        if *followed {
            served(&host, host.alice(), &what);
        } else {
            let said = ["/srv/team/archive/in leads through /srv/team/archive, a link that"];
            refused(&host, host.alice(), "account", &said);
        }
    }
}

/// A link that is created where a directory of the policy does not exist yet gives the next session nothing.
#[test]
fn a_link_in_place_of_an_absent_directory() {
    let host = Host::with_sshd();
    host.policy(
        "symlinks = \"any\"\nwritable = [\"/home/team\"]\nreadable = [\"/home/team\"]\n\
         [[directory]]\npath = \"/home/team/archive\"\naccess = \"read-only\"\n",
    );
    host.shell_line("install -d -o root -g alice-team -m 2775 /home/team");
    served(&host, host.alice(), "without the directory");
    // What the account could at least do outside xfersh.
    let link = ["alice", "-c", "ln -s /etc /home/team/archive"];
    host.root("su", &[&["-s", "/bin/sh"][..], &link].concat())
        .succeeded("making the link");
    let read = "get /home/team/archive/ssh/sshd_config got\n";
    host.sftp(host.plain(), read).succeeded(read);
    host.sftp(host.alice(), read).failed(read);
    let said = ["/home/team/archive leads through /home/team/archive, a link that"];
    refused(&host, host.alice(), "account", &said);
}
