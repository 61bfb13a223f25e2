//! Loads the real filter in its own process, then makes system calls or becomes
//! a server. Its parent, `tests/suite/filter`, takes the listener and answers.
//!
//! `filter_probe KIND OPTIONS calls NUMBER:ARG,ARG,...  ...`
//! `filter_probe KIND OPTIONS exec PROGRAM ARGUMENT...`
//! `filter_probe KIND OPTIONS again`: loads a second filter.
//! `filter_probe none - taken`: loads two that allow everything.
//!
//! KIND is a name of `ServerKind`, or `none` for no filter. OPTIONS is a string of w (watch reads), n (name service), d
//! (null device only), or -. The number of the listener goes to standard error, results to standard output, one per
//! line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read as _;
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;
use xfersh::decide::plan::ServerKind;
use xfersh::decide::seccomp::server::{SessionValues, program};
use xfersh::system::seccomp::load_irrevocably;

const KINDS: [ServerKind; 5] = [
    ServerKind::Sftp,
    ServerKind::ScpSink,
    ServerKind::ScpSource,
    ServerKind::RsyncReceiver,
    ServerKind::RsyncSender,
];

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, kind, options, mode, rest @ ..] = words.as_slice() else {
        panic!("usage: filter_probe KIND OPTIONS calls|exec ...");
    };
    let listener = KINDS
        .into_iter()
        .find(|known| known.name() == kind)
        .map(|kind| {
            let session = SessionValues {
                own_pid: NonZeroU32::new(std::process::id()).unwrap(),
                watch_reads: options.contains('w'),
                watch_named_reads: options.contains('r'),
                name_service: options.contains('n'),
                log_reads: options.contains('l'),
                writes: options.contains('e'),
            };
            nix::sys::prctl::set_no_new_privs().expect("no_new_privs");
            load_irrevocably(&program(kind, session)).expect("loading the filter")
        });
    if let Some(loaded) = &listener {
        assert!(
            loaded.wait_killable,
            "the kernel of a test host is at least 5.19"
        );
        eprintln!("{}", loaded.listener.as_raw_fd());
        if mode != "exec" {
            // The parent has taken the listener when it closes our input.
            std::io::stdin()
                .read_to_end(&mut vec![])
                .expect("waiting for the parent");
        }
    } else {
        assert_eq!(kind, "none");
    }
    match mode.as_str() {
        "calls" => rest.iter().for_each(|call| try_call(call)),
        "panic" => {
            std::panic::set_hook(Box::new(xfersh::session::report_panic));
            panic!("{}", rest[0]);
        }
        "again" => println!("{:?}", load_irrevocably(&empty_program())),
        "taken" => {
            nix::sys::prctl::set_no_new_privs().expect("no_new_privs");
            let first = load_irrevocably(&empty_program());
            println!("{first:?} {:?}", load_irrevocably(&empty_program()));
        }
        _ => panic!(
            "cannot start the server: {}",
            Command::new(&rest[0]).args(&rest[1..]).exec()
        ),
    }
}

/// Allows everything.
fn empty_program() -> [libc::sock_filter; 1] {
    [libc::sock_filter {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ALLOW,
    }]
}

/// Prints the result as the kernel returns it: a negative errno is a failure.
fn try_call(call: &str) {
    let (number, args) = call.split_once(':').unwrap();
    let mut all = [0u64; 6];
    for (slot, arg) in all.iter_mut().zip(args.split(',')) {
        *slot = match arg {
            "own" => std::process::id().into(),
            _ => arg.parse().unwrap(),
        };
    }
    let [a, b, c, d, e, f] = all;
    let result = if number == "i386" {
        i386_getpid()
    } else {
        let number: i64 = number.parse().unwrap();
        // SAFETY: the test chooses calls that the filter answers, or that touch
        // no memory of this process; no pointer that it passes is valid.
        let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
        if result == -1 {
            -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap())
        } else {
            result
        }
    };
    println!("{result}");
}

/// getpid by the interrupt of 32-bit programs.
#[cfg(target_arch = "x86_64")]
fn i386_getpid() -> i64 {
    let result: u64;
    // SAFETY: getpid touches no memory; the kernel keeps every register but
    // rax, and r8 to r11, which are named.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20u64 => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    result.cast_signed()
}

#[cfg(not(target_arch = "x86_64"))]
fn i386_getpid() -> i64 {
    panic!("x86-64 only")
}
