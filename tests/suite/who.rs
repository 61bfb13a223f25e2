//! `--who` and `--end`: the sessions that are open, and ending them.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::sftp::{CREATE, READ, WRITE};
use crate::harness::sshd::CLIENT_CONFIG;
use crate::harness::{Account, Host, Output, Sftp, Shell, SshdConfig, XFERSH};

const LATE: Duration = Duration::from_secs(20);

fn host() -> Host {
    let accounts = [
        ("plain", Shell::Plain),
        ("alice", Shell::Xfersh),
        ("bob", Shell::Xfersh),
    ];
    let mut host = Host::with_accounts(&accounts);
    host.start_sshd(&SshdConfig::default());
    host.policy("protocols = [\"sftp\", \"scp\", \"rsync\"]\n");
    host
}

/// The lines of `--who`, without the header.
fn who(host: &Host) -> Vec<Vec<String>> {
    let output = host.root(XFERSH, &["--who"]).succeeded("--who").out();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    output.lines().skip(1).map(words).collect()
}

/// Waits until `--who` shows what is looked for.
#[track_caller]
fn until(host: &Host, what: &str, is_so: impl Fn(&[Vec<String>]) -> bool) -> Vec<Vec<String>> {
    let deadline = Instant::now() + LATE;
    loop {
        let lines = who(host);
        if is_so(&lines) {
            return lines;
        }
        assert!(Instant::now() < deadline, "{what}: {lines:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn slow_rsync(host: &Host, account: &Account) -> Child {
    host.shell_line("head -c 20000000 /dev/urandom >/tmp/local/large");
    let mut command = Command::new("rsync");
    command
        .args(["-e", &format!("ssh -F {CLIENT_CONFIG}"), "--bwlimit=1000"])
        .args([
            "/tmp/local/large",
            &format!("{}@host:uploads/large", account.name),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    host.namespace().spawn(&mut command).expect("rsync")
}

/// The closing line that has come since the last look.
fn closing(host: &Host, session: &str) -> String {
    let deadline = Instant::now() + LATE;
    let mut lines = Vec::new();
    loop {
        lines.extend(host.log().into_iter().map(|line| line.text));
        let mine = |line: &&String| line.contains(session) && line.contains(" end server=");
        if let Some(line) = lines.iter().find(mine) {
            return line.clone();
        }
        assert!(
            Instant::now() < deadline,
            "{session} has no closing line: {lines:#?}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end(host: &Host, arguments: &[&str]) -> Output {
    host.root(XFERSH, &[&["--end"], arguments].concat())
}

fn upload(sftp: &mut Sftp, name: &str) -> Vec<u8> {
    let handle = sftp
        .handle(|sftp| sftp.open(name, WRITE | CREATE))
        .expect("opening");
    assert!(sftp.write(&handle, 0, b"0123456789").ok());
    handle
}

#[test]
fn what_the_sessions_do_is_listed() {
    let host = host();
    let nobody = host.root(XFERSH, &["--who"]).succeeded("--who").out();
    assert_eq!(nobody, "No session is open.\n");
    let empty = host
        .root(XFERSH, &["--who", "--json"])
        .succeeded("json")
        .out();
    assert_eq!(empty, "{\"error\":null,\"sessions\":[]}\n");

    let mut sftp = host.raw_sftp(host.alice());
    assert!(sftp.put("uploads/first", b"12345").ok());
    let _handle = upload(&mut sftp, "uploads/second part");
    let mut rsync = slow_rsync(&host, host.account("bob"));
    let lines = until(&host, "an rsync that writes", |lines| {
        lines.len() == 2 && lines[1].iter().any(|word| word == "writes")
    });
    let [
        session,
        account,
        client,
        since,
        server,
        pid,
        files,
        bytes,
        open @ ..,
    ] = &lines[0][..]
    else {
        panic!("{lines:#?}");
    };
    let words = [account, client, server, files, bytes].map(String::as_str);
    assert_eq!(words, ["alice", "127.0.0.1", "sftp", "1", "15"]);
    assert_eq!(
        open.join(" "),
        "writes /home/alice/uploads/second part (10 of 10)"
    );
    let local = host.shell_line(&format!("date -d {since} +%s"));
    let now = host.shell_line("date +%s");
    let age = now.trim().parse::<u64>().unwrap() - local.trim().parse::<u64>().unwrap();
    assert!(age < 100, "{since} is not now");
    let log = host.log();
    let ours = log.iter().find(|line| line.text.contains(session));
    assert!(
        ours.is_some_and(|line| line.text.contains("account=alice")),
        "{log:#?}"
    );
    // ps(1) says the same, and the server has not become anything else.
    let title = host.shell_line(&format!("ps -o args= -p {pid}"));
    assert_eq!(
        title.trim(),
        format!(
            "xfersh: session={session} account=alice uid={} client=127.0.0.1 server=sftp files=1 bytes=5",
            host.alice().id
        )
    );
    let [_, account, _, _, server, ..] = &lines[1][..] else {
        panic!("{lines:#?}");
    };
    assert_eq!(
        (account.as_str(), server.as_str()),
        ("bob", "rsync-receiver")
    );
    assert!(
        lines[1]
            .iter()
            .any(|word| word.starts_with("/home/bob/uploads/.large."))
    );

    let json = host
        .root(XFERSH, &["--who", "--json"])
        .succeeded("json")
        .out();
    for part in [
        &format!(
            "\"session\":\"{session}\",\"account\":\"alice\",\"uid\":{},",
            host.alice().id
        ),
        &format!(
            "\"client\":\"127.0.0.1\",\"since\":\"{since}\",\"server\":\"sftp\",\"pid\":{pid},"
        ),
        "\"files\":1,\"bytes\":15,\"open\":[{\"path\":\"/home/alice/uploads/second part\",\
         \"writing\":true,\"size\":10,\"position\":10}]}",
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
    rsync.kill().expect("ending rsync");
    rsync.wait().expect("its end");
    until(&host, "one session", |lines| lines.len() == 1);
    assert_eq!(sftp.end(), 0);
    until(&host, "no session", |lines| lines.is_empty());
}

/// A reader is listed too, and whoever uploaded the new version of xfersh meanwhile: the old one's sessions stay in view.
#[test]
fn readers_and_sessions_of_an_older_version_are_listed() {
    let host = host();
    let mut sftp = host.raw_sftp(host.alice());
    let handle = sftp
        .handle(|sftp| sftp.open("note.txt", READ))
        .expect("opening");
    let listed = |lines: &[Vec<String>]| {
        lines.len() == 1
            && lines[0].contains(&"reads".to_owned())
            && lines[0].contains(&"/home/alice/note.txt".to_owned())
    };
    until(&host, "a reader", listed);
    host.shell_line("cp /opt/xfersh /opt/new; mv /opt/new /opt/xfersh");
    until(&host, "an older reader", listed);
    assert!(sftp.close(&handle).ok());
    assert_eq!(end(&host, &["--account", "alice"]).code(), 0);
    until(&host, "no session", |lines| lines.is_empty());
}

#[test]
fn sessions_are_ended_and_the_log_says_by_whom() {
    let host = host();
    // Who has logged in is known where the kernel keeps it.
    let login =
        "echo 1234 >/proc/self/loginuid 2>/dev/null; cat /proc/self/loginuid 2>/dev/null || echo 0";
    let login = host.shell_line(login).trim().to_owned();
    let mut first = host.raw_sftp(host.alice());
    let _handle = upload(&mut first, "uploads/first");
    let mut second = host.raw_sftp(host.alice());
    assert!(second.mkdir("uploads/second").ok());
    let bob = host.raw_sftp(host.account("bob"));
    let lines = until(&host, "three sessions", |lines| lines.len() == 3);
    let of = |name: &str| -> Vec<String> {
        let mine = lines.iter().filter(|line| line[1] == name);
        mine.map(|line| line[0].clone()).collect()
    };
    let (alice, bobs) = (of("alice"), of("bob"));

    let wrong = end(&host, &["0000000000000000"]);
    assert_eq!(wrong.code(), 1);
    assert!(
        wrong
            .err()
            .contains("no session '0000000000000000' is open; see 'xfersh --who'"),
        "{wrong}"
    );
    assert_eq!(end(&host, &["--account", "carol"]).code(), 1);
    assert_eq!(who(&host).len(), 3, "somebody else was ended");

    let ended = end(&host, &[&bobs[0]]).succeeded("--end");
    assert_eq!(
        ended.out(),
        format!("Ended session {} of 'bob'.\n", bobs[0])
    );
    assert!(closing(&host, &bobs[0]).contains(" cause=terminated by_uid=0 seconds="));
    assert_ne!(bob.end(), 0);

    let line =
        format!("echo 1234 >/proc/self/loginuid 2>/dev/null; exec {XFERSH} --end --account alice");
    let ended = host.shell_line(&line);
    assert_eq!(ended.lines().count(), 2, "{ended}");
    let mut lines: Vec<String> = Vec::new();
    let deadline = Instant::now() + LATE;
    while lines
        .iter()
        .filter(|line| line.contains(" end server="))
        .count()
        < 2
    {
        lines.extend(host.log().into_iter().map(|line| line.text));
        assert!(Instant::now() < deadline, "{lines:#?}");
    }
    for session in &alice {
        let by = format!(" end server=killed:SIGKILL cause=terminated by_uid={login} seconds=");
        let is_it = |line: &&String| line.contains(session) && line.contains(&by);
        assert!(lines.iter().any(|line| is_it(&line)), "{by}: {lines:#?}");
    }
    let left = |line: &String| line.contains("created file bytes=10 incomplete cause=terminated");
    assert!(lines.iter().any(left), "{lines:#?}");
    assert_eq!(host.processes_of(host.alice()), [""; 0]);
    assert_ne!(first.end(), 0);
    assert_ne!(second.end(), 0);
}

/// Root of a container may not look into the processes of others (no CAP_SYS_PTRACE): their titles are enough.
#[test]
fn root_without_the_right_to_trace_lists_and_ends_sessions() {
    let host = host();
    let mut sftp = host.raw_sftp(host.alice());
    let _handle = upload(&mut sftp, "uploads/first");
    let lines = until(&host, "a session", |lines| lines.len() == 1);
    let session = lines[0][0].clone();
    let contained = |arguments: &[&str]| {
        let bounds = ["--bounding-set=-sys_ptrace", "--inh-caps=-all", XFERSH];
        host.root("setpriv", &[&bounds[..], arguments].concat())
    };
    let pid = lines[0][5].clone();
    let link = format!("/proc/{pid}/exe");
    host.root("readlink", &[&link]).succeeded("with the right");
    host.root(
        "setpriv",
        &["--bounding-set=-sys_ptrace", "readlink", &link],
    )
    .failed("looking into a guard");
    let seen = contained(&["--who"]).succeeded("--who").out();
    assert!(seen.contains(&session) && seen.contains("alice"), "{seen}");
    contained(&["--end", "--account", "alice"]).succeeded("--end");
    assert!(
        closing(&host, &session).contains(" by_uid=0"),
        "who ended it"
    );
}

/// A client's own SIGTERM is the server's business, and nobody else's.
#[test]
fn an_account_ends_its_own_server_only() {
    let mut host = Host::with_sshd();
    host.start_sshd(&SshdConfig::with(
        "Match User plain\nForceCommand /opt/xfersh --forced\n",
    ));
    host.policy("[[match]]\nuser = \"plain\"\n");
    let mut mine = host.raw_sftp(host.plain());
    assert!(mine.mkdir("uploads/mine").ok());
    let mut others = host.raw_sftp(host.alice());
    assert!(others.mkdir("uploads/others").ok());
    let lines = until(&host, "two sessions", |lines| lines.len() == 2);
    for tool in ["--who", "--end 0123456789abcdef", "--end --account alice"] {
        let line = format!("su plain -s /bin/sh -c '{XFERSH} {tool}'");
        let output = host.root("sh", &["-c", &line]);
        assert_eq!(output.code(), 2, "{tool}: {output}");
        assert!(output.err().contains("only root can "), "{tool}: {output}");
    }
    let pid = |name: &str| {
        let line = lines
            .iter()
            .find(|line| line[1] == name)
            .expect("a session");
        line[5].clone()
    };
    let kill = |signal: &str, name: &str| {
        let line = format!("su plain -s /bin/sh -c 'kill -{signal} {}'", pid(name));
        host.root("sh", &["-c", &line])
    };
    assert_ne!(
        kill("TERM", "alice").code(),
        0,
        "a stranger's session was signalled"
    );
    assert!(others.mkdir("uploads/more").ok());
    let _ = host.log();
    kill("TERM", "plain").succeeded("its own");
    let session = lines.iter().find(|line| line[1] == "plain").expect("it")[0].clone();
    let line = closing(&host, &session);
    assert!(
        line.contains(" end server=killed:SIGTERM seconds="),
        "{line}"
    );
    assert_ne!(mine.end(), 0);
    assert_eq!(others.end(), 0);
}

/// The name is one word in the log and in the title, and `--account` takes it as it is.
#[test]
fn a_name_with_a_blank_is_ended() {
    let host = Host::with_accounts(&[("eve x", Shell::Xfersh), ("eve", Shell::Xfersh)]);
    let blank = host.raw_sftp_direct(host.account("eve x"));
    let mut other = host.raw_sftp_direct(host.account("eve"));
    assert!(blank.greeted && other.greeted);
    until(&host, "two sessions", |lines| lines.len() == 2);
    end(&host, &["--account", "eve x"]).succeeded("--end");
    assert_ne!(blank.end(), 0);
    assert!(other.mkdir("uploads/more").ok());
    assert_eq!(other.end(), 0);
}

/// Nobody is a guard because of what stands in the arguments.
#[test]
fn a_title_is_not_believed() {
    let host = host();
    let title = "xfersh: session=0123456789abcdef account=alice uid=1 client=10.0.0.1 server=sftp files=9 bytes=9";
    let as_plain = |before: &str, what: &str| {
        let line = format!("{before} exec -a '{title}' {what}");
        let mut command = host.plain().runs("bash");
        command
            .args(["-c", &line])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        host.namespace().spawn(&mut command).expect("an impostor")
    };
    host.shell_line("cp /opt/xfersh /tmp/xfersh; mkfifo -m 666 /tmp/fifo");
    let impostors = [
        as_plain("", "sleep 100"),
        // The program itself: writing where there is no room, and in a session of its own.
        as_plain(
            "exec 3<>/tmp/fifo; head -c 65536 /dev/zero >&3;",
            "/opt/xfersh --help >&3",
        ),
        as_plain("", "/opt/xfersh -c /usr/lib/openssh/sftp-server"),
        as_plain("", "/tmp/xfersh -c /usr/lib/openssh/sftp-server"),
    ];
    let deadline = Instant::now() + LATE;
    let running = || host.shell_line("ps -eo args=");
    let are_there = |running: &str| {
        let is_there = |line: &str| running.lines().any(|running| running.trim() == line);
        let guards = "xfersh: session=";
        let guards = running
            .lines()
            .filter(|line| line.starts_with(guards) && line.contains(" account=plain "));
        guards.count() == 2
            && ["100", "--help"]
                .iter()
                .all(|end| is_there(&format!("{title} {end}")))
    };
    while !are_there(&running()) {
        assert!(Instant::now() < deadline, "proves nothing: {}", running());
        std::thread::sleep(Duration::from_millis(50));
    }
    let lines = who(&host);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0][1], "plain");
    assert_ne!(lines[0][0], "0123456789abcdef");
    assert_eq!(end(&host, &["--account", "alice"]).code(), 1);
    for mut impostor in impostors {
        impostor.kill().expect("ending it");
        impostor.wait().expect("its end");
    }
}
