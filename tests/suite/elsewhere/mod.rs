//! Servers whose loader and libraries lie outside of the system's directories: in a store of packages, below /opt, or
//! found by a list of directories in the program. What a session needs of them is found by inspection.

mod hostile;

use crate::harness::{Host, Output, SshdConfig, XFERSH};

/// Shell functions that lay out servers: `store DIRECTORY` makes a store of packages as Nix does, `program PATH` a copy
/// of a server with its loader and libraries in the packages, `libraries DIRECTORY` copies of sftp-server's libraries.
const FUNCTIONS: &str = r#"
set -e
server=/usr/lib/openssh/sftp-server
loader=$(patchelf --print-interpreter "$server")
hash() { echo "0c1rmhxjn5qka3zf7bv2dwp8l9s4gyi6-$1"; }
names() { ldd "$1" | sed -n 's/^.* => \(\/[^ ]*\) .*/\1/p'; }
libraries() {
    mkdir -p "$1"
    for library in $(names "$server"); do cp "$library" "$1/"; done
}
store() {
    mkdir -p "$1"
    chgrp 1234 "$1"
    chmod 1775 "$1"
    mkdir -p "$1/$(hash glibc)/lib"
    cp "$loader" "$1/$(hash glibc)/lib/"
    for from in "$server" /usr/bin/scp /usr/bin/rsync; do
        for library in $(names "$from"); do
            name=$(basename "$library")
            package=$1/$(hash "${name%%.*}")/lib
            case $name in libc.so.*) package=$1/$(hash glibc)/lib ;; esac
            mkdir -p "$package"
            # As packages have them: a name for the loader leads to the file.
            [ -e "$package/$name" ] || { cp "$library" "$package/$name.real" && ln -s "$name.real" "$package/$name"; }
        done
    done
    list=$(for package in "$1"/*/lib; do printf '%s:' "$package"; done)
    list=${list%:}
    for library in "$1"/*/lib/*.real; do
        case $library in */libc.so.*) ;; *) patchelf --set-rpath "$list" "$library" ;; esac
    done
    program "$server" "$1/$(hash openssh)/libexec/sftp-server" "$1/$(hash glibc)/lib/$(basename "$loader")" "$list"
    program /usr/bin/scp "$1/$(hash openssh)/bin/scp" "$1/$(hash glibc)/lib/$(basename "$loader")" "$list"
    program /usr/bin/rsync "$1/$(hash rsync)/bin/rsync" "$1/$(hash glibc)/lib/$(basename "$loader")" "$list"
    # As Nix leaves a package.
    chmod -R a-w "$1"/*
}
program() {
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2"
    patchelf --set-interpreter "$3" --set-rpath "$4" "$2"
}
# tagged TAG NAME PATH: a copy of the server whose dynamic section names that under this tag (hexadecimal).
tagged() {
    mkdir -p "$(dirname "$3")"
    cp "$server" "$3"
    patchelf --set-rpath "$2" "$3"
    readelf -lW "$3" | awk '$1 == "DYNAMIC" { print $2, $5 }' | perl -e '
        my ($at, $size) = map { hex } split " ", <STDIN>;
        open my $file, "+<", $ARGV[1] or die;
        for (my $end = $at + $size; $at < $end; $at += 16) {
            seek $file, $at, 0;
            read $file, my $tag, 8;
            next if unpack("Q<", $tag) != 0x1d;
            seek $file, $at, 0;
            print $file pack("Q<", hex $ARGV[0]);
            exit 0;
        }
        die "no DT_RUNPATH";
    ' "$1" "$3"
}
# auditor PATH: a library that the loader accepts under each of these tags.
auditor() {
    mkdir -p "$(dirname "$1")"
    echo 'unsigned la_version(unsigned version) { return version; }' | cc -shared -fPIC -x c -o "$1" -
}
policy() { printf '%s\n' "$@" >/etc/xfersh.toml; }
"#;

fn lay_out(host: &Host, line: &str) {
    let script = format!("{FUNCTIONS}\n{line}");
    host.root("bash", &["-c", &script]).succeeded(line);
}

/// An ordinary account runs this server: it answers.
#[track_caller]
fn control(host: &Host, server: &str) {
    let output = host.sftp_with(host.plain(), &["-s", server], "ls\n");
    let proof = format!("proves nothing: {server} does not run in an ordinary account");
    assert_eq!(output.code(), 0, "{proof}: {output}");
}

/// `sftp` puts a file and gets it again.
fn round_trip(host: &Host) -> Output {
    host.write("/tmp/local/sent", b"there and back\n");
    host.sftp(
        host.alice(),
        "put sent uploads/sent\nget uploads/sent back\n",
    )
}

fn assert_served(host: &Host) {
    host.inside(|| {
        let _ = std::fs::remove_file("/tmp/local/back");
    });
    round_trip(host).succeeded("sftp");
    assert_eq!(host.read("/tmp/local/back"), b"there and back\n");
    assert_eq!(host.read("/home/alice/uploads/sent"), b"there and back\n");
}

fn check(host: &Host) -> Output {
    host.root(XFERSH, &["--check", "--user", "alice", "-c", "sftp-server"])
}

#[test]
fn a_store_of_packages() {
    let mut host = Host::new();
    lay_out(
        &host,
        "store /opt/store; mkdir /run/current-system; ln -s /opt/store/$(hash openssh) /run/current-system/sw",
    );
    host.start_sshd(&SshdConfig::default());
    let sftp = "/run/current-system/sw/libexec/sftp-server";
    let scp = "/run/current-system/sw/bin/scp";
    let rsync = "/opt/store/0c1rmhxjn5qka3zf7bv2dwp8l9s4gyi6-rsync/bin/rsync";
    control(&host, sftp);
    host.policy(&format!(
        "protocols = [\"sftp\", \"scp\", \"rsync\"]\nsftp_server = \"{sftp}\"\nscp = \"{scp}\"\nrsync = \"{rsync}\"\n"
    ));
    assert_served(&host);
    host.scp_to(host.alice(), &["-O"], &["sent"], "uploads/by-scp")
        .succeeded("scp -O");
    assert_eq!(host.read("/home/alice/uploads/by-scp"), b"there and back\n");
    let shell = format!("ssh -F {}", crate::harness::sshd::CLIENT_CONFIG);
    let mut client = std::process::Command::new("rsync");
    client.args(["-a", "-e", &shell, "sent", "alice@host:uploads/by-rsync"]);
    host.run(client.current_dir("/tmp/local"), b"")
        .succeeded("rsync");
    assert_eq!(
        host.read("/home/alice/uploads/by-rsync"),
        b"there and back\n"
    );
    // Nothing else of the store can be read, and a file of it not for a client.
    let of_others = "/opt/store/0c1rmhxjn5qka3zf7bv2dwp8l9s4gyi6-secret/lib/x";
    lay_out(
        &host,
        &format!("mkdir -p $(dirname {of_others}); echo x >{of_others}"),
    );
    for place in [of_others, "/opt/store"] {
        host.sftp(host.alice(), &format!("get -r {place} x\n"))
            .failed(place);
    }
    host.sftp(host.plain(), &format!("get {of_others} x\n"))
        .succeeded("get in an ordinary account");
    // The doctor and the live probe start the server too.
    let live = host.root(XFERSH, &["--check", "--live", "--user", "alice"]);
    assert!(live.out().contains(" 0 not as promised"), "{live}");
    let doctor = host.root(XFERSH, &["--doctor"]);
    assert!(!doctor.out().contains("server-"), "{doctor}");
}

/// Each row: what is laid out, with `$server` as the policy's server, which runs in an ordinary account.
const SERVED: &[(&str, &str)] = &[
    (
        "RUNPATH to /opt",
        "libraries /opt/x/lib; program $server /opt/x/server $loader /opt/x/lib",
    ),
    (
        "$ORIGIN, and the program reached by a link",
        "libraries /opt/x/lib; program $server /opt/x/bin/real $loader '$ORIGIN/../lib'; ln -s x/bin/real /opt/link; ln -s ../link /opt/x/server",
    ),
    (
        "RPATH, which counts for the libraries of libraries",
        "libraries /opt/x/lib; program $server /opt/x/server $loader /opt/x/lib; patchelf --force-rpath --set-rpath /opt/x/lib /opt/x/server",
    ),
    (
        "a directory of ld.so.conf",
        "mkdir -p /opt/x/lib; cp /lib/*/libz.so.1 /opt/x/lib/libelsewhere.so.1; patchelf --set-soname libelsewhere.so.1 /opt/x/lib/libelsewhere.so.1; echo /opt/x/lib >/etc/ld.so.conf.d/x.conf; ldconfig; cp $server /opt/x/server; patchelf --add-needed libelsewhere.so.1 /opt/x/server",
    ),
    (
        "a library by its whole path",
        "mkdir -p /opt/x/lib; cp /lib/*/libz.so.1 /opt/x/lib/z; cp $server /opt/x/server; patchelf --add-needed /opt/x/lib/z /opt/x/server",
    ),
    (
        "libraries that need each other",
        "mkdir -p /opt/x/lib; for name in a b; do cp /lib/*/libz.so.1 /opt/x/lib/lib$name.so; patchelf --set-soname lib$name.so /opt/x/lib/lib$name.so; patchelf --set-rpath /opt/x/lib /opt/x/lib/lib$name.so; done; patchelf --add-needed libb.so /opt/x/lib/liba.so; patchelf --add-needed liba.so /opt/x/lib/libb.so; cp $server /opt/x/server; patchelf --set-rpath /opt/x/lib /opt/x/server; patchelf --add-needed liba.so /opt/x/server",
    ),
    (
        "a directory that is not there before the one that is",
        "libraries /opt/x/lib; program $server /opt/x/server $loader /opt/no/such:/opt/x/lib",
    ),
];

#[test]
fn wherever_the_libraries_are() {
    let mut host = Host::new();
    host.start_sshd(&SshdConfig::default());
    host.policy("sftp_server = \"/opt/x/server\"\n");
    for (name, line) in SERVED {
        lay_out(&host, &format!("rm -rf /opt/x /opt/link; {line}"));
        control(&host, "/opt/x/server");
        let seen = round_trip(&host);
        assert_eq!(seen.code(), 0, "{name}: {seen}");
    }
}

/// A program and a library linked with musl, which has a loader and a search of its own.
#[test]
fn a_server_of_musl() {
    let host = Host::new();
    let programs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs");
    lay_out(
        &host,
        &format!(
            "mkdir -p /opt/x/lib
             musl-gcc -shared -fPIC -DANSWER -o /opt/x/lib/libanswer.so {programs}/musl_server.c
             musl-gcc -o /opt/x/server {programs}/musl_server.c -L/opt/x/lib -lanswer -Wl,-rpath,/opt/x/lib"
        ),
    );
    let loader = host.shell_line("patchelf --print-interpreter /opt/x/server");
    assert!(loader.starts_with("/lib/ld-musl-"), "{loader}");
    host.policy("sftp_server = \"/opt/x/server\"\n");
    const INIT: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
    const VERSION: &[u8] = &[0, 0, 0, 5, 2, 0, 0, 0, 3];
    let plain = host.direct(host.plain(), b"/opt/x/server", INIT);
    assert_eq!(plain.stdout, VERSION, "proves nothing: {plain}");
    let session = host.direct(host.alice(), b"sftp-server", INIT);
    assert_eq!(session.stdout, VERSION, "{session}");
    // It is the library that was found by inspection: without it the session is refused before it starts.
    lay_out(&host, "mv /opt/x/lib/libanswer.so /opt/x/");
    let session = host.direct(host.alice(), b"sftp-server", INIT);
    assert_eq!(
        (session.code(), session.stdout.len()),
        (126, 0),
        "{session}"
    );
    let checked = check(&host);
    let said = "needs libanswer.so, which is not there";
    assert!(checked.out().contains(said), "{checked}");
}

/// A server of the distribution costs nothing more, and neither does one that only a link leads to.
#[test]
fn nothing_is_inspected_where_the_distribution_has_it() {
    let host = Host::new();
    let opened = |policy: &str| {
        host.policy(policy);
        let script = "exec strace -f -e trace=openat,open -o /tmp/trace runuser -u alice -- /opt/xfersh -c sftp-server </dev/null";
        host.root("sh", &["-c", script]).succeeded("a session");
        let trace = String::from_utf8(host.read("/tmp/trace")).expect("text");
        trace
            .matches("/usr/lib/openssh/sftp-server\", O_RDONLY|O_CLOEXEC)")
            .count()
    };
    assert_eq!(opened(""), 0);
    // What the policy names is read, so that this test would see it.
    assert_eq!(
        opened("sftp_server = \"/usr/lib/openssh/sftp-server\"\n"),
        1
    );
    assert!(check(&host).code() == 0);
}
