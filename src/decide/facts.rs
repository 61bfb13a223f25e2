//! What the decision has to know of the disk, and the questions that get it.
//!
//! The decision itself does no I/O. An [`Inquiry`] lists what it needs to
//! know for one case; `enforce::facts` answers as the account; the answers
//! come back as [`Facts`]. The dry run gathers them the same way.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::directories::directories;
use super::invocation::Invocation;
use super::pattern::Pattern;
use super::places;
use super::policy::{PlaceTarget, Policy, Protocol};
use super::programs;
use super::request::{self, Direction, Request};
use super::verdict::{Refusal, Stage};
use super::words::Word;

pub use super::directories::{Directories, Failure, FileId, HomeChild, Place, Places};
pub use super::places::Use;

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
    /// The directories that the policy speaks of.
    pub directories: Directories,
    /// The places that the client names, operands, then those of options. A
    /// relative one is counted from where the server will start. One stands
    /// twice where the program could read it in two ways.
    pub operands: Vec<Operand>,
    /// The first operand, where what is there decides how the others are read.
    pub target: Option<PathBuf>,
}

/// A place that the client names, and what is asked of it: as it is named in
/// an [`Inquiry`], resolved in [`Facts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// The place.
    pub path: PathBuf,
    /// What is asked of it.
    pub usage: Use,
    /// From where it was counted.
    pub base: Base,
    /// The option that names it, without its dashes.
    pub option: Option<&'static str>,
}

/// From where a relative path is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The working directory of the server.
    Start,
    /// The target as a directory.
    Target,
    /// The directory that holds the target, if that is no directory.
    BesideTarget,
}

impl Base {
    /// Whether a path is counted from there when this is at the target.
    pub(super) const fn holds(self, target_is_directory: bool) -> bool {
        match self {
            Self::Start | Self::Target => true,
            Self::BesideTarget => !target_is_directory,
        }
    }
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
    /// It could not be found out.
    Failed(Failure),
}

/// The answers to an [`Inquiry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The server program.
    pub program: Program,
    /// What the directories are.
    pub places: Places,
    /// Each of [`Inquiry::operands`], its path resolved as far as it exists.
    pub operands: Vec<Operand>,
    /// Whether [`Inquiry::target`] is known to be a directory.
    pub target_is_directory: bool,
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
        let target = operands.first().map(|operand| operand.path.clone());
        let configured = case.policy.program(protocol);
        Ok(Self {
            programs: configured
                .map_or_else(|| programs::places(protocol), |path| vec![path.clone()]),
            program_is_configured: configured.is_some(),
            request,
            directories: directories(case.policy, case.account),
            target: target.filter(|_| operands.iter().any(|operand| operand.base != Base::Start)),
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
        hint: error.hint,
        told: error.told,
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

/// A path as a request names it.
pub(super) struct Named<'a> {
    /// The path.
    pub word: &'a Word,
    /// What is asked of it.
    pub usage: Use,
    /// Whether wildcards in it are expanded: in those of sources alone, as the
    /// client's user expects of a shell.
    pub expands: bool,
    /// From where it is counted.
    pub base: Base,
    /// The option that names it, without its dashes.
    pub option: Option<&'static str>,
}

/// The places that the client names, `~` expanded. Of a source
/// with wildcards it is the directory in which the first one is looked for:
/// the rest is known, and judged, when it has been expanded.
fn operands(case: &Case<'_>, request: &Request) -> Result<Vec<Operand>, Refusal> {
    match request {
        Request::Sftp(_) => Ok(Vec::new()),
        Request::Scp(scp) => {
            let named = scp.operands.iter().map(|word| Named {
                word,
                usage: Use {
                    direction: scp.direction,
                    // A source above all readable directories cannot be
                    // listed, so nothing below it would be sent.
                    recursive: scp.recursive && scp.direction == Direction::Sink,
                    ..Use::default()
                },
                expands: scp.direction == Direction::Source,
                base: Base::Start,
                option: None,
            });
            named.map(|named| operand(case, &named, None)).collect()
        }
        Request::Rsync(rsync) => {
            let mut operands: Vec<Operand> = Vec::new();
            for named in super::rsync::named(rsync) {
                let target = operands.first().map(|operand| operand.path.clone());
                let operand = operand(case, &named, target.as_deref())?;
                let collapsed = places::collapsed(&operand.path);
                let twin = collapsed.map(|path| Operand { path, ..operand });
                operands.push(operand);
                operands.extend(twin);
            }
            Ok(operands)
        }
    }
}

/// One of them; `target` is the path of the first operand.
fn operand(case: &Case<'_>, named: &Named<'_>, target: Option<&Path>) -> Result<Operand, Refusal> {
    let word = expand_tilde(named.word, case.account)?;
    let pattern = named
        .expands
        .then(|| Pattern::parse(word.pattern().as_bytes()));
    let pattern = pattern.filter(Pattern::is_wild);
    if pattern.as_ref().is_some_and(Pattern::climbs) {
        return Err(climbs());
    }
    let path = pattern.as_ref().map_or(word.bytes(), Pattern::directory);
    let base = match (named.base, target) {
        (Base::Start, _) | (_, None) => PathBuf::new(),
        (Base::Target, Some(target)) => target.to_path_buf(),
        (Base::BesideTarget, Some(target)) => beside(target),
    };
    Ok(Operand {
        path: base.join(OsStr::from_bytes(path)),
        usage: named.usage,
        base: named.base,
        option: named.option,
    })
}

/// The directory that holds a target: the text up to its last name.
fn beside(target: &Path) -> PathBuf {
    let mut text = target.as_os_str().as_bytes();
    while let Some(shorter) = text.strip_suffix(b"/") {
        text = shorter;
    }
    match text.iter().rposition(|c| *c == b'/') {
        Some(slash) => PathBuf::from(OsStr::from_bytes(&text[..=slash])),
        None if text == b".." => PathBuf::from("../.."),
        None => PathBuf::new(),
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
