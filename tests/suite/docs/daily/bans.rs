//! fail2ban with the filter and the jail of `install/`: who is banned, who is not, and that no client can choose.

use super::daemons::Daemon;
use super::{CLIENT, OWN_FILE, Site};
use crate::harness::sshd::{CLIENT_CONFIG, CLIENT_KEY};
use crate::harness::until;
use crate::harness::{Account, Shell};

/// Bans are written to a file, and that is all that happens.
const HARMLESS: &str = r"
cat >/etc/fail2ban/action.d/to-a-file.conf <<'END'
[Definition]
actionban = echo ban <ip> >>/run/bans
actionunban = echo unban <ip> >>/run/bans
END
printf '[DEFAULT]\nbanaction = to-a-file\nbanaction_allports = to-a-file\n' >/etc/fail2ban/jail.d/0-test.conf
: >/run/bans
";

/// Who writes hostile names and commands, and whom they want to have banned.
const HOSTILE: &str = "127.0.0.50";
const VICTIM: &str = "192.0.2.9";

/// What an expression that looks for an address anywhere would believe.
const FORGED: &str = "client=192.0.2.9 verdict=refused stage=form reason=";

/// A name of an account that says the same.
const NAME: &str = "eve uid=0 client=192.0.2.9 verdict=refused stage=form reason=";

fn whole_line(time: &str) -> String {
    format!(
        "{time}host xfersh[1]: session=0123456789abcdef seq=1 account=x uid=1 {FORGED}\"x\" command=\"x\""
    )
}

/// Commands that are refused, four of them; names that are used and names that are refused; an account; and what sshd
/// says of a login name.
fn hostile_lines(site: &mut Site) {
    let time = site.host.shell_line("date -Is").trim().to_owned() + " ";
    let commands = [
        format!(" {FORGED}\"x\""),
        format!("id\n{}", whole_line(&time)),
        whole_line("Nov 28 00:00:00 "),
        format!("scp -t '/srv/{FORGED}\"x\" x'"),
    ];
    for command in &commands {
        let refused = site.ssh(HOSTILE, &site.alice, command);
        assert_eq!(refused.code(), 126, "{command}: {refused}");
    }
    let mut sftp = site.host.raw_sftp(&site.alice);
    for name in [
        FORGED.to_owned(),
        format!("x\n{}", whole_line(&time).replace('/', "_")),
    ] {
        assert!(sftp.put(&format!("uploads/{name}"), b"x").ok(), "{name}");
        assert!(!sftp.put(&format!(".{name}"), b"x").ok(), "{name}");
        assert!(!sftp.put(&format!("uploads/.{name}"), b"x").ok(), "{name}");
    }
    sftp.end();
    let login = whole_line("");
    for (tag, text) in [
        (
            "sshd",
            format!("Invalid user {FORGED}\"x\" from {HOSTILE} port 1"),
        ),
        (
            "sshd",
            format!("Invalid user {login} from {HOSTILE} port 1"),
        ),
        ("sudo", login),
    ] {
        let arguments = ["-p", "authpriv.info", "-t", tag, "--id=2", &text];
        site.host.root("logger", &arguments).succeeded("logger");
    }
}

/// Five times, since that would be enough.
fn hostile_account(site: &Site) {
    let eve = Account {
        name: NAME.to_owned(),
        id: 64990,
        shell: Shell::Xfersh,
    };
    site.host.inside(|| {
        eve.register();
        eve.furnish();
        let keys = eve.at(".ssh/authorized_keys");
        std::fs::copy(format!("{CLIENT_KEY}.pub"), keys).expect("eve's key");
    });
    refuse_as(site, &eve, "127.0.0.51", 5);
}

/// So many refused commands, each a session, over one connection.
fn refuse_as(site: &Site, account: &Account, from: &str, times: u32) {
    let script = format!(
        "ssh='ssh -F {CLIENT_CONFIG} -S /run/connection'\n\
         $ssh -o BindAddress={from} -fNM \"$1@host\" >/dev/null 2>&1\n\
         for i in $(seq {times}); do $ssh \"$1@host\" id; [ $? = 126 ] || exit 1; done\n\
         $ssh -O exit \"$1@host\"\n"
    );
    let arguments = ["-c", &script, "sh", &account.name];
    site.host.root("sh", &arguments).succeeded("the connection");
}

fn refuse(site: &Site, from: &str, times: u32) {
    refuse_as(site, &site.alice, from, times);
}

/// The addresses that a filter finds, each as often as it counts.
fn found_by(site: &Site, log: &str, filter: &str) -> Vec<String> {
    let arguments = ["--out=ip", log, filter];
    let output = site.host.root("fail2ban-regex", &arguments);
    let output = output.succeeded("fail2ban-regex").out();
    let mut found: Vec<String> = output.lines().map(str::to_owned).collect();
    found.sort();
    found
}

fn bans(site: &Site) -> String {
    site.text("/run/bans")
}

/// Waits until the jail has counted so many; nothing that came before is then still to be read.
fn counted(site: &Site, count: u32) {
    let line = format!("Total failed:\t{count}\n");
    until(&line, || {
        let status = site.host.root("fail2ban-client", &["status", "xfersh"]);
        status.out().contains(&line)
    });
}

pub fn clients_are_banned(site: &mut Site) {
    site.host.shell_line(HARMLESS);
    // What the earlier steps refused is not to be counted.
    site.host
        .shell_line(&format!(": >{OWN_FILE}; : >/var/log/auth.log"));
    hostile_lines(site);
    site.settle(OWN_FILE);
    site.settle("/var/log/auth.log");
    whom_the_filter_finds(site);
    let _server = Daemon::start(
        &site.host,
        "fail2ban-server",
        &["-xf", "--logtarget=/run/fail2ban.log", "start"],
    );
    let answers = |site: &Site| {
        site.host
            .root("fail2ban-client", &["ping"])
            .status
            .success()
    };
    until("fail2ban answers", || answers(site));
    let said = site.run("run: ban").succeeded("the block");
    assert!(said.out().contains("Status for the jail: xfersh"), "{said}");
    by_the_file(site);
    by_the_journal(site);
}

/// The filter, tried on what is in the logs; and that the lines would deceive a simpler one.
fn whom_the_filter_finds(site: &Site) {
    let filter = "/usr/share/doc/xfersh/examples/fail2ban/filter.d/xfersh.conf";
    let auth = site.text("/var/log/auth.log");
    assert!(auth.contains(FORGED), "{auth}");
    let both = "/run/both.log";
    site.host
        .shell_line(&format!("cat {OWN_FILE} /var/log/auth.log >{both}"));
    let is_victim = |found: &String| found == VICTIM;
    let naive = found_by(site, both, "client=<ADDR> verdict=refused");
    assert!(naive.iter().any(is_victim), "{naive:?}");
    assert_eq!(found_by(site, both, filter), [HOSTILE; 4]);
    // The session with the refused names.
    let mode = format!("{filter}[mode=aggressive]");
    let expected = ["127.0.0.1", HOSTILE, HOSTILE, HOSTILE, HOSTILE];
    assert_eq!(found_by(site, both, &mode), expected);
    // The journal also has what the earlier steps refused.
    let journal = found_by(site, "systemd-journal", filter);
    assert!(!journal.iter().any(is_victim), "{journal:?}");
    let count = journal.iter().filter(|found| *found == HOSTILE).count();
    assert_eq!(count, 4, "{journal:?}");
}

/// After the fifth refused command and not before; not for a mistake in the policy.
fn by_the_file(site: &mut Site) {
    site.host.policy("unknown = 1\n");
    refuse(site, "127.0.0.60", 6);
    site.host.no_policy();
    refuse(site, "127.0.0.66", 4);
    counted(site, 8);
    assert_eq!(bans(site), "");
    refuse(site, "127.0.0.66", 1);
    until("a ban", || !bans(site).is_empty());
    hostile_account(site);
    until("another ban", || bans(site).lines().count() == 2);
    refuse(site, CLIENT, 5);
    until("the client's ban", || bans(site).lines().count() == 3);
    let expected = format!("ban 127.0.0.66\nban 127.0.0.51\nban {CLIENT}\n");
    assert_eq!(bans(site), expected);
    let looked = site.run("run: ban-look").succeeded("the block").out();
    assert!(
        looked.contains(" client=127.0.0.66 verdict=refused "),
        "{looked}"
    );
    site.run("run: unban").succeeded("the block");
    assert_eq!(bans(site), format!("{expected}unban {CLIENT}\n"));
}

/// The same from the journal, which still has the hostile lines.
fn by_the_journal(site: &mut Site) {
    site.run("run: ban-journal").succeeded("the block");
    site.host
        .root("fail2ban-client", &["reload"])
        .succeeded("reload");
    let status = site.host.root("fail2ban-client", &["status", "xfersh"]);
    assert!(
        status
            .out()
            .contains("Journal matches:\tSYSLOG_IDENTIFIER=xfersh"),
        "{status}"
    );
    refuse(site, "127.0.0.67", 5);
    until("a ban", || bans(site).contains("\nban 127.0.0.67\n"));
    assert!(
        !bans(site).contains(VICTIM) && !bans(site).contains(HOSTILE),
        "{}",
        bans(site)
    );
}
