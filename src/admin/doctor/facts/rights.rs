//! What the policy gives one account: asked of the decision itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::admin;
use crate::decide::account::Account;
use crate::decide::case::Case;
use crate::decide::facts::Program;
use crate::decide::form::Inquiry;
use crate::decide::invocation::Invocation;
use crate::decide::needs::Needs;
use crate::decide::policy::{Policy, Protocol};
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::decide::{self};
use crate::gather::{account, disk};
use crate::system::opened::Opened;

/// An account and the policy that applies to it.
#[derive(Clone, Copy, Debug)]
pub struct Rights<'a> {
    /// The account.
    pub account: &'a Account,
    /// Its policy.
    pub policy: &'a Policy,
}

/// The address of a client from anywhere: from TEST-NET-3 (RFC 5737), so that
/// no rule for a known network applies.
pub const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

fn invocation(command: &str) -> Invocation {
    admin::invocation(Some(command.into()), Some(ANYWHERE))
}

impl Rights<'_> {
    /// Why the form of a command is refused, and what to do about it.
    pub fn refusal_of_form(&self, command: &str) -> Option<String> {
        let invocation = invocation(command);
        let refusal = Inquiry::of(&self.case(&invocation)).err()?;
        let hint = refusal.hint.as_ref().map(|hint| format!(" ({hint})"));
        let says = format!("{}{}", refusal.reason, hint.unwrap_or_default());
        (refusal.stage == Stage::Form).then_some(says)
    }

    /// What a session finds for the server of each protocol that the policy
    /// allows: looked up in the same way, with the rights of the account. Left
    /// out are protocols for which the account is refused before anything is
    /// looked up.
    ///
    /// # Errors
    ///
    /// Those of taking on the ids of the account.
    pub fn programs(&self) -> io::Result<Vec<(Protocol, Program)>> {
        let protocols = self.policy.protocols.value.iter();
        let candidates: Vec<_> = protocols
            .filter_map(|protocol| Some((*protocol, self.inquiry(*protocol)?)))
            .collect();
        account::temporarily_become(self.account, || {
            let programs = candidates.iter();
            let found = |inquiry: &Inquiry| disk::program(&inquiry.programs, inquiry.is_named);
            let programs = programs.map(|(protocol, inquiry)| (*protocol, found(inquiry)));
            programs.collect()
        })
    }

    /// Where the server of a protocol is looked for; `None` if the account is
    /// refused before that.
    pub fn candidates(&self, protocol: Protocol) -> Option<Vec<PathBuf>> {
        self.inquiry(protocol).map(|inquiry| inquiry.programs)
    }

    fn inquiry(&self, protocol: Protocol) -> Option<Inquiry> {
        let command = match protocol {
            Protocol::Sftp => "sftp-server",
            Protocol::Scp => "scp -f x",
            Protocol::Rsync => "rsync --server --sender . x",
        };
        let mut policy = self.policy.clone();
        policy.protocols.value = vec![protocol];
        let rights = Rights {
            policy: &policy,
            ..*self
        };
        Inquiry::of(&rights.case(&invocation(command))).ok()
    }

    /// The directories that clients may write, resolved, whether they exist or
    /// not; seen with the rights of the account, as a session sees them.
    ///
    /// # Errors
    ///
    /// Why the policy cannot be applied to the account.
    pub fn writable(&self) -> Result<Vec<PathBuf>, Refusal> {
        let mut policy = self.policy.clone();
        policy.protocols.value = vec![Protocol::Sftp];
        let rights = Rights {
            policy: &policy,
            ..*self
        };
        let invocation = invocation("sftp-server");
        let case = rights.case(&invocation);
        let inquiry = Inquiry::of(&case)?;
        let gather = || disk::gather(&inquiry, self.policy, self.account, &Opened::default());
        let facts = account::temporarily_become(self.account, gather);
        let mut facts = facts.map_err(|error| {
            let name = self.account.shown();
            Refusal::new(Stage::Host, format!("cannot look as '{name}': {error}"))
        })?;
        // Whether the server is there is another check.
        facts.program = Program::Found(PathBuf::from("/"), Needs::default());
        match decide::decide(&case, &inquiry, &facts) {
            Verdict::Granted(plan) => {
                let roots = plan.rules.roots.iter().filter(|root| root.access.writes());
                Ok(roots.map(|root| root.path.clone()).collect())
            }
            Verdict::Refused(refusal) => Err(refusal),
        }
    }

    const fn case<'a>(&'a self, invocation: &'a Invocation) -> Case<'a> {
        Case {
            policy: self.policy,
            account: self.account,
            invocation,
        }
    }
}
