//! Choices that are made by bytes, so that a fuzzer can change one of them.

pub struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> From<&'a [u8]> for Choices<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }
}

impl Choices<'_> {
    pub fn are_left(&self) -> bool {
        !self.0.as_slice().is_empty()
    }

    /// A number below `bound`, which is at most 256; 0 when no byte is left.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % bound
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
