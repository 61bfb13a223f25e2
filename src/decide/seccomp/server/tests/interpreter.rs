//! As much of the kernel's classic BPF machine as a seccomp program may use.

use nix::libc::sock_filter;

/// What a program sees of a call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: u32,
    pub arch: u32,
    pub args: [u64; 6],
}

impl Call {
    /// 32 bits of `struct seccomp_data`.
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.arch,
            16..64 if offset.is_multiple_of(8) => self.args[(offset as usize - 16) / 8] as u32,
            20..64 if offset.is_multiple_of(4) => {
                (self.args[(offset as usize - 20) / 8] >> 32) as u32
            }
            _ => panic!("load from offset {offset}"),
        }
    }
}

/// The value that the program returns.
pub fn run(code: &[sock_filter], call: Call) -> u32 {
    walk(code, call).0
}

/// How many instructions it takes to get there.
pub fn steps(code: &[sock_filter], call: Call) -> usize {
    walk(code, call).1
}

fn walk(code: &[sock_filter], call: Call) -> (u32, usize) {
    let (mut at, mut accumulator, mut steps) = (0, 0u32, 0);
    loop {
        let instruction = code[at];
        at += 1;
        steps += 1;
        let holds = match instruction.code {
            0x06 => return (instruction.k, steps),
            0x20 => {
                accumulator = call.word(instruction.k);
                continue;
            }
            0x54 => {
                accumulator &= instruction.k;
                continue;
            }
            0x05 => {
                at += instruction.k as usize;
                continue;
            }
            0x15 => accumulator == instruction.k,
            0x35 => accumulator >= instruction.k,
            0x45 => accumulator & instruction.k != 0,
            other => panic!("instruction {other:#x}"),
        };
        at += usize::from(if holds {
            instruction.jt
        } else {
            instruction.jf
        });
    }
}
