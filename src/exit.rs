//! The exit statuses of xfersh. A session that was served ends with the
//! server's own status.

/// How a call of xfersh ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The dry run allows the command, the doctor finds nothing serious.
    Success,
    /// `--check --live`, `--doctor`: a promise does not hold here, or
    /// something serious was found.
    Finding,
    /// An administrator's call could not be carried out: wrong usage, or an
    /// error in the policy file.
    Usage,
    /// xfersh itself failed.
    Failed,
    /// The request is refused; sh(1) uses the same status for a command that
    /// it may not run.
    Refused,
    /// The server's own status.
    Server(u8),
}

impl Exit {
    /// The status as exit(3) takes it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Finding => 1,
            Self::Usage => 2,
            Self::Failed => 125,
            Self::Refused => 126,
            Self::Server(code) => code,
        }
    }
}
