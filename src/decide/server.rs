//! The server that is started: its kind, its argument vector, its
//! environment.

use std::ffi::OsString;

use super::case::Case;
use super::command::{Direction, Request, ScpRequest, rsync};
use super::operands::argument;
use super::plan::{Argument, ServerKind};
use super::verdict::Refusal;

pub(super) const fn kind(request: &Request) -> ServerKind {
    match request {
        Request::Sftp(_) => ServerKind::Sftp,
        Request::Scp(scp) => match scp.direction {
            Direction::Sink => ServerKind::ScpSink,
            Direction::Source => ServerKind::ScpSource,
        },
        Request::Rsync(rsync) if rsync.sender => ServerKind::RsyncSender,
        Request::Rsync(_) => ServerKind::RsyncReceiver,
    }
}

/// The server's argument vector, rebuilt from what was checked.
pub(super) fn argv(case: &Case<'_>, request: &Request) -> Result<Vec<Argument>, Refusal> {
    match request {
        Request::Sftp(sftp) => {
            let mut words: Vec<OsString> = vec!["sftp-server".into()];
            words.extend(sftp.options.iter().cloned());
            Ok(words.into_iter().map(Argument::Literal).collect())
        }
        Request::Scp(scp) => scp_argv(case, scp),
        Request::Rsync(rsync) => rsync::argv::argv(rsync, case.account),
    }
}

fn scp_argv(case: &Case<'_>, scp: &ScpRequest) -> Result<Vec<Argument>, Refusal> {
    let options = [
        (scp.verbose, "-v"),
        (scp.recursive, "-r"),
        (scp.preserve, "-p"),
        (scp.directory, "-d"),
        (scp.direction == Direction::Sink, "-t"),
        (scp.direction == Direction::Source, "-f"),
        (true, "--"),
    ];
    let set = options.iter().filter(|(is_set, _)| *is_set);
    let options = set.map(|(_, option)| Argument::Literal((*option).into()));
    let mut argv = vec![Argument::Literal("scp".into())];
    argv.extend(options);
    for word in &scp.operands {
        argv.push(argument(word, scp.direction, false, case.account)?);
    }
    Ok(argv)
}

/// The server's environment: what sshd would set (sshd(8), LOGIN PROCESS),
/// without anything that the client can set.
pub(super) fn environment(case: &Case<'_>, kind: ServerKind) -> Vec<(&'static str, OsString)> {
    let account = case.account;
    let mut environment = vec![
        ("USER", OsString::from(&account.name)),
        ("LOGNAME", OsString::from(&account.name)),
        ("PATH", OsString::from("/usr/bin:/bin")),
    ];
    // With HOME, rsync would read ~/.popt, which can name a program to run.
    if !matches!(kind, ServerKind::RsyncReceiver | ServerKind::RsyncSender) {
        environment.push(("HOME", account.home.clone().into()));
    }
    if let Some((client, server)) = case.invocation.client.connection {
        let (client_ip, client_port) = (client.ip(), client.port());
        let (server_ip, server_port) = (server.ip(), server.port());
        let connection = format!("{client_ip} {client_port} {server_ip} {server_port}");
        environment.push(("SSH_CONNECTION", connection.into()));
    }
    environment
}
