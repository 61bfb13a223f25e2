//! Numbers of one call on the two architectures.

/// An architecture that the table covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit calls of x86-64. x32 calls have the same `AUDIT_ARCH` value; bit
    /// 30 of the number distinguishes them.
    X86_64,
    /// 64-bit calls of little-endian aarch64.
    Aarch64,
}

impl Architecture {
    /// The one of this build.
    #[cfg(target_arch = "x86_64")]
    pub const NATIVE: Self = Self::X86_64;
    /// The one of this build.
    #[cfg(target_arch = "aarch64")]
    pub const NATIVE: Self = Self::Aarch64;

    /// `AUDIT_ARCH_*` of `<linux/audit.h>`: the ELF machine number with the
    /// marks for 64-bit and little-endian.
    pub const fn audit(self) -> u32 {
        const WIDE_AND_LITTLE: u32 = 0xc000_0000;
        match self {
            Self::X86_64 => WIDE_AND_LITTLE | 62,
            Self::Aarch64 => WIDE_AND_LITTLE | 183,
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("xfersh has a table of system calls for x86-64 and aarch64 only");

/// The numbers of one call; `None` if the architecture does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    x86_64: Option<u32>,
    aarch64: Option<u32>,
}

impl Numbers {
    /// The number on that architecture.
    pub const fn on(self, architecture: Architecture) -> Option<u32> {
        match architecture {
            Architecture::X86_64 => self.x86_64,
            Architecture::Aarch64 => self.aarch64,
        }
    }
}

/// A call of both architectures.
pub(super) const fn both(x86_64: u32, aarch64: u32) -> Numbers {
    Numbers {
        x86_64: Some(x86_64),
        aarch64: Some(aarch64),
    }
}

/// A call that only x86-64 has.
pub(super) const fn x86(number: u32) -> Numbers {
    Numbers {
        x86_64: Some(number),
        aarch64: None,
    }
}
