//! P2 to P5 and P12: each attempt succeeds in an ordinary account, fails in ours, and leaves the disk as it was.

mod by_scp;
mod by_sftp;
mod reading;
mod server;
mod start_up;

use crate::harness::{Account, Host, Snapshot};

/// Makes an attempt as the account; returns whether the client saw it succeed, and the state of the disk just before.
pub type Attempt<'a> = &'a dyn Fn(&Host, &Account) -> (bool, Snapshot);

/// The three steps for one attempt that changes the disk; an error says which step went wrong.
pub fn three_steps(host: &Host, attempt: Attempt) -> Result<(), String> {
    host.refurnish();
    let (succeeded, before) = attempt(host, host.plain());
    let diff = before.diff(&host.disk());
    if !succeeded || diff.is_empty() {
        return Err(format!(
            "proves nothing: as an ordinary account succeeded = {succeeded}, changes:\n{diff}"
        ));
    }
    host.refurnish();
    let (succeeded, before) = attempt(host, host.alice());
    let diff = before.diff(&host.disk());
    if succeeded || !diff.is_empty() {
        return Err(format!(
            "is not stopped: succeeded = {succeeded}, changes:\n{diff}"
        ));
    }
    Ok(())
}

/// Fails with everything that went wrong in a table.
#[track_caller]
pub fn report(results: impl Iterator<Item = (&'static str, Result<(), String>)>) {
    let mut count = 0;
    let mut wrong = Vec::new();
    for (name, result) in results {
        count += 1;
        if let Err(what) = result {
            wrong.push(format!("{name}: {what}"));
        }
    }
    assert!(count > 0, "an empty table shows nothing");
    assert!(
        wrong.is_empty(),
        "{} of {count} attempts:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
