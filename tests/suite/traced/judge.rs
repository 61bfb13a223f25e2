//! Whether what a server did is within its plan.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use xfersh::decide::access::Right;
use xfersh::decide::plan::Plan;
use xfersh::decide::roots::nesting::Root;

use super::trace::{Deed, Event};

/// What no library opens, but a server opens before it has read all its arguments.
const OPENED_AT_START: &[&str] = &[
    "/etc/popt",
    "/etc/popt.d",
    "/etc/ssl/openssl.cnf",
    "/usr/lib/ssl/openssl.cnf",
    "/dev/null",
    "/dev/urandom",
];

/// What the loader and the C library look at.
const LIBRARIES: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/usr/share/locale",
];
const LIBRARY_FILES: &[&str] = &[
    "/etc/ld.so.preload",
    "/etc/ld.so.cache",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    // --munge-links: the name before each link's target, which must not exist.
    "/rsyncd-munged",
    "/etc/shells",
];

/// The actions that the policy does not cover.
pub fn outside(plan: &Plan, events: &[Event]) -> Vec<String> {
    let strange = events.iter().enumerate();
    let strange = strange.filter(|(index, event)| !is_within(plan, event, *index == 0));
    strange
        .map(|(_, event)| format!("{:?} {}: {}", event.deed, event.path.display(), event.call))
        .collect()
}

fn is_within(plan: &Plan, event: &Event, is_first: bool) -> bool {
    let path = event.path.as_path();
    let root = holding(plan, path);
    let has = |right: Right| root.is_some_and(|root| root.access.has(right));
    let any = root.is_some_and(|root| root.access.rights().next().is_some());
    let leads_to_a_root = |path: &Path| {
        let mut roots = plan.rules.roots.iter();
        roots.any(|root| root.path.starts_with(path))
    };
    match event.deed {
        Deed::Read => has(Right::Read) || is_start_up(event),
        Deed::List => has(Right::List) || path == Path::new("/etc/popt.d"),
        Deed::Look => {
            // rsync 3.5 looks at each part of a path, even one that `..` removes; nothing is there.
            let on_the_way = event.failed
                && !event.raw.contains(&b'/')
                && path.parent().is_some_and(leads_to_a_root);
            any || leads_to_a_root(path) || is_start_up(event) || path == plan.program || on_the_way
        }
        Deed::Enter => any || path == plan.start.path,
        Deed::Run => is_first && path == plan.program,
        Deed::Change => {
            // Creating a directory that exists, or writing a file that is a directory, has no effect.
            let inside = |root: &Root| root.path != path || event.failed;
            root.is_some_and(|root| inside(root) && root.access.writes())
                || event.raw == b"/dev/null"
        }
        Deed::Attributes => root.is_some_and(|root| root.access.writes()),
    }
}

/// The most specific directory of the policy that contains a path.
fn holding<'a>(plan: &'a Plan, path: &Path) -> Option<&'a Root> {
    let holds = plan
        .rules
        .roots
        .iter()
        .filter(|root| path.starts_with(&root.path));
    holds.max_by_key(|root| root.path.components().count())
}

/// A file that is named as library code names it, not as an argument does.
fn is_start_up(event: &Event) -> bool {
    let raw = Path::new(std::ffi::OsStr::from_bytes(&event.raw));
    let climbs = raw
        .components()
        .any(|part| part == std::path::Component::ParentDir);
    let below = |places: &[&str]| places.iter().any(|place| raw.starts_with(place));
    let exactly = |places: &[&str]| places.iter().any(|place| raw == Path::new(place));
    if exactly(OPENED_AT_START)
        || (raw.ends_with("gconv/gconv-modules.cache") && raw.starts_with("/usr/lib"))
    {
        return true;
    }
    let by_library = event.by_a_library || event.deed == Deed::Look;
    by_library && !climbs && (below(LIBRARIES) || exactly(LIBRARY_FILES))
}
