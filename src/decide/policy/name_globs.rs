//! A list of patterns for names, in which a name is found without looking at
//! each of them: a policy can list a hundred thousand names, and the guard asks
//! about each file that a client touches.

use std::ops::Deref;

use super::NameGlob;

/// Patterns; a name matches the list if it matches one of them. Sorted by their
/// text, those without a wildcard first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameGlobs(Vec<NameGlob>);

impl From<Vec<NameGlob>> for NameGlobs {
    fn from(mut globs: Vec<NameGlob>) -> Self {
        // Ten thousand blocks have a list of one name each.
        if globs.len() > 1 {
            globs.sort_unstable_by(|one, other| {
                let key = |glob: &NameGlob| glob.has_wildcard();
                (key(one), one).cmp(&(key(other), other))
            });
        }
        Self(globs)
    }
}

impl NameGlobs {
    /// Whether the name matches one of the patterns: a search among those
    /// without a wildcard, a comparison with each of the others.
    pub fn matches(&self, name: &[u8]) -> bool {
        if let [glob] = &*self.0 {
            return glob.matches(name);
        }
        let (exact, wild) = self.split();
        let found = exact.binary_search_by(|glob| glob.as_str().as_bytes().cmp(name));
        found.is_ok() || wild.iter().any(|glob| glob.matches(name))
    }

    /// The patterns without a wildcard, which are names.
    pub fn exact(&self) -> &[NameGlob] {
        self.split().0
    }

    /// The patterns with a wildcard.
    pub fn wild(&self) -> &[NameGlob] {
        self.split().1
    }

    fn split(&self) -> (&[NameGlob], &[NameGlob]) {
        let exact = self.0.partition_point(|glob| !glob.has_wildcard());
        self.0.split_at(exact)
    }
}

impl Deref for NameGlobs {
    type Target = [NameGlob];

    fn deref(&self) -> &[NameGlob] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_what_its_patterns_are() {
        let texts = ["b", "a*", "*", "?c", "a", "", "zz", "b?", "-", "\u{e9}"];
        let names = ["", "a", "ab", "b", "bx", "zz", "z", "xc", "\u{e9}", "-"];
        for set in 0_usize..1 << texts.len() {
            let chosen = texts.iter().enumerate();
            let chosen = chosen.filter(|(bit, _)| set & (1 << bit) != 0);
            let globs: Vec<_> = chosen
                .map(|(_, text)| NameGlob::new((*text).to_owned()))
                .collect();
            let list = NameGlobs::from(globs.clone());
            assert_eq!(list.len(), globs.len());
            for name in names.map(str::as_bytes) {
                let expected = globs.iter().any(|glob| glob.matches(name));
                assert_eq!(list.matches(name), expected, "{globs:?} {name:?}");
            }
        }
    }
}
