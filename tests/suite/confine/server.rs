//! P5 and P6: what a server could do that a client has taken over. The probe takes its place.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::report;
use crate::harness::{Account, Host, Kind, Output, SshdConfig};

const PROBE: &str = "/opt/probe";

/// A host where the probe is alice's sftp-server, and may be run by plain as a program.
fn host() -> Host {
    let mut host = Host::new();
    host.install_program("probe", Kind::Program);
    host.policy(&format!("sftp_server = \"{PROBE}\"\n"));
    host.start_sshd(&SshdConfig::with("AcceptEnv *\n"));
    host
}

/// Has the probe do one thing as the account, through sshd.
fn probe(host: &Host, account: &Account, words: &str) -> Output {
    let command = if account.name == "plain" {
        PROBE
    } else {
        "/usr/lib/openssh/sftp-server"
    };
    let mut client = host.client("ssh");
    client.arg(format!("{}@host", account.name)).arg(command);
    host.run(&mut client, format!("{words}\n").as_bytes())
}

fn worked(output: &Output) -> bool {
    output.out().lines().last() == Some("ok")
}

#[test]
fn no_program_no_network_no_trace_no_privilege() {
    let host = host();
    host.install("/opt/true", &host.read("/usr/bin/true"));
    // Something to talk to, and a process of each account to send signals to.
    let (_tcp, _udp, _path, _abstract) = host.inside(|| {
        use std::os::linux::net::SocketAddrExt;
        let name =
            std::os::unix::net::SocketAddr::from_abstract_name(b"bus").expect("an abstract name");
        let path = UnixListener::bind("/run/bus").expect("a socket");
        crate::harness::account::set_mode("/run/bus".as_ref(), 0o666);
        (
            TcpListener::bind((Ipv4Addr::LOCALHOST, 4000)).expect("a listener"),
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 4001)).expect("a listener"),
            path,
            UnixListener::bind_addr(&name).expect("an abstract socket"),
        )
    });
    let loader = host.shell_line(
        "echo /lib*/ld-linux-*.so.* /lib/*/ld-linux-*.so.* | tr ' ' '\\n' | grep -v '*' | head -1",
    );
    let rows: &[(&str, String)] = &[
        ("exec a program of the system", "exec /usr/bin/true".into()),
        ("exec a shell", "exec /bin/sh".into()),
        ("exec a program elsewhere", "exec /opt/true".into()),
        ("exec an uploaded program", "exec uploads/true".into()),
        (
            "run it through the ELF interpreter",
            format!("interpret {} uploads/true", loader.trim()),
        ),
        ("exec from a memory file", "memfd uploads/true".into()),
        ("fork", "fork".into()),
        ("connect by TCP", "tcp 4000".into()),
        ("listen by TCP", "tcp-bind 4002".into()),
        ("send by UDP", "udp 4001".into()),
        ("connect to a socket with a path", "unix /run/bus".into()),
        ("connect to an abstract socket", "abstract bus".into()),
        ("signal another process", "kill SLEEPER".into()),
        ("trace another process", "trace SLEEPER".into()),
        ("enter a user namespace", "userns".into()),
        ("write outside", "write /srv/outside/shared.txt".into()),
        ("write in the home", "write new.txt".into()),
        ("write a dotfile", "write .bashrc".into()),
        ("read outside", "read /srv/outside/secret.txt".into()),
        ("chmod a dotfile", "chmod .bashrc".into()),
    ];
    report(
        rows.iter()
            .map(|(name, words)| (*name, one_probe(&host, words))),
    );
}

fn one_probe(host: &Host, words: &str) -> Result<(), String> {
    let as_account = |account: &Account| {
        host.refurnish();
        host.install(account.at("uploads/true"), &host.read("/usr/bin/true"));
        host.inside(|| account.own(&account.at("uploads/true")));
        let sleeper = Sleeper::start(host, account);
        let before = host.disk();
        // Programs read what they are told to read: `exec /bin/sh` must end at once.
        let output = probe(host, account, &words.replace("SLEEPER", &sleeper.number));
        (output, before.diff(&host.disk()))
    };
    let (output, _) = as_account(host.plain());
    if !worked(&output) {
        return Err(format!(
            "proves nothing: fails in an ordinary account: {output}"
        ));
    }
    let (output, diff) = as_account(host.alice());
    if worked(&output) || !diff.is_empty() {
        return Err(format!("is not stopped: {output}\n{diff}"));
    }
    Ok(())
}

/// A process of the account outside of any session.
struct Sleeper<'a> {
    host: &'a Host,
    number: String,
}

impl<'a> Sleeper<'a> {
    fn start(host: &'a Host, account: &Account) -> Self {
        let script = "sleep 600 >/dev/null 2>&1 & echo $!";
        let number = host
            .run(account.runs("sh").args(["-c", script]), b"")
            .succeeded("a sleeping process")
            .out();
        Self {
            host,
            number: number.trim().to_owned(),
        }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.host.root("kill", &[&self.number]);
    }
}

/// The lines of the probe's report that begin with `key`.
fn values<'a>(report: &'a str, key: &str) -> Vec<&'a str> {
    let lines = report.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn the_server_starts_with_nothing() {
    let host = host();
    // Even from a start with capabilities in the inheritable and ambient sets, and descriptors left open. One of the
    // capabilities is the one needed to empty the bounding set.
    let id = host.alice().id.to_string();
    let start = format!(
        "exec 5</dev/null 9</etc/passwd 200</dev/null; \
         exec setpriv --reuid {id} --regid {id} --init-groups --inh-caps=+net_raw,+setpcap --ambient-caps=+net_raw,+setpcap \
         /opt/xfersh -c /usr/lib/openssh/sftp-server"
    );
    let mut command = Command::new("bash");
    command
        .args(["-c", &start])
        .current_dir(host.alice().home());
    command
        .env("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 22")
        .env("MAIL", "/var/mail/x")
        .env("LD_X", "y");
    let output = host.run(&mut command, b"report\n").succeeded("the probe");
    let report = output.out();
    for set in ["effective", "permitted", "inheritable"] {
        assert_eq!(values(&report, set), ["000000000"], "{set}: {report}");
    }
    for (key, value) in [
        ("bounding", "0"),
        ("ambient", "0"),
        ("no_new_privs", "1"),
        ("core", "0"),
    ] {
        assert_eq!(values(&report, key), [value], "{key}: {report}");
    }
    assert_eq!(values(&report, "descriptor"), ["0", "1", "2"], "{report}");
    assert_eq!(
        values(&report, "ids"),
        [format!("{id} {id} {id} {id}")],
        "{report}"
    );
    assert_eq!(values(&report, "cwd"), ["/home/alice"], "{report}");
    let environment = values(&report, "env").join("\n");
    assert!(
        !environment.contains("MAIL") && !environment.contains("LD_X"),
        "{environment}"
    );
    // The baseline: setpriv alone passes all of that on to an ordinary program.
    let mut command = Command::new("bash");
    command.args([
        "-c",
        &start.replace("/opt/xfersh -c /usr/lib/openssh/sftp-server", PROBE),
    ]);
    let output = host
        .run(command.env("LD_X", "y"), b"report\n")
        .succeeded("the probe alone");
    let report = output.out();
    assert_ne!(values(&report, "bounding"), ["0"], "{report}");
    assert_ne!(values(&report, "effective"), ["000000000"], "{report}");
    for left in ["5", "9", "200"] {
        assert!(values(&report, "descriptor").contains(&left), "{report}");
    }
    assert!(values(&report, "env").contains(&"LD_X=y"), "{report}");
}

#[test]
fn the_environment_of_the_server_is_rebuilt() {
    let host = host();
    let sent = [
        "PATH=/tmp",
        "HOME=/tmp",
        "LD_PRELOAD=/nothing",
        "LD_AUDIT=/nothing",
        "BASH_ENV=/tmp/x",
        "IFS=x",
        "SHELL=/bin/sh",
    ];
    let sent: Vec<String> = sent.iter().map(|pair| format!("SetEnv={pair}")).collect();
    let as_account = |account: &Account, command: &str, options: &[String]| {
        let mut client = host.client("ssh");
        for option in options {
            client.args(["-o", option]);
        }
        client.arg(format!("{}@host", account.name)).arg(command);
        let output = host.run(&mut client, b"report\n").succeeded("the probe");
        let report = output.out();
        values(&report, "env")
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    // One SetEnv has all of them, since ssh uses only the first.
    let all = [format!(
        "SetEnv={}",
        sent.iter()
            .map(|pair| &pair["SetEnv=".len()..])
            .collect::<Vec<_>>()
            .join(" ")
    )];
    let plain = as_account(host.plain(), PROBE, &all);
    assert!(
        plain.contains(&"IFS=x".to_owned()) || plain.contains(&"BASH_ENV=/tmp/x".to_owned()),
        "{plain:?}"
    );
    let mut quiet = as_account(host.alice(), "sftp-server", &[]);
    let mut noisy = as_account(host.alice(), "sftp-server", &all);
    let stable = |line: &String| !line.starts_with("SSH_");
    quiet.retain(stable);
    noisy.retain(stable);
    assert_eq!(quiet, noisy);
    for line in &noisy {
        assert!(
            !line.starts_with("LD_") && !line.contains("/tmp"),
            "{noisy:?}"
        );
    }
}
