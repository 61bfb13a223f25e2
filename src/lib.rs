//! xfersh: a login shell for accounts that may copy files and do nothing else.

pub mod decide;
pub mod escape;
