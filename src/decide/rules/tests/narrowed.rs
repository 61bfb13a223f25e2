//! What two policies say of a place: where a profile narrows the account's own.

use super::*;
use crate::decide::roots::nesting::{Narrowed, PolicyRights};

/// A root with these rights by the account's own policy and by the profile.
fn narrowed(path: &str, own: &[Right], profile: &[Right]) -> Root {
    let rights = |rights| PolicyRights {
        access: Access::of(rights),
        dotfiles: Dotfiles::Protected,
        is_root: true,
        below_dotfile: false,
    };
    let sides = Narrowed {
        own: Some(rights(own)),
        profile: Some(rights(profile)),
    };
    Root {
        narrowed: Some(sides),
        ..root(path, sides.access(), sides.dotfiles())
    }
}

/// The sessions without the profile could read there what they could not.
#[test]
fn what_is_gained_without_the_profile_counts() {
    use Right::{Create, Link, Read, Rename};
    let rights = [&[Create, Link, Rename][..], &[Create, Link, Rename, Read]];
    let state = FileState {
        kind: FileKind::File,
        links: 1,
        own_names: None,
        is_rsync_temporary: false,
        is_log: false,
    };
    // The rights that the source and the target have, by each policy.
    for sides in 0..16_usize {
        let of = |bit: usize| rights[sides >> bit & 1];
        let roots = vec![
            narrowed("/srv/a", of(0), of(1)),
            narrowed("/srv/b", of(2), of(3)),
        ];
        let rules = Rules {
            roots: roots.into(),
            ..rules()
        };
        let at = |path: &str| Place::by_text(Path::new(path), &rules.roots, Path::new("/home/u"));
        let (from, to) = (at("/srv/a/x"), at("/srv/b/x"));
        let gains = |from: usize, to: usize| sides >> from & 1 < sides >> to & 1;
        let expected = !gains(0, 2) && !gains(1, 3);
        let linked = link(&rules, &from, &to, &state, false);
        assert_eq!(linked.is_ok(), expected, "link {sides:04b}");
        let renamed = super::super::rename(&rules, &from, &to, &state, Contents::Others, false);
        assert_eq!(renamed.is_ok(), expected, "rename {sides:04b}");
    }
}
