//! What must be true whatever bytes come in: one function for each kind of input, which panics if it is not true.
//!
//! cargo-fuzz calls them with bytes that it generates (`tests/extended/fuzz`), the suite with a fixed number of seeded
//! ones and with the inputs that the fuzzer found worth keeping (`properties::`).

mod command;
mod elf;
mod log;
mod narrow;
mod policy;
pub mod rsync_table;
mod text;

pub use command::command;
pub use elf::elf;
pub use log::log_line;
pub use narrow::{Narrowed, narrow, narrow_nothing};
pub use policy::{policy, policy_for};
pub use text::{pattern, text, words};

use xfersh::decide::invocation::Client;
use xfersh::guard::decode::decode;

/// Panics if something is not true of these bytes.
pub type Check = fn(&[u8]);

/// The function behind each file of `fuzz_targets`.
pub const TARGETS: &[(&str, Check)] = &[
    ("call", call),
    ("client", client),
    ("command", command),
    ("elf", elf),
    ("log_line", log_line),
    ("narrow", |bytes| {
        narrow(bytes);
        narrow_nothing(bytes);
    }),
    ("pattern", pattern),
    ("policy", policy),
    ("policy_for", |bytes| {
        policy_for(bytes);
    }),
    ("text", text),
    ("words", words),
];

/// What sshd says about the connection, which a client may set if `AcceptEnv` or `PermitUserEnvironment` allows it.
pub fn client(bytes: &[u8]) {
    let client = Client::from_ssh_connection(bytes);
    if let Some((client, server)) = client.connection {
        // What the server gets is rebuilt, and says the same.
        let text = format!(
            "{} {} {} {}",
            client.ip(),
            client.port(),
            server.ip(),
            server.port()
        );
        let again = Client::from_ssh_connection(text.as_bytes());
        assert_eq!(again.connection, Some((client, server)), "{text}");
    }
}

/// A call of the server as the kernel reports it: a number and six registers.
pub fn call(bytes: &[u8]) {
    let mut words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let number = u32::try_from(words.next().unwrap_or(0) % 1024).expect("below 1024");
    let registers = std::array::from_fn(|_| words.next().unwrap_or(0));
    let call = decode(number, &registers);
    assert!(!call.name().is_empty());
}
