//! The table of the decision: `table.txt` says what follows from a policy, the
//! facts and a command, the whole plan or the refusal with its stage. Each part
//! of a plan has a line there, so whatever decides differently changes a line.

mod asked;
mod disk;
mod text;

use asked::Asked;

use super::plan::{Argument, Plan};
use super::verdict::Verdict;

const TABLE: &str = include_str!("table.txt");

/// The verdict as a text.
fn verdict(asked: &Asked<'_>) -> String {
    match asked.verdict() {
        Verdict::Granted(plan) => text::plan(&plan),
        Verdict::Refused(refusal) => text::refusal(&refusal),
    }
}

#[test]
fn the_table() {
    let mut wrong = String::new();
    let mut verdicts = [0, 0];
    for case in TABLE.split("\n== ").skip(1) {
        let (question, expected) = case.split_at(case.find("\n$").unwrap());
        let (command, expected) = expected[1..].split_once('\n').unwrap();
        let asked = Asked::read(question, command);
        let seen = verdict(&asked);
        verdicts[usize::from(matches!(asked.verdict(), Verdict::Granted(_)))] += 1;
        if seen.trim_end() != expected.trim_end() {
            wrong += &format!("== {question}\n{command}\n{seen}\n");
        }
    }
    assert!(wrong.is_empty(), "these are decided otherwise:\n{wrong}");
    assert_eq!(verdicts, [REFUSALS, PLANS], "refusals and plans");
}

/// What every server of a kind gets to start.
#[test]
fn the_rows_for_the_start() {
    let sftp = [
        "/lib64/ld-linux-x86-64.so.2 Execute ReadFile follow",
        "/lib/ld-musl-x86_64.so.1 Execute ReadFile follow",
        "/etc/ld-musl-x86_64.path ReadFile follow last",
        "/usr/lib ReadFile follow",
        "/usr/lib64 ReadFile follow",
        "/lib ReadFile itself",
        "/lib64 ReadFile itself",
        "/etc/ld.so.cache ReadFile follow",
        "/etc/passwd ReadFile follow",
        "/etc/group ReadFile follow",
        "/etc/nsswitch.conf ReadFile follow",
        "/etc/localtime ReadFile follow",
        "/dev/null WriteFile ReadFile follow",
    ];
    let rsync = [
        "/etc/ssl/openssl.cnf ReadFile follow",
        "/dev/urandom ReadFile follow",
    ];
    let name_service = [
        "/var/lib/extrausers/passwd ReadFile follow",
        "/var/lib/extrausers/group ReadFile follow",
        "/var/lib/misc/passwd.db ReadFile follow",
        "/var/lib/misc/group.db ReadFile follow",
        "/var/db/passwd.db ReadFile follow",
        "/var/db/group.db ReadFile follow",
        "/var/lib/sss/mc/passwd ReadFile follow",
        "/var/lib/sss/mc/group ReadFile follow",
        "/etc/machine-id ReadFile follow",
        "/etc/userdb ReadFile follow",
        "/run/userdb ReadFile follow",
        "/run/host/userdb ReadFile follow",
        "/usr/local/lib/userdb ReadFile follow",
        "/usr/lib/userdb ReadFile follow",
        "/run/systemd/userdb ReadDir follow",
    ];
    let of_rsync = [&sftp[..], &rsync].concat();
    let of_name_service = [&sftp[..], &name_service].concat();
    for (question, command, expected) in [
        ("", "$ sftp-server", &sftp[..]),
        ("", "$ scp -t in", &sftp),
        ("", "$ scp -f in", &sftp),
        (
            "\npolicy: protocols = [\"rsync\"]",
            "$ rsync --server -r . in",
            &of_rsync,
        ),
        (
            "\npolicy: protocols = [\"rsync\"]",
            "$ rsync --server --sender -r . in",
            &of_rsync,
        ),
        ("\nname service", "$ sftp-server", &of_name_service),
    ] {
        let plan = granted(question, command);
        let rows = plan.grants.iter().filter(|row| text::is_for_the_start(row));
        let rows: Vec<_> = rows.map(text::grant).collect();
        // The interpreter is that of the machine.
        let of_x86 = |row: &&&str| cfg!(target_arch = "x86_64") || !row.contains("/ld-");
        let expected: Vec<_> = expected.iter().filter(of_x86).copied().collect();
        let rows: Vec<_> = rows
            .iter()
            .map(String::as_str)
            .filter(|row| of_x86(&row))
            .collect();
        assert_eq!(rows, expected, "{question} {command}");
    }
}

/// Without a guard, nobody else tells an sftp-server that it is to change
/// nothing; other servers have no such option.
#[test]
fn what_changes_without_a_guard() {
    let read_only = "\npolicy: access = \"read-only\"";
    for (question, command, added) in [
        ("", "$ sftp-server", ""),
        ("", "$ sftp-server -R", ""),
        (read_only, "$ sftp-server", "-R"),
        (read_only, "$ sftp-server -l INFO", "-R"),
        (read_only, "$ sftp-server -R", ""),
        ("", "$ scp -f in", ""),
    ] {
        let plan = granted(question, command);
        let mut expected = plan.clone();
        if !added.is_empty() {
            expected.argv.push(Argument::Literal(added.into()));
        }
        assert_eq!(plan.without_guard(), expected, "{question} {command}");
    }
}

/// The live probe is as confined as the server: only the program differs.
#[test]
fn what_changes_with_another_program() {
    let plan = granted("", "$ sftp-server -l INFO");
    let other = plan
        .clone()
        .with_program("/opt/probe".into(), vec!["probe".into()]);
    let seen = text::plan(&other);
    let expected = text::plan(&plan)
        .replace("/usr/lib/openssh/sftp-server", "/opt/probe")
        .replace("sftp-server|-l|INFO", "probe");
    assert_eq!(seen, expected);
    assert_eq!(other.rules, plan.rules);
}

fn granted(question: &str, command: &str) -> Plan {
    match Asked::read(question, command).verdict() {
        Verdict::Granted(plan) => *plan,
        Verdict::Refused(refusal) => panic!("{question} {command}: {refusal}"),
    }
}

/// How many of each the table has: one that is not read would not be missed.
const PLANS: usize = 36;
const REFUSALS: usize = 47;
