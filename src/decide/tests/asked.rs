//! One question to the decision.

use std::path::Path;

use super::disk::{Disk, PLAIN};
use crate::decide::account::{Account, AccountSource};
use crate::decide::case::Case;
use crate::decide::decide;
use crate::decide::facts::{Program, ProgramFlaw, UnknownFact, UnsafeProgram};
use crate::decide::form::Inquiry;
use crate::decide::invocation::{AskedProfile, Client, Invocation, ProfileEffect};
use crate::decide::needs::Needs;
use crate::decide::policy::{self, ProfileName};
use crate::decide::profile;
use crate::decide::trust::{Distrust, EntryKind, EntryStatus};
use crate::decide::verdict::Verdict;

/// What a client asks of the account `u`, and what surrounds it.
pub struct Asked<'a> {
    invocation: Invocation,
    policy: String,
    account: Account,
    disk: Disk<'a>,
    /// The server program; `None`: it is in the first of its places.
    program: Option<Program>,
}

impl<'a> Asked<'a> {
    /// Reads the lines of a question: a name, then `KEY: VALUE` for what is not
    /// as on a plain host, then the command.
    pub fn read(question: &'a str, command: &'a str) -> Self {
        let mut asked = Self {
            invocation: Invocation {
                command: command.strip_prefix("$ ").map(Into::into),
                forced: false,
                profile: None,
                client: Client::default(),
                terminal: false,
                umask: 0o022,
            },
            policy: String::new(),
            account: Account::for_tables(),
            disk: PLAIN,
            program: None,
        };
        for line in question.lines().skip(1) {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            asked.set(key, value.trim());
        }
        asked
    }

    fn set(&mut self, key: &str, value: &'a str) {
        match key {
            "policy" => {
                self.policy += value;
                self.policy.push('\n');
            }
            "disk" => self.disk = Disk(value),
            "program" => self.program = Some(program(value)),
            "connection" => {
                self.invocation.client = Client::from_ssh_connection(value.as_bytes());
            }
            "name service" => self.account.source = AccountSource::NameService,
            "uid" => self.account.uid = value.parse().unwrap(),
            "terminal" => self.invocation.terminal = true,
            "forced" => self.invocation.forced = true,
            "umask" => self.invocation.umask = u32::from_str_radix(value, 8).unwrap(),
            "narrowed by" => self.profile(value, ProfileEffect::Narrows),
            "profile" => self.profile(value, ProfileEffect::Selects),
            _ => panic!("{key}: {value}"),
        }
    }

    fn profile(&mut self, name: &str, effect: ProfileEffect) {
        let name = ProfileName::new(name.as_bytes()).unwrap();
        self.invocation.profile = Some(AskedProfile { name, effect });
    }

    /// Asks the inquiry and then the decision, as a session does.
    pub fn verdict(&self) -> Verdict {
        let (account, invocation) = (&self.account, &self.invocation);
        let file = policy::parse(&self.policy, Path::new("policy"));
        let file = file.unwrap_or_else(|errors| panic!("{}", errors.report()));
        let policy = match profile::policy_of(&file, account, invocation) {
            Ok(policy) => policy,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        let case = Case {
            policy: &policy,
            account,
            invocation,
        };
        match Inquiry::of(&case) {
            Ok(inquiry) => {
                let program = self.program.clone();
                let facts = self.disk.facts(&inquiry, &policy, account, program);
                decide(&case, &inquiry, &facts)
            }
            Err(refusal) => Verdict::Refused(refusal),
        }
    }
}

fn program(what: &str) -> Program {
    let flaw = match what {
        "missing" => return Program::Missing,
        "unknown" => {
            return Program::Failed(UnknownFact {
                reason: "cannot look at the server program".to_owned(),
                hint: "repair it".to_owned(),
            });
        }
        "another's" => ProgramFlaw::Distrust(Distrust::Owner(EntryStatus {
            kind: EntryKind::File,
            uid: 1000,
            mode: 0o755,
        })),
        "no file" => ProgramFlaw::NotAFile,
        "not runnable" => ProgramFlaw::NotRunnable(0o700),
        "closed" => ProgramFlaw::Closed,
        found => return Program::Found(found.into(), Needs::default()),
    };
    Program::Unsafe(UnsafeProgram {
        program: "/opt/server".into(),
        at: "/opt/server".into(),
        flaw,
    })
}
