//! What must be true whatever bytes come in: one function for each kind of input, which panics if it is not true.
//!
//! cargo-fuzz calls them with bytes that it generates (`cargo +nightly fuzz run --fuzz-dir tests/fuzz -s none
//! command`), the suite with a fixed number of seeded ones (`properties::`).

mod command;
mod elf;
mod policy;
mod text;

pub use command::command;
pub use elf::elf;
pub use policy::{policy, policy_for};
pub use text::{pattern, text, words};

use xfersh::decide::invocation::Client;
use xfersh::guard::decode::decode;

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
