//! What the decision has to know of the disk, and the questions that get it.
//!
//! The decision itself does no I/O. An [`Inquiry`] lists what it needs to
//! know for one case; `enforce::facts` answers as the account; the answers
//! come back as [`Facts`]. The dry run gathers them the same way.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::invocation::Invocation;
use super::pattern::Pattern;
use super::policy::{PlaceTarget, PlaceTemplate, Policy, Protocol};
use super::request::{self, Direction, Request};
use super::verdict::{Refusal, Stage};
use super::words::Word;

/// Everything that is known before the disk is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The policy for the account and its client.
    pub policy: &'a Policy,
    /// The account.
    pub account: &'a Account,
    /// What was asked.
    pub invocation: &'a Invocation,
}

/// The request, its form accepted, and the questions that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// What the client asks for.
    pub request: Request,
    /// Programs that could serve it, the first that exists is taken.
    pub programs: Vec<PathBuf>,
    /// Whether the program is written in the policy.
    pub program_is_configured: bool,
    /// Directories of the policy, the home and the start directory among
    /// them.
    pub directories: Vec<PathBuf>,
    /// Whether the directories in the home are to be listed.
    pub home_children: bool,
    /// The places that the client names, absolute: operands, then those of
    /// options.
    pub operands: Vec<PathBuf>,
}

/// What a directory of the policy is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory; the path without any symbolic link.
    Directory(PathBuf),
    /// Not there, or not a directory, or out of the account's reach.
    Absent,
    /// Reached through a symbolic link in a directory that the account owns:
    /// it could be led elsewhere.
    UnsafeLink(PathBuf),
}

/// The server program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Owned by root and writable by no one else.
    Found(PathBuf),
    /// None of the candidates exists.
    Missing,
    /// It exists but could be exchanged by somebody else.
    Unsafe(PathBuf, &'static str),
}

/// The answers to an [`Inquiry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The server program.
    pub program: Program,
    /// What each of [`Inquiry::directories`] is.
    pub places: BTreeMap<PathBuf, Place>,
    /// Directories directly in the home that are neither links nor dotfiles,
    /// resolved.
    pub home_children: Vec<PathBuf>,
    /// Each of [`Inquiry::operands`], its existing part resolved.
    pub operands: Vec<PathBuf>,
}

impl Facts {
    /// The resolved path of a directory of the policy.
    #[must_use]
    pub fn directory(&self, path: &Path) -> Option<&Path> {
        match self.places.get(path)? {
            Place::Directory(resolved) => Some(resolved),
            Place::Absent | Place::UnsafeLink(_) => None,
        }
    }
}

impl Inquiry {
    /// Vets the form of the command and lists what must be known to decide.
    ///
    /// # Errors
    ///
    /// The refusal, where no fact of the disk could change it.
    pub fn of(case: &Case<'_>) -> Result<Self, Refusal> {
        let request = vet_form(case)?;
        let protocol = request.protocol();
        let refused = |refusal: Refusal| refusal.of(protocol);
        vet_account(case).map_err(refused)?;
        if !case.policy.protocols.value.contains(&protocol) {
            let name = protocol.name();
            let reason = format!("the policy does not allow {name}");
            let hint = format!("add \"{name}\" to 'protocols'");
            return Err(refused(Refusal::new(Stage::Account, reason).hint(hint)));
        }
        let operands = operands(case, &request).map_err(refused)?;
        let configured = case.policy.program(protocol);
        let (directories, home_children) = directories(case.policy, case.account);
        Ok(Self {
            programs: configured
                .map_or_else(|| known_programs(protocol), |path| vec![path.clone()]),
            program_is_configured: configured.is_some(),
            request,
            directories,
            home_children,
            operands,
        })
    }
}

/// Reads the command: everything that can be refused by its form alone.
fn vet_form(case: &Case<'_>) -> Result<Request, Refusal> {
    let form = |reason: &'static str| Refusal::new(Stage::Form, reason);
    let Some(command) = &case.invocation.command else {
        return Err(form("a login without a command"));
    };
    if command.len() > super::invocation::COMMAND_MAX {
        return Err(form("a command of more than 128 KiB"));
    }
    let is_configured = |protocol: Protocol, path: &[u8]| {
        let configured = case.policy.program(protocol);
        configured.is_some_and(|program| program.as_os_str().as_bytes() == path)
    };
    let request = request::parse(command, is_configured).map_err(|error| Refusal {
        stage: Stage::Form,
        protocol: error.protocol,
        reason: error.reason,
        hint: error.hint.map(Into::into),
        writable: None,
    })?;
    if case.invocation.terminal {
        let hint = "set 'PermitTTY no' in sshd_config";
        return Err(form("a terminal is attached")
            .hint(hint)
            .of(request.protocol()));
    }
    if let Request::Sftp(sftp) = &request {
        let floor = case.policy.umask.value.unwrap_or(case.invocation.umask);
        if sftp.umask.is_some_and(|mask| mask & floor != floor) {
            let reason = format!("option -u loosens the mask {floor:03o}");
            let hint = "use the policy key 'umask'";
            return Err(Refusal::new(Stage::Form, reason)
                .hint(hint)
                .of(Protocol::Sftp));
        }
    }
    Ok(request)
}

fn vet_account(case: &Case<'_>) -> Result<(), Refusal> {
    if case.account.uid == 0 {
        return Err(Refusal::new(Stage::Account, "the superuser is not served"));
    }
    case.policy.check_places(case.account).map_err(|error| {
        let hint = error.hint();
        Refusal::new(Stage::Account, error.to_string()).hint(hint)
    })
}

/// The places that the client names: `~` expanded, made absolute. Of a source
/// with wildcards it is the directory in which the first one is looked for:
/// the rest is known, and judged, when it has been expanded.
fn operands(case: &Case<'_>, request: &Request) -> Result<Vec<PathBuf>, Refusal> {
    let start = case.policy.start_directory(case.account);
    let place = |word: &Word, is_source: bool| {
        let word = expand_tilde(word, case.account)?;
        let pattern = is_source.then(|| Pattern::parse(word.pattern().as_bytes()));
        match pattern.filter(Pattern::is_wild) {
            Some(pattern) if pattern.climbs() => Err(climbs()),
            Some(pattern) => Ok(start.join(OsStr::from_bytes(pattern.directory()))),
            None => Ok(start.join(OsStr::from_bytes(word.bytes()))),
        }
    };
    match request {
        Request::Rsync(rsync) => {
            let sources = if rsync.sender {
                rsync.operands.len()
            } else {
                0
            };
            let words = super::rsync::paths(rsync).enumerate();
            words.map(|(at, word)| place(word, at < sources)).collect()
        }
        Request::Scp(scp) => {
            let is_source = scp.direction == Direction::Source;
            let words = scp.operands.iter();
            words.map(|word| place(word, is_source)).collect()
        }
        Request::Sftp(_) => Ok(Vec::new()),
    }
}

fn climbs() -> Refusal {
    Refusal::new(Stage::Path, "'..' behind a wildcard")
        .hint("what it means depends on the names that match: name the directory itself")
}

/// `~`, `~/…` and `~NAME` of the account itself mean its home.
pub(super) fn expand_tilde(word: &Word, account: &Account) -> Result<Word, Refusal> {
    if !word.has_tilde() {
        return Ok(word.clone());
    }
    let bytes = word.bytes();
    let slash = bytes.iter().position(|c| *c == b'/');
    let end = slash.unwrap_or(bytes.len());
    let name = &bytes[1..end];
    if !name.is_empty() && name != account.name.as_bytes() {
        return Err(Refusal::new(
            Stage::Form,
            "the home of another account ('~NAME')",
        ));
    }
    Ok(word.with_prefix(end, account.home.as_os_str().as_bytes()))
}

/// The directories that the policy names, the home and the start directory
/// among them, and whether `~/*` is one.
#[must_use]
pub fn directories(policy: &Policy, account: &Account) -> (Vec<PathBuf>, bool) {
    let templates = policy.writable.value.iter();
    let templates = templates.chain(&policy.readable.value);
    let templates = templates.chain(policy.directory.value.iter().map(|d| &d.path));
    let own = [PlaceTemplate::HOME, policy.start.value.clone()];
    let mut paths = Vec::new();
    let mut children = false;
    for template in templates.chain(&own) {
        match template.target(account) {
            PlaceTarget::Directory(path) if !paths.contains(&path) => paths.push(path),
            PlaceTarget::Directory(_) => {}
            PlaceTarget::HomeChildren => children = true,
        }
    }
    (paths, children)
}

impl Policy {
    /// The program that the policy writes for a protocol.
    #[must_use]
    pub const fn program(&self, protocol: Protocol) -> Option<&PathBuf> {
        match protocol {
            Protocol::Sftp => self.sftp_server.value.as_ref(),
            Protocol::Scp => self.scp.value.as_ref(),
            Protocol::Rsync => self.rsync.value.as_ref(),
        }
    }

    /// Where the server starts, and relative paths with it.
    #[must_use]
    pub fn start_directory(&self, account: &Account) -> PathBuf {
        match self.start.value.target(account) {
            PlaceTarget::Directory(path) => path,
            PlaceTarget::HomeChildren => account.home.clone(),
        }
    }
}

/// Where the distributions put the servers (Debian, Fedora, Arch and SUSE,
/// Alpine and dropbear, local builds), likeliest first.
fn known_programs(protocol: Protocol) -> Vec<PathBuf> {
    let places: &[&str] = match protocol {
        Protocol::Sftp => &[
            "/usr/lib/openssh/sftp-server",
            "/usr/libexec/openssh/sftp-server",
            "/usr/lib/ssh/sftp-server",
            "/usr/libexec/ssh/sftp-server",
            "/usr/libexec/sftp-server",
            "/usr/lib/sftp-server",
            "/usr/local/libexec/sftp-server",
        ],
        Protocol::Scp => &["/usr/bin/scp", "/usr/local/bin/scp"],
        Protocol::Rsync => &["/usr/bin/rsync", "/usr/local/bin/rsync"],
    };
    places.iter().map(PathBuf::from).collect()
}
