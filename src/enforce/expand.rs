//! Wildcards of `scp -f`, expanded inside the confinement: no name outside
//! the readable directories can be matched, so none leaks.

use std::ffi::OsString;

use glob::MatchOptions;

use crate::decide::plan::Argument;

/// As sh(1) does it: `*` matches neither a slash nor a leading dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The argument vector with its patterns expanded, in the order of the
/// names. A pattern that nothing matches (or that is none) stays as it was
/// written, as in sh(1).
#[must_use]
pub fn expand(argv: &[Argument]) -> Vec<OsString> {
    let mut out = Vec::with_capacity(argv.len());
    for argument in argv {
        match argument {
            Argument::Literal(word) => out.push(word.clone()),
            Argument::Pattern { pattern, literal } => {
                let before = out.len();
                let pattern = pattern.to_str().unwrap_or_default();
                // The crate drops a slash at the end, which means "the content
                // of" to rsync and "a directory" to all.
                let end = if pattern.ends_with('/') { "/" } else { "" };
                if let Ok(paths) = glob::glob_with(pattern, OPTIONS) {
                    out.extend(paths.flatten().map(|path| {
                        let mut word = OsString::from(path);
                        word.push(end);
                        word
                    }));
                }
                if out.len() == before {
                    out.push(literal.clone());
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slash_at_the_end_stays() {
        let pattern = |pattern: &str| Argument::Pattern {
            pattern: pattern.into(),
            literal: "unmatched".into(),
        };
        let argv = [
            pattern("/us[r]/"),
            pattern("/us[r]"),
            pattern("/us[r]/x*y*z/"),
        ];
        assert_eq!(expand(&argv), ["/usr/", "/usr", "unmatched"]);
    }
}
