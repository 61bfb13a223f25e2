//! What strace(1) saw of a server: each path that a system call named, and what was done to it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// What is traced: whatever names a path, and what uses a directory without naming it.
pub const CALLS: &str = "trace=%file,fchdir,getdents64,/^(clone|clone3|fork|vfork)$";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Opened for its content.
    Read,
    /// Its names read.
    List,
    /// Its metadata read, or a directory opened on the way to something else.
    Look,
    /// Created, written, renamed, removed.
    Change,
    /// Mode, owner, times, extended attributes.
    Attributes,
    /// Became the working directory.
    Enter,
    /// Executed.
    Run,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub deed: Deed,
    /// The path as the server wrote it.
    pub raw: Vec<u8>,
    /// Where that leads, as the kernel resolves it.
    pub path: PathBuf,
    /// Whether it was opened as libraries open their files.
    pub by_a_library: bool,
    pub failed: bool,
    /// The call, for people.
    pub call: String,
}

/// One call, its argument list split.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    result: &'a str,
    line: &'a str,
}

impl Event {
    /// Replaces `/proc/self/fd/N` with what N stands for.
    fn through(&mut self, open: &BTreeMap<String, PathBuf>) {
        let Ok(rest) = Path::new(OsStr::from_bytes(&self.raw)).strip_prefix("/proc/self/fd") else {
            return;
        };
        let mut parts = rest.components();
        let number = parts
            .next()
            .map(|part| part.as_os_str().to_string_lossy().into_owned());
        if let Some(path) = number.and_then(|number| open.get(&number)) {
            self.path = resolve(path, parts.as_path().as_os_str().as_bytes(), false);
        }
    }
}

/// Reads a trace of `strace -f -y -xx`. The disk must be as the server left it.
pub fn events(trace: &str, start: &Path) -> Vec<Event> {
    let mut directories: BTreeMap<&str, PathBuf> = BTreeMap::new();
    let mut first = None;
    let mut events = Vec::new();
    // What descriptors stand for: rsync 3.5 names some of them by a path.
    let mut open: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (process, line) in whole_lines(trace) {
        let Some(call) = parse(&line) else { continue };
        let first = *first.get_or_insert(process);
        let inherited = directories.get(first).cloned();
        let directory = directories
            .entry(process)
            .or_insert_with(|| inherited.unwrap_or_else(|| start.to_path_buf()));
        // strace shows the kernel's own idea of it where it can.
        if let Some(shown) = call.arguments.iter().find_map(|argument| {
            let shown = argument.strip_prefix("AT_FDCWD<")?.strip_suffix('>')?;
            Some(PathBuf::from(OsStr::from_bytes(&unescape(shown))))
        }) {
            *directory = shown;
        }
        let mut seen = of_call(&call, directory);
        for event in &mut seen {
            event.through(&open);
        }
        if let Some(path) = behind(call.result) {
            let number = call.result.split('<').next().unwrap_or_default();
            open.insert(number.to_owned(), path);
        }
        let entered = seen.iter().find(|event| event.deed == Deed::Enter);
        if let Some(event) = entered
            && call.result.starts_with('0')
        {
            *directory = event.path.clone();
        }
        events.extend(seen);
    }
    events
}

/// The lines with their process ids; a call that another process interrupted is put together again.
fn whole_lines(trace: &str) -> Vec<(&str, String)> {
    let mut open: BTreeMap<&str, String> = BTreeMap::new();
    let mut whole = Vec::new();
    for line in trace.lines() {
        let (process, rest) = line.split_once(' ').unwrap_or(("", line));
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix("<unfinished ...>") {
            open.insert(process, head.trim_end().to_owned());
        } else if let Some((_, tail)) = rest
            .strip_prefix("<... ")
            .and_then(|rest| rest.split_once(" resumed>"))
        {
            let head = open.remove(process).unwrap_or_default();
            whole.push((process, head + tail));
        } else {
            whole.push((process, rest.to_owned()));
        }
    }
    // A process that was killed in the middle of a call had nevertheless begun it.
    whole.extend(
        open.into_iter()
            .map(|(process, head)| (process, head + ") = ?")),
    );
    whole
}

fn parse(line: &str) -> Option<Call<'_>> {
    if line.starts_with("---") || line.starts_with("+++") || line.starts_with("strace: ") {
        return None;
    }
    let (name, rest) = line.split_once('(')?;
    let end = rest.rfind(") ").or_else(|| rest.rfind(')'))?;
    let result = rest[end + 1..]
        .trim_start()
        .trim_start_matches('=')
        .trim_start();
    Some(Call {
        name,
        arguments: split(&rest[..end]),
        result,
        line,
    })
}

/// Splits at the commas that are not in a string, in braces or in the path of a descriptor. Strings have no special
/// characters: `-xx` writes each byte in hex.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut from) = (0, false, 0);
    let mut parts = Vec::new();
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'{' | b'[' | b'<' | b'(' if !quoted => depth += 1,
            b'}' | b']' | b'>' | b')' if !quoted => depth -= 1,
            b',' if !quoted && depth == 0 => {
                parts.push(list[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[from..].trim());
    parts
}

/// The bytes of `\x2f\x75…`, with or without quotes.
fn unescape(text: &str) -> Vec<u8> {
    assert!(!text.ends_with("..."), "a path that strace cut: {text}");
    let text = text.trim_matches('"');
    let hex = text.split("\\x").skip(1);
    let bytes = hex.map(|pair| {
        u8::from_str_radix(&pair[..2], 16).unwrap_or_else(|_| panic!("no hex byte in {text}"))
    });
    bytes.collect()
}

/// The path of a descriptor: `3<\x2f…>`.
fn behind(descriptor: &str) -> Option<PathBuf> {
    let (_, path) = descriptor.split_once('<')?;
    let path = path.split('>').next()?;
    Some(PathBuf::from(OsStr::from_bytes(&unescape(path))))
}

fn of_call(call: &Call<'_>, directory: &Path) -> Vec<Event> {
    let name = call.name;
    let at = |index: usize, at_directory: Option<usize>, deed: Deed, follows: bool| {
        named(call, directory, index, at_directory, deed, follows)
    };
    let nofollow = call.line.contains("NOFOLLOW");
    if call.line.contains("AT_EMPTY_PATH") {
        // What is already open was judged when it was opened.
        return Vec::new();
    }
    match name {
        "open" | "openat" | "openat2" | "creat" => vec![opened(call, directory)],
        "stat" | "access" | "statfs" | "getxattr" | "listxattr" => {
            vec![at(0, None, Deed::Look, true)]
        }
        "lstat" | "readlink" | "lgetxattr" | "llistxattr" => vec![at(0, None, Deed::Look, false)],
        "newfstatat" | "statx" | "faccessat" | "faccessat2" | "name_to_handle_at" => {
            vec![at(1, Some(0), Deed::Look, !nofollow)]
        }
        "readlinkat" => vec![at(1, Some(0), Deed::Look, false)],
        "chdir" => vec![at(0, None, Deed::Enter, true)],
        "fchdir" => vec![descriptor(call, Deed::Enter)],
        "getdents64" => vec![descriptor(call, Deed::List)],
        "execve" => vec![at(0, None, Deed::Run, true)],
        "mkdir" | "rmdir" | "unlink" | "mknod" => vec![at(0, None, Deed::Change, false)],
        "mkdirat" | "unlinkat" | "mknodat" => vec![at(1, Some(0), Deed::Change, false)],
        "truncate" => vec![at(0, None, Deed::Change, true)],
        "rename" => vec![
            at(0, None, Deed::Change, false),
            at(1, None, Deed::Change, false),
        ],
        "renameat" | "renameat2" => {
            vec![
                at(1, Some(0), Deed::Change, false),
                at(3, Some(2), Deed::Change, false),
            ]
        }
        "link" => vec![
            at(0, None, Deed::Read, false),
            at(1, None, Deed::Change, false),
        ],
        "linkat" => {
            vec![
                at(1, Some(0), Deed::Read, false),
                at(3, Some(2), Deed::Change, false),
            ]
        }
        "symlink" => vec![at(1, None, Deed::Change, false)],
        "symlinkat" => vec![at(2, Some(1), Deed::Change, false)],
        "chmod" | "chown" | "utime" | "utimes" | "setxattr" | "removexattr" => {
            vec![at(0, None, Deed::Attributes, true)]
        }
        "lchown" | "lsetxattr" | "lremovexattr" => vec![at(0, None, Deed::Attributes, false)],
        // utimensat(FD, NULL) is futimens(3).
        "utimensat" if call.arguments[1] == "NULL" => vec![descriptor(call, Deed::Attributes)],
        "fchmodat" | "fchmodat2" | "fchownat" | "utimensat" | "futimesat" => {
            vec![at(1, Some(0), Deed::Attributes, !nofollow)]
        }
        "clone" | "clone3" | "fork" | "vfork" | "getcwd" => Vec::new(),
        _ => panic!("the tracer does not know the call {name}: {}", call.line),
    }
}

fn descriptor(call: &Call<'_>, deed: Deed) -> Event {
    let path = behind(call.arguments[0]).unwrap_or_default();
    event(
        call,
        deed,
        path.as_os_str().as_bytes().to_vec(),
        path,
        false,
    )
}

fn named(
    call: &Call<'_>,
    directory: &Path,
    index: usize,
    at_directory: Option<usize>,
    deed: Deed,
    follows: bool,
) -> Event {
    let raw = unescape(call.arguments[index]);
    let base = at_directory.and_then(|at| behind(call.arguments[at]));
    let base = base.as_deref().unwrap_or(directory);
    let path = resolve(base, &raw, follows);
    event(call, deed, raw, path, false)
}

fn opened(call: &Call<'_>, directory: &Path) -> Event {
    let (index, at) = match call.name {
        "openat" | "openat2" => (1, Some(0)),
        _ => (0, None),
    };
    let flags = call.arguments.get(index + 1).copied().unwrap_or("O_CREAT");
    let has = |flag: &str| flags.contains(flag);
    let deed = if ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
        .into_iter()
        .any(has)
    {
        Deed::Change
    } else if has("O_DIRECTORY") || has("O_PATH") {
        Deed::Look
    } else {
        Deed::Read
    };
    let follows = !has("O_NOFOLLOW") && !has("O_EXCL");
    let mut event = named(call, directory, index, at, deed, follows);
    // The kernel knows best what was opened.
    if let Some(path) = behind(call.result) {
        event.path = path;
    }
    event.by_a_library = has("O_CLOEXEC");
    event
}

fn event(call: &Call<'_>, deed: Deed, raw: Vec<u8>, path: PathBuf, by_a_library: bool) -> Event {
    let arguments = call.arguments.iter().map(|argument| {
        if argument.contains("\\x") {
            unescape_all(argument)
        } else {
            (*argument).to_owned()
        }
    });
    let arguments: Vec<_> = arguments.collect();
    Event {
        deed,
        raw,
        path,
        by_a_library,
        failed: call.result.starts_with('-'),
        call: format!(
            "{}({}) = {}",
            call.name,
            arguments.join(", "),
            unescape_all(call.result)
        ),
    }
}

/// For people: the bytes of an escaped text that can be shown.
fn unescape_all(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        shown.push_str(before);
        let (pair, tail) = after.split_at(after.len().min(2));
        let byte = u8::from_str_radix(pair, 16).unwrap_or(b'?');
        shown.extend(byte.escape_ascii().map(char::from));
        rest = tail;
    }
    shown + rest
}

/// Walks a path as the kernel does. What does not exist has no links.
pub fn resolve(base: &Path, raw: &[u8], follows: bool) -> PathBuf {
    let mut done = PathBuf::from("/");
    let mut waiting: Vec<PathBuf> = vec![base.join(OsStr::from_bytes(raw))];
    let mut links = 0;
    while let Some(path) = waiting.pop() {
        let mut components = path.components();
        while let Some(component) = components.next() {
            match component {
                Component::RootDir => done = PathBuf::from("/"),
                Component::ParentDir => {
                    done.pop();
                }
                Component::Normal(name) => {
                    let rest = components.as_path().to_path_buf();
                    let last = rest.as_os_str().is_empty() && waiting.is_empty();
                    let last = last && !raw.ends_with(b"/") && !raw.ends_with(b"/.");
                    done.push(name);
                    let target = std::fs::read_link(&done);
                    if let Ok(target) = target
                        && (follows || !last)
                        && links < 40
                    {
                        links += 1;
                        done.pop();
                        waiting.push(rest);
                        waiting.push(target);
                        break;
                    }
                }
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }
    done
}
