//! A build with the mistake that the guard must not make: it judges a call and then lets the kernel do it.

use crate::harness::Mutant;

pub const CONTINUING: Mutant = Mutant {
    name: "continuing",
    changes: &[
        // Every operation confirms its caller after it was judged and before it is done.
        (
            "src/guard/channel.rs",
            "Ok(Waits::confirmed())",
            "Err(Errno::EHWPOISON.into())",
        ),
        (
            "src/guard/serve.rs",
            "            Err(CallError::Errno(errno)) => {",
            "            Err(CallError::Errno(Errno::EHWPOISON)) => self.channel.listener.let_through_unchecked(id),\n            \
             Err(CallError::Errno(errno)) => {",
        ),
        // The second layer would stop most of what the kernel then does.
        (
            "src/guard/start.rs",
            "    confined.server_layer().irrevocably_enter()?;\n",
            "    let _ = confined.server_layer();\n",
        ),
    ],
};
