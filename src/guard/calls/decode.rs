//! Which call is it? From numbers and registers to a request.

use nix::libc;

/// A path argument: a directory descriptor and an address in the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathArg {
    /// The directory for relative paths, or AT_FDCWD.
    pub at: i32,
    /// Where the string is.
    pub address: u64,
}

/// What a call operates on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The file that a path leads to.
    Path {
        /// The path.
        path: PathArg,
        /// Whether a symbolic link in the last component is followed.
        follow: bool,
        /// Whether an empty path means the descriptor itself.
        empty: bool,
    },
    /// A descriptor.
    Descriptor(i32),
}

/// Where the new times of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimesAt {
    /// Two `struct timespec`.
    Nanoseconds(u64),
    /// Two `struct timeval`.
    Microseconds(u64),
    /// One `struct utimbuf`.
    Seconds(u64),
}

/// A notified call, decoded; addresses are not followed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// execve, execveat.
    Execute,
    /// exit, exit_group.
    Exit,
    /// fork, clone.
    Fork,
    /// kill.
    Signal(i32, i32),
    /// umask.
    Umask(u32),
    /// open, openat, creat.
    Open {
        /// The path.
        path: PathArg,
        /// The flags, `creat`'s included.
        flags: i32,
        /// The mode.
        mode: u32,
    },
    /// mkdir, mkdirat.
    MakeDirectory(PathArg, u32),
    /// mknod, mknodat.
    MakeNode(PathArg, u32),
    /// unlink, rmdir, unlinkat.
    Remove {
        /// The path.
        path: PathArg,
        /// Whether a directory is to be removed.
        directory: bool,
    },
    /// rename, renameat, renameat2.
    Rename {
        /// The old name.
        from: PathArg,
        /// The new name.
        to: PathArg,
        /// RENAME_*.
        flags: u32,
    },
    /// link, linkat.
    Link {
        /// The file.
        from: PathArg,
        /// The new name.
        to: PathArg,
        /// AT_*.
        flags: i32,
    },
    /// symlink, symlinkat.
    Symlink {
        /// Where the target's text is.
        target: u64,
        /// The new name.
        path: PathArg,
    },
    /// truncate.
    Truncate(PathArg, i64),
    /// chmod, fchmod, fchmodat, fchmodat2.
    Mode(On, u32),
    /// chown, lchown, fchown, fchownat.
    Owner(On, u32, u32),
    /// utime, utimes, futimesat, utimensat.
    Times(On, TimesAt),
    /// setxattr, lsetxattr, fsetxattr.
    SetAttribute {
        /// The file.
        on: On,
        /// Where the name is.
        name: u64,
        /// Where the value is.
        value: u64,
        /// Its length.
        size: u64,
        /// XATTR_CREATE, XATTR_REPLACE.
        flags: i32,
    },
    /// removexattr, lremovexattr, fremovexattr.
    RemoveAttribute(On, u64),
    /// socket: domain, type, protocol.
    Socket(i32, i32, i32),
    /// connect: descriptor, address, length.
    Connect(i32, u64, u64),
    /// stat, lstat, newfstatat.
    Stat(On, u64),
    /// statx.
    Statx {
        /// The file.
        on: On,
        /// AT_*.
        flags: i32,
        /// STATX_*.
        mask: u32,
        /// Where the answer goes.
        buffer: u64,
    },
    /// access, faccessat, faccessat2.
    Access(On, i32),
    /// readlink, readlinkat.
    ReadLink(PathArg, u64, u64),
    /// statfs.
    FileSystem(PathArg, u64),
    /// getxattr, lgetxattr.
    GetAttribute {
        /// The file.
        on: On,
        /// Where the name is.
        name: u64,
        /// Where the value goes.
        value: u64,
        /// The size of the buffer.
        size: u64,
    },
    /// listxattr, llistxattr.
    ListAttributes(On, u64, u64),
    /// A call that the guard does not carry out.
    Unknown,
}

impl Call {
    /// Whether it is about files, not only about processes.
    pub const fn is_about_files(self) -> bool {
        !matches!(
            self,
            Self::Execute
                | Self::Exit
                | Self::Fork
                | Self::Signal(..)
                | Self::Umask(_)
                | Self::Unknown
        )
    }

    /// What it would change or read: of several files, the one that a line
    /// names. `None` if it only looks, or is not about files.
    pub const fn object(self) -> Option<On> {
        let path = match self {
            Self::Mode(on, _)
            | Self::Owner(on, ..)
            | Self::Times(on, _)
            | Self::SetAttribute { on, .. }
            | Self::RemoveAttribute(on, _) => return Some(on),
            Self::Open { path, .. }
            | Self::MakeDirectory(path, _)
            | Self::MakeNode(path, _)
            | Self::Remove { path, .. }
            | Self::Rename { from: path, .. }
            | Self::Link { to: path, .. }
            | Self::Symlink { path, .. }
            | Self::Truncate(path, _) => path,
            _ => return None,
        };
        Some(On::Path {
            path,
            follow: false,
            empty: false,
        })
    }

    /// Its name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Execute => "exec",
            Self::Exit => "exit",
            Self::Fork => "fork",
            Self::Signal(..) => "kill",
            Self::Umask(_) => "umask",
            Self::Open { .. } => "open",
            Self::MakeDirectory(..) => "mkdir",
            Self::MakeNode(..) => "mknod",
            Self::Remove { .. } => "remove",
            Self::Rename { .. } => "rename",
            Self::Link { .. } => "link",
            Self::Symlink { .. } => "symlink",
            Self::Truncate(..) => "truncate",
            Self::Mode(..) => "chmod",
            Self::Owner(..) => "chown",
            Self::Times(..) => "utimes",
            Self::SetAttribute { .. } => "setxattr",
            Self::RemoveAttribute(..) => "removexattr",
            Self::Socket(..) => "socket",
            Self::Connect(..) => "connect",
            Self::Stat(..)
            | Self::Statx { .. }
            | Self::Access(..)
            | Self::ReadLink(..)
            | Self::FileSystem(..)
            | Self::GetAttribute { .. }
            | Self::ListAttributes(..) => "look",
            Self::Unknown => "unknown",
        }
    }
}

/// fchmodat2(2), Linux 6.6.
const FCHMODAT2: libc::c_long = 452;

/// Decodes the call with this number and these registers.
pub fn decode(number: u32, a: &[u64; 6]) -> Call {
    let number = libc::c_long::from(number);
    modern(number, a)
        .or_else(|| old(number, a))
        .unwrap_or(Call::Unknown)
}

/// The calls that every architecture has.
fn modern(number: libc::c_long, a: &[u64; 6]) -> Option<Call> {
    let arg = |i: usize| low(a[i]);
    let at = |i: usize| PathArg {
        at: low(a[i]),
        address: a[i + 1],
    };
    let no_follow = |flags: i32| flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    let on = |flags: i32| On::Path {
        path: at(0),
        follow: no_follow(flags),
        empty: flags & libc::AT_EMPTY_PATH != 0,
    };
    Some(match number {
        libc::SYS_execve | libc::SYS_execveat => Call::Execute,
        libc::SYS_exit | libc::SYS_exit_group => Call::Exit,
        libc::SYS_clone => Call::Fork,
        libc::SYS_kill => Call::Signal(arg(0), arg(1)),
        libc::SYS_umask => Call::Umask(bits(a[0])),
        libc::SYS_openat => Call::Open {
            path: at(0),
            flags: arg(2),
            mode: bits(a[3]),
        },
        libc::SYS_mkdirat => Call::MakeDirectory(at(0), bits(a[2])),
        libc::SYS_mknodat => Call::MakeNode(at(0), bits(a[2])),
        libc::SYS_unlinkat => Call::Remove {
            path: at(0),
            directory: arg(2) & libc::AT_REMOVEDIR != 0,
        },
        libc::SYS_renameat2 => Call::Rename {
            from: at(0),
            to: at(2),
            flags: bits(a[4]),
        },
        libc::SYS_linkat => Call::Link {
            from: at(0),
            to: at(2),
            flags: arg(4),
        },
        libc::SYS_symlinkat => Call::Symlink {
            target: a[0],
            path: at(1),
        },
        libc::SYS_truncate => Call::Truncate(cwd(a[0]), a[1].cast_signed()),
        libc::SYS_fchmod => Call::Mode(On::Descriptor(arg(0)), bits(a[1])),
        libc::SYS_fchmodat => Call::Mode(on(0), bits(a[2])),
        FCHMODAT2 => Call::Mode(on(arg(3)), bits(a[2])),
        libc::SYS_fchown => Call::Owner(On::Descriptor(arg(0)), bits(a[1]), bits(a[2])),
        libc::SYS_fchownat => Call::Owner(on(arg(4)), bits(a[2]), bits(a[3])),
        libc::SYS_utimensat => Call::Times(
            if a[1] == 0 {
                On::Descriptor(arg(0))
            } else {
                on(arg(3))
            },
            TimesAt::Nanoseconds(a[2]),
        ),
        libc::SYS_socket => Call::Socket(arg(0), arg(1), arg(2)),
        libc::SYS_connect => Call::Connect(arg(0), a[1], a[2]),
        libc::SYS_newfstatat => Call::Stat(on(arg(3)), a[2]),
        libc::SYS_fstat => Call::Stat(On::Descriptor(arg(0)), a[1]),
        libc::SYS_statx => Call::Statx {
            on: on(arg(2)),
            flags: arg(2),
            mask: bits(a[3]),
            buffer: a[4],
        },
        libc::SYS_faccessat => Call::Access(on(0), arg(2)),
        libc::SYS_faccessat2 => Call::Access(on(arg(3)), arg(2)),
        libc::SYS_readlinkat => Call::ReadLink(at(0), a[2], a[3]),
        libc::SYS_statfs => Call::FileSystem(cwd(a[0]), a[1]),
        _ => return attributes(number, a),
    })
}

fn attributes(number: libc::c_long, a: &[u64; 6]) -> Option<Call> {
    let path = |follow| On::Path {
        path: cwd(a[0]),
        follow,
        empty: false,
    };
    let set = |on| Call::SetAttribute {
        on,
        name: a[1],
        value: a[2],
        size: a[3],
        flags: low(a[4]),
    };
    let get = |on| Call::GetAttribute {
        on,
        name: a[1],
        value: a[2],
        size: a[3],
    };
    Some(match number {
        libc::SYS_setxattr => set(path(true)),
        libc::SYS_lsetxattr => set(path(false)),
        libc::SYS_fsetxattr => set(On::Descriptor(low(a[0]))),
        libc::SYS_removexattr => Call::RemoveAttribute(path(true), a[1]),
        libc::SYS_lremovexattr => Call::RemoveAttribute(path(false), a[1]),
        libc::SYS_fremovexattr => Call::RemoveAttribute(On::Descriptor(low(a[0])), a[1]),
        libc::SYS_getxattr => get(path(true)),
        libc::SYS_lgetxattr => get(path(false)),
        libc::SYS_listxattr => Call::ListAttributes(path(true), a[1], a[2]),
        libc::SYS_llistxattr => Call::ListAttributes(path(false), a[1], a[2]),
        _ => return None,
    })
}

/// The calls that only older architectures have.
#[cfg(target_arch = "x86_64")]
fn old(number: libc::c_long, a: &[u64; 6]) -> Option<Call> {
    let path = |follow| On::Path {
        path: cwd(a[0]),
        follow,
        empty: false,
    };
    let creat = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
    let rename = |from, to| Call::Rename { from, to, flags: 0 };
    Some(match number {
        libc::SYS_fork => Call::Fork,
        libc::SYS_open => Call::Open {
            path: cwd(a[0]),
            flags: low(a[1]),
            mode: bits(a[2]),
        },
        libc::SYS_creat => Call::Open {
            path: cwd(a[0]),
            flags: creat,
            mode: bits(a[1]),
        },
        libc::SYS_mkdir => Call::MakeDirectory(cwd(a[0]), bits(a[1])),
        libc::SYS_mknod => Call::MakeNode(cwd(a[0]), bits(a[1])),
        libc::SYS_unlink | libc::SYS_rmdir => Call::Remove {
            path: cwd(a[0]),
            directory: number == libc::SYS_rmdir,
        },
        libc::SYS_rename => rename(cwd(a[0]), cwd(a[1])),
        libc::SYS_renameat => {
            let (at, to) = (low(a[0]), low(a[2]));
            let path = |at, address| PathArg { at, address };
            rename(path(at, a[1]), path(to, a[3]))
        }
        libc::SYS_link => Call::Link {
            from: cwd(a[0]),
            to: cwd(a[1]),
            flags: 0,
        },
        libc::SYS_symlink => Call::Symlink {
            target: a[0],
            path: cwd(a[1]),
        },
        libc::SYS_chmod => Call::Mode(path(true), bits(a[1])),
        libc::SYS_chown => Call::Owner(path(true), bits(a[1]), bits(a[2])),
        libc::SYS_lchown => Call::Owner(path(false), bits(a[1]), bits(a[2])),
        libc::SYS_utime => Call::Times(path(true), TimesAt::Seconds(a[1])),
        libc::SYS_utimes => Call::Times(path(true), TimesAt::Microseconds(a[1])),
        libc::SYS_futimesat => {
            let on = if a[1] == 0 {
                On::Descriptor(low(a[0]))
            } else {
                On::Path {
                    path: PathArg {
                        at: low(a[0]),
                        address: a[1],
                    },
                    follow: true,
                    empty: false,
                }
            };
            Call::Times(on, TimesAt::Microseconds(a[2]))
        }
        libc::SYS_stat => Call::Stat(path(true), a[1]),
        libc::SYS_lstat => Call::Stat(path(false), a[1]),
        libc::SYS_access => Call::Access(path(true), low(a[1])),
        libc::SYS_readlink => Call::ReadLink(cwd(a[0]), a[1], a[2]),
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn old(number: libc::c_long, a: &[u64; 6]) -> Option<Call> {
    let at = |i: usize| PathArg {
        at: low(a[i]),
        address: a[i + 1],
    };
    // aarch64 kept renameat(2).
    (number == libc::SYS_renameat).then(|| Call::Rename {
        from: at(0),
        to: at(2),
        flags: 0,
    })
}

const fn cwd(address: u64) -> PathArg {
    PathArg {
        at: libc::AT_FDCWD,
        address,
    }
}

/// A C `int`: the kernel ignores the register's upper half.
#[allow(clippy::cast_possible_truncation)]
const fn low(register: u64) -> i32 {
    register as i32
}

/// A C `unsigned int` or `mode_t`.
#[allow(clippy::cast_possible_truncation)]
const fn bits(register: u64) -> u32 {
    register as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_half_of_an_int_does_not_count() {
        let flags = 0xdead_beef_0000_0000 | 0o101;
        let call = decode(
            u32::try_from(libc::SYS_openat).unwrap(),
            &[0xffff_ffff_ffff_ff9c, 0x1000, flags, 0o644, 0, 0],
        );
        let path = PathArg {
            at: libc::AT_FDCWD,
            address: 0x1000,
        };
        let expected = Call::Open {
            path,
            flags: 0o101,
            mode: 0o644,
        };
        assert_eq!(call, expected);
        let call = decode(
            u32::try_from(libc::SYS_unlinkat).unwrap(),
            &[0xffff_ff9c, 0x1000, 0x200, 0, 0, 0],
        );
        assert_eq!(
            call,
            Call::Remove {
                path,
                directory: true
            }
        );
    }

    #[test]
    fn an_unlisted_call_is_unknown() {
        assert_eq!(decode(9999, &[0; 6]), Call::Unknown);
    }
}
