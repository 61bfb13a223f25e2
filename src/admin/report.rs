//! How a verdict and a policy are printed: as text, or as one JSON object
//! with stable keys.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use crate::decide::access::Right;
use crate::decide::plan::{Argument, Plan};
use crate::decide::policy::overrides::{Override, overrides};
use crate::decide::policy::{Diagnostic, PolicyFile, Requirement};
use crate::decide::roots::directories::{DirectoryState, DirectoryStates};
use crate::decide::roots::nesting::Root;
use crate::decide::verdict::{Refusal, Verdict};
use crate::gather::kernel::Kernel;
use crate::gather::policy_file::PolicyFileError;
use crate::judge::Subject;
use crate::print::escape::{Escaped, Sentence};
use crate::print::json::Json;

/// The verdict on a command.
pub fn verdict(
    subject: &Subject,
    file: &PolicyFile,
    verdict: &Verdict,
    kernel: Kernel,
    overrides: &[Override],
    json: bool,
) -> String {
    if json {
        return format!("{}\n", verdict_json(subject, verdict, kernel, overrides));
    }
    let mut out = match verdict {
        Verdict::Granted(plan) => granted_text(plan),
        Verdict::Refused(refusal) => refused_text(refusal),
    };
    out.push_str(&policy_text(subject, file, kernel, overrides));
    out
}

/// The policy that applies to an account, and whether its directories are
/// sound.
pub fn policy(
    subject: &Subject,
    file: &PolicyFile,
    places: &DirectoryStates,
    kernel: Kernel,
    json: bool,
) -> (String, bool) {
    let absent = places.named.iter();
    let absent = absent.filter(|(_, place)| matches!(place, DirectoryState::Absent(_)));
    let absent_paths = absent.clone().map(|(path, _)| Json::path(path));
    let absent = absent.map(|(path, _)| {
        format!(
            "{} is not a directory yet; nothing else may take its name",
            Escaped::path(path)
        )
    });
    let refused = places.faults(&subject.policy, &subject.account);
    let wrong = subject.policy.check_directories(&subject.account).err();
    let faults: Vec<_> = absent
        .chain(refused.iter().map(with_hint))
        .chain(wrong.map(|error| error.to_string()))
        .collect();
    let sound = faults.is_empty();
    let overrides = overrides(&subject.policy, &subject.account, places);
    if json {
        let fields = vec![
            ("account", Json::Text(subject.account.name.clone())),
            ("faults", sentences(&faults)),
            ("absent", Json::List(absent_paths.collect())),
            ("weaker", weaker_json(subject, kernel)),
            ("overrides", super::overrides::json(&overrides)),
            ("policy", subject.policy.to_json()),
        ];
        return (format!("{}\n", Json::Object(fields)), sound);
    }
    let mut out = policy_text(subject, file, kernel, &overrides);
    for fault in faults {
        row(&mut out, "fault", &fault);
    }
    (out, sound)
}

fn with_hint(refusal: &Refusal) -> String {
    match &refusal.hint {
        Some(hint) => format!("{} ({hint})", refusal.reason),
        None => refusal.reason.to_string(),
    }
}

/// The answer if no policy can be used: every session is refused.
pub fn unusable_policy(error: &PolicyFileError) -> Json {
    let (errors, omitted): (&[Diagnostic], _) = match error {
        PolicyFileError::Wrong(wrong) => (&wrong.errors, wrong.omitted),
        _ => (&[], 0),
    };
    let each = errors.iter().map(|error| {
        Json::Object(vec![
            ("line", Json::Number(error.line.into())),
            ("column", Json::Number(error.column.into())),
            ("message", Json::sentence(&error.message)),
            ("hint", sentence_or_null(error.hint.as_deref())),
        ])
    });
    let reason = Json::sentence(&error.to_string());
    Json::Object(vec![
        ("error", reason.clone()),
        ("verdict", Json::Text("refused".to_owned())),
        ("reason", reason),
        ("stage", Json::Text("host".to_owned())),
        ("errors", Json::List(each.collect())),
        ("omitted", Json::Number(omitted as u64)),
    ])
}

fn sentence_or_null(text: Option<&str>) -> Json {
    text.map_or(Json::Null, Json::sentence)
}

fn verdict_json(
    subject: &Subject,
    verdict: &Verdict,
    kernel: Kernel,
    overrides: &[Override],
) -> Json {
    let (plan, refusal) = match verdict {
        Verdict::Granted(plan) => (Some(plan), None),
        Verdict::Refused(refusal) => (None, Some(refusal)),
    };
    let word = if plan.is_some() { "allowed" } else { "refused" };
    let protocol = match verdict {
        Verdict::Granted(plan) => Some(plan.kind.protocol().name()),
        Verdict::Refused(refusal) => refusal.protocol.map(|protocol| protocol.name()),
    };
    let roots = |wanted: fn(&Root) -> bool| {
        let roots = plan.map(|plan| plan.rules.roots.iter());
        let roots = roots.into_iter().flatten();
        let roots = roots.filter(|root| wanted(root));
        Json::List(roots.map(|root| Json::path(&root.path)).collect())
    };
    Json::Object(vec![
        ("verdict", Json::Text(word.to_owned())),
        (
            "reason",
            sentence_or_null(refusal.map(|refusal| &*refusal.reason)),
        ),
        (
            "hint",
            sentence_or_null(refusal.and_then(|refusal| refusal.hint.as_deref())),
        ),
        (
            "stage",
            Json::maybe(refusal.map(|refusal| refusal.stage.name())),
        ),
        ("protocol", Json::maybe(protocol)),
        (
            "program",
            plan.map_or(Json::Null, |plan| Json::path(&plan.program)),
        ),
        (
            "argv",
            plan.map_or(Json::Null, |plan| {
                Json::List(
                    plan.argv
                        .iter()
                        .map(|word| Json::os(literal(word)))
                        .collect(),
                )
            }),
        ),
        (
            "environment",
            plan.map_or(Json::Null, |plan| environment_json(plan)),
        ),
        (
            "start",
            plan.map_or(Json::Null, |plan| Json::path(&plan.start)),
        ),
        ("writable", roots(|root| root.access.writes())),
        (
            "readable",
            roots(|root| root.access.has(Right::Read) || root.access.has(Right::List)),
        ),
        ("absent", roots(|root| !root.exists)),
        ("weaker", weaker_json(subject, kernel)),
        ("overrides", super::overrides::json(overrides)),
        ("policy", subject.policy.to_json()),
    ])
}

fn granted_text(plan: &Plan) -> String {
    let mut out = String::from("allowed\n");
    let argv = plan.argv.iter();
    let argv = argv.map(|word| format!("\"{}\"", Escaped::os(literal(word)).cut()));
    let environment = plan.environment.iter();
    let environment =
        environment.map(|(name, value)| format!("{name}={}", Escaped::os(value).cut()));
    let umask = plan
        .umask
        .map_or("inherited".to_owned(), |mask| format!("{mask:03o}"));
    row(&mut out, "server", plan.kind.name());
    row(&mut out, "program", &path_text(&plan.program));
    let argv = argv.collect::<Vec<_>>().join(", ");
    row(&mut out, "argv", &format!("[{argv}]"));
    row(
        &mut out,
        "environment",
        &environment.collect::<Vec<_>>().join(" "),
    );
    row(&mut out, "start", &path_text(&plan.start));
    row(&mut out, "umask", &umask);
    for Root {
        path,
        exists,
        access,
        dotfiles,
    } in &plan.rules.roots
    {
        let text = format!(
            "{}  {access}, dotfiles {}{}",
            path_text(path),
            dotfiles.name(),
            if *exists { "" } else { " (absent)" }
        );
        row(&mut out, "directory", &text);
    }
    for grant in &plan.grants {
        let access = grant.access.iter().map(|right| format!("{right:?}"));
        let access = access.collect::<Vec<_>>().join(" ");
        let text = format!("{}  {access}  ({})", path_text(&grant.path), grant.reason);
        row(&mut out, "landlock", &text);
    }
    out
}

fn refused_text(refusal: &Refusal) -> String {
    let mut out = String::from("refused\n");
    row(&mut out, "stage", refusal.stage.name());
    row(&mut out, "reason", &refusal.reason);
    if let Some(hint) = &refusal.hint {
        row(&mut out, "hint", hint);
    }
    out
}

fn policy_text(
    subject: &Subject,
    file: &PolicyFile,
    kernel: Kernel,
    overrides: &[Override],
) -> String {
    let mut out = String::new();
    let source = match &file.source {
        Some(path) => path_text(path),
        None => "no policy file: the defaults apply".to_owned(),
    };
    row(&mut out, "account", &subject.account.shown().to_string());
    for weakness in weaker(subject, kernel) {
        row(&mut out, "weaker", &weakness);
    }
    row(&mut out, "policy", &source);
    for line in subject.policy.lines() {
        row(&mut out, "", &line);
    }
    for line in super::overrides::lines(overrides) {
        row(&mut out, "override", &line);
    }
    out
}

/// What is weaker than promised: because of the kernel, or by the
/// administrator's choice.
fn weaker(subject: &Subject, kernel: Kernel) -> Vec<String> {
    let missing = kernel.weaknesses();
    let mut all: Vec<_> = missing
        .map(|weakness| format!("without {}: {}", weakness.missing, weakness.open))
        .collect();
    if subject.policy.confinement.value == Requirement::BestEffort {
        all.push(
            "confinement = \"best-effort\": sessions run even if the kernel lacks a mechanism"
                .to_owned(),
        );
    }
    all
}

fn weaker_json(subject: &Subject, kernel: Kernel) -> Json {
    sentences(&weaker(subject, kernel))
}

fn sentences(texts: &[String]) -> Json {
    Json::List(texts.iter().map(|text| Json::sentence(text)).collect())
}

/// A row of text: a sentence, or values that are escaped.
fn row(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "  {label:<12} {}", Sentence(text));
}

fn path_text(path: &Path) -> String {
    Escaped::path(path).cut().to_string()
}

/// The word that the server gets; for wildcards, the one that it gets if
/// nothing matches.
fn literal(argument: &Argument) -> &OsStr {
    match argument {
        Argument::Literal(word) | Argument::Pattern { literal: word, .. } => word,
    }
}

fn environment_json(plan: &Plan) -> Json {
    let variables = plan.environment.iter();
    Json::Object(
        variables
            .map(|(name, value)| (*name, Json::os(value)))
            .collect(),
    )
}
