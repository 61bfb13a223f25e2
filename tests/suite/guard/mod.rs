//! The guard under attack and under load: races, signals, missing kernel features, limits, its log; and an unmodified
//! client sees no difference.

mod attempts;
mod bounds;
mod connection;
mod container;
pub mod continuing;
mod features;
mod first_call;
mod folding;
mod front;
mod growth;
mod incomplete;
mod lifecycle;
mod limits;
mod log;
mod mounts;
mod moved;
mod process;
mod queue;
mod races;
mod reads;
mod remembering;
mod same;
mod shortage;
mod signals;
mod uploads;
mod wakes;

use crate::harness::{Account, Host, Kind, Output};

const ATTACK: &str = "/opt/attack";
const SFTP: &str = "/usr/lib/openssh/sftp-server";
const RSYNC: &str = "rsync --server -logDtpre.iLsfxCIvu . uploads/";

/// The first line of a policy under which `attack` stands in for both servers.
const ATTACKED: &str = "protocols = [\"sftp\", \"scp\", \"rsync\"]\nsftp_server = \"/opt/attack\"\nrsync = \"/opt/attack\"\n";

/// A host where `tests/programs/attack.c` is the server, whichever the client asks for.
fn attacked(policy: &str) -> Host {
    let host = Host::new();
    host.install_program("attack", Kind::Program);
    host.policy(&format!("{ATTACKED}{policy}"));
    host
}

/// Makes `attack` carry out these words in a session of `command`; for the ordinary account it is simply a program.
#[track_caller]
fn attack(host: &Host, account: &Account, command: &str, words: &str) -> Output {
    let command = if account.name == "plain" {
        ATTACK
    } else {
        command
    };
    host.direct(account, command.as_bytes(), format!("{words}\n").as_bytes())
}

/// The number after a word in what `attack` printed.
#[track_caller]
fn number(output: &Output, word: &str) -> u64 {
    let text = output.out();
    let mut words = text.split_whitespace().skip_while(|seen| *seen != word);
    words
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no number behind {word:?} in: {output}"))
}
