//! The directories of the policy: can the account use them?

use std::path::Path;

use crate::admin::doctor::facts::database::{Database, Person};
use crate::admin::doctor::facts::places::{Children, NamedPlace, PlaceState, Places};
use crate::admin::doctor::finding::{Finding, decision, quoted, word};
use crate::decide::trust::is_of_the_system;
use crate::gather::policy_file::POLICY;
use crate::gather::trust::PathEntry;
use crate::print::escape::Escaped;

/// Which of them are findings. `home` is everything on the way to the home;
/// `database` says what belongs to whom.
pub fn judge(
    person: &Person,
    places: &Places,
    home: &[PathEntry],
    database: &Database,
) -> Vec<Finding> {
    let each = places.named.iter();
    let mut findings: Vec<_> = each
        .filter_map(|place| judge_one(person, place, database))
        .collect();
    let mut writable = places.named.iter().filter(|place| place.writes);
    let usable = writable.any(|place| place.state == PlaceState::Usable);
    match &places.children {
        Some(Children::NotListed) => findings.push(not_listed(person, home, database)),
        Some(Children::Found { usable: true, .. }) | None => {}
        Some(Children::Found {
            count,
            uploads_is_free,
            ..
        }) if !usable => {
            let way = uploads_is_free.then_some(home);
            findings.push(none_found(person, *count, way));
        }
        Some(Children::Found { .. }) => {}
    }
    findings
}

fn judge_one(person: &Person, place: &NamedPlace, database: &Database) -> Option<Finding> {
    let name = person.account.shown();
    let shown = Escaped::path(&place.path);
    let finding = match &place.state {
        PlaceState::Usable => return None,
        PlaceState::Missing(way) => {
            let what = if place.writes { "written" } else { "read" };
            let say = format!(
                "{shown}, which the policy lets {name} use, is missing: nothing can be {what} there."
            );
            Finding::warning("directory-missing", say, create(person, &place.path, way))
        }
        PlaceState::Closed(way) => {
            let entry = way.last()?;
            let at = Escaped::path(&entry.path);
            let say = format!(
                "{at} (mode {:04o}) does not let {name} pass to {shown}: every session is refused, because the rules of that directory could not be enforced.",
                entry.status.mode
            );
            Finding::serious("directory-closed", say, open(person, way, database))
        }
        PlaceState::NotADirectory => {
            let say = format!("{shown}, which the policy lets {name} use, is not a directory.");
            Finding::warning("directory-type", say, change_policy(&place.path))
        }
        PlaceState::NotWritable(way) => {
            let say = format!(
                "{name} may not create anything in {shown}, though the policy makes it writable."
            );
            let fix = let_write(person, way, database);
            Finding::warning("directory-not-writable", say, fix)
        }
        PlaceState::ReadOnly => {
            let say = format!(
                "{shown} is writable by the policy, but it is on a mount that is read-only."
            );
            let fix = decision(&format!(
                "mount it for writing (findmnt -T {shown} shows the mount), or change the policy: {POLICY}"
            ));
            Finding::warning("directory-read-only", say, fix)
        }
        PlaceState::Failed(error) => {
            let say = format!("{shown} could not be examined: {error}.");
            Finding::serious(
                "not-examined",
                say,
                format!("ls -ld {}", quoted(&place.path)),
            )
        }
    };
    Some(finding)
}

fn change_policy(path: &Path) -> String {
    decision(&format!(
        "{} is not for this account: name another directory in {POLICY}",
        Escaped::path(path)
    ))
}

/// Creates a directory: where root alone decides what is on the way, as root,
/// and in a directory of the account with its rights, so that no link leads
/// root astray. Nothing that exists gets another owner.
fn create(person: &Person, path: &Path, way: &[PathEntry]) -> String {
    let account = &person.account;
    let (name, path_word) = (word(&account.name), quoted(path));
    let by_root = only_root_replaces(way);
    let by_account = way
        .last()
        .is_some_and(|last| last.status.uid == account.uid);
    if by_root && !way.is_empty() {
        format!(
            "install -d -o {name} -g {} -m 0750 {path_word}",
            account.gid
        )
    } else if by_account {
        format!("runuser -u {name} -- mkdir -p -m 0750 {path_word}")
    } else {
        change_policy(path)
    }
}

/// Lets the account pass a directory, and nobody else.
fn open(person: &Person, way: &[PathEntry], database: &Database) -> String {
    let name = person.account.shown();
    let says = format!("lets {name} pass, and changes nothing for others");
    grant(person, way, "x", &says, database)
}

/// Lets the account write in a directory that exists. It keeps its owner, its
/// group and the rights of others.
fn let_write(person: &Person, way: &[PathEntry], database: &Database) -> String {
    match way.last() {
        Some(last) if is_of_the_system(&last.path) => change_policy(&last.path),
        _ => {
            let name = person.account.shown();
            let says = format!("lets {name} write there, and changes nothing for its owner");
            grant(person, way, "rwx", &says, database)
        }
    }
}

/// Gives the account rights on a directory: with the rights of its owner, so
/// that no link that takes its name meanwhile leads to anything else; as root
/// only where root alone can replace a name on the way.
fn grant(
    person: &Person,
    way: &[PathEntry],
    rights: &str,
    says: &str,
    database: &Database,
) -> String {
    let account = &person.account;
    let name = word(&account.name);
    let Some((last, above)) = way.split_last() else {
        return decision("change the policy");
    };
    let (path, uid) = (quoted(&last.path), last.status.uid);
    if uid == account.uid {
        return format!("runuser -u {name} -- chmod u+rwx {path}");
    }
    if belongs_to_others(&last.path, person, database) {
        return change_policy(&last.path);
    }
    let set = format!("setfacl -m u:{name}:{rights} {path} # {says}");
    match database.name_of(uid) {
        _ if uid == 0 && only_root_replaces(above) => set,
        Some(owner) if uid != 0 => format!("runuser -u {} -- {set}", word(owner)),
        _ => decision(&format!(
            "give {} the right {rights} on {} (setfacl), or name another directory in {POLICY}",
            account.shown(),
            Escaped::path(&last.path)
        )),
    }
}

/// Whether nobody but root can give a name on this way to something else.
pub fn only_root_replaces(way: &[PathEntry]) -> bool {
    way.iter().all(|entry| entry.status.is_trusted())
}

/// Whether a path is root's home or another account's, or in it.
fn belongs_to_others(path: &Path, person: &Person, database: &Database) -> bool {
    let account = &person.account;
    let others = database.people.iter();
    let mut homes = others
        .filter(|other| other.account.name != account.name)
        .map(|other| other.account.home.as_path())
        .filter(|home| !is_of_the_system(home) && !account.home.starts_with(home));
    path.starts_with("/root") || homes.any(|home| path.starts_with(home))
}

/// That `~/*` cannot be looked up.
fn not_listed(person: &Person, home: &[PathEntry], database: &Database) -> Finding {
    let account = &person.account;
    let (name, shown) = (account.shown(), Escaped::path(&account.home));
    let say = format!(
        "{name} cannot list its home {shown}, so \"~/*\" finds no directory there: every session is refused."
    );
    let says = format!("lets {name} list its home, and changes nothing for others");
    let fix = grant(person, home, "rx", &says, database);
    Finding::serious("home-not-listed", say, fix)
}

/// That no directory in the home can be written. `way` leads to the home, if
/// the name `uploads` is free in it.
fn none_found(person: &Person, count: usize, way: Option<&[PathEntry]>) -> Finding {
    let account = &person.account;
    let (name, home) = (account.shown(), Escaped::path(&account.home));
    let what = match count {
        0 => format!("\"~/*\" finds no directory in {home}"),
        count => format!("{name} may write in none of the directories in {home} ({count})"),
    };
    let say = format!("{what}: every upload of {name} is refused.");
    let fix = match way {
        Some(way) if !way.is_empty() => create(person, &account.home.join("uploads"), way),
        _ => decision(&format!(
            "create a directory in {home} that belongs to {name}, or name another one in {POLICY}"
        )),
    };
    Finding::warning("no-writable-directory", say, fix)
}
