//! A verdict as a text: a line for each part of it that is not as in the
//! plainest plan, and for each that differs between requests.

use std::fmt::Write as _;

use crate::decide::plan::{Argument, Grant, Lookup, Plan};
use crate::decide::policy::{Requirement, Symlinks};
use crate::decide::verdict::Refusal;

/// The rows for the start of a server, which most plans share.
pub fn is_for_the_start(grant: &Grant) -> bool {
    grant.reason != "the server program" && !grant.reason.ends_with("directory of the policy")
}

pub fn grant(grant: &Grant) -> String {
    let rights: Vec<_> = grant.access.iter().map(|one| format!("{one:?}")).collect();
    let lookup = match grant.lookup {
        Lookup::Exact => "",
        Lookup::Follow => " follow",
        Lookup::FollowLast => " follow last",
        Lookup::DirectoryItself => " itself",
    };
    format!("{} {}{lookup}", grant.path.display(), rights.join(" "))
}

fn argument(argument: &Argument) -> String {
    match argument {
        Argument::Literal(word) => word.to_str().unwrap().to_owned(),
        Argument::Pattern {
            pattern,
            literal,
            recursive,
        } => {
            let below = if *recursive { " recursive" } else { "" };
            format!("<{pattern:?} or {literal:?}{below}>").replace('"', "")
        }
    }
}

pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name} {value}");
    };
    let argv: Vec<_> = plan.argv.iter().map(argument).collect();
    line(plan.kind.name(), &plan.program.to_string_lossy());
    line("argv", &argv.join("|"));
    let environment = plan.environment.iter();
    let environment = environment.map(|(name, value)| format!("{name}={}", value.display()));
    line("env", &environment.collect::<Vec<_>>().join("|"));
    line("start", &plan.start.path.to_string_lossy());
    line("home", &plan.rules.home.to_string_lossy());
    for root in &plan.rules.roots {
        let absent = if root.exists { "" } else { " absent" };
        let (path, dotfiles) = (root.path.display(), root.dotfiles.name());
        let narrowed = if root.narrowed.is_some() {
            " narrowed"
        } else {
            ""
        };
        line(
            "root",
            &format!("{path} {} {dotfiles}{absent}{narrowed}", root.access),
        );
    }
    for row in plan.grants.iter().filter(|row| !is_for_the_start(row)) {
        line("grant", &grant(row));
    }
    let rules = &plan.rules;
    let flags = [
        ("watch", rules.watch_reads, "reads"),
        ("watch", rules.watch_named_reads, "named reads"),
        ("log", rules.log_reads, "reads"),
        ("allow", rules.rsync_temporaries, "temporaries of rsync"),
        (
            "symlinks",
            rules.symlinks != Symlinks::Inside,
            rules.symlinks.name(),
        ),
        (
            "confinement",
            plan.confinement != Requirement::Required,
            plan.confinement.name(),
        ),
        (
            "audit",
            plan.audit != Requirement::BestEffort,
            plan.audit.name(),
        ),
    ];
    for (name, _, value) in flags.into_iter().filter(|(_, is_set, _)| *is_set) {
        line(name, value);
    }
    let masks = [
        ("umask", plan.umask),
        ("file_mode_max", rules.file_mode_max),
        ("directory_mode_max", rules.directory_mode_max),
        ("file_mode_min", rules.file_mode_min),
        ("directory_mode_min", rules.directory_mode_min),
    ];
    for (name, mask) in masks {
        if let Some(mask) = mask {
            line(name, &format!("{mask:04o}"));
        }
    }
    let limits = &plan.limits;
    let numbers = [
        ("max_sessions", limits.max_sessions.map(u64::from)),
        (
            "idle_timeout",
            limits.idle_timeout.map(|time| time.as_secs()),
        ),
        (
            "max_session_time",
            limits.max_session_time.map(|time| time.as_secs()),
        ),
        ("max_bytes", limits.max_bytes),
        ("max_file_size", limits.max_file_size),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            line(name, &number.to_string());
        }
    }
    let names = &rules.dotfile_names;
    let exceptions = [
        ("names", Some(&names.names)),
        ("own names", names.own.as_ref()),
    ];
    for (name, globs) in exceptions {
        let globs = globs.filter(|globs| globs.iter().next().is_some());
        if let Some(globs) = globs {
            let globs: Vec<_> = globs.iter().map(ToString::to_string).collect();
            line(name, &globs.join(" "));
        }
    }
    for file in &rules.library_files {
        line("library", &file.to_string_lossy());
    }
    for socket in &rules.name_service_sockets {
        line("socket", &socket.to_string_lossy());
    }
    text
}

pub fn refusal(refusal: &Refusal) -> String {
    let protocol = refusal.protocol.map_or("-", |protocol| protocol.name());
    format!("{}, {protocol}: {}", refusal.stage, refusal.reason)
}
