//! How a verdict and a policy are printed: as text, or as one JSON object
//! with stable keys.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use super::summary::Summary;
use crate::decide::access::Right;
use crate::decide::invocation::{AskedProfile, ProfileEffect};
use crate::decide::plan::{Argument, Plan};
use crate::decide::policy::overrides::Override;
use crate::decide::policy::{Diagnostic, Policy, PolicyFile, Requirement};
use crate::decide::roots::directories::{DirectoryState, DirectoryStates};
use crate::decide::roots::nesting::Root;
use crate::decide::verdict::{Refusal, Stage, Verdict};
use crate::gather::kernel::Kernel;
use crate::gather::policy_file::PolicyFileError;
use crate::judge::Subject;
use crate::print::escape::{Escaped, Sentence};
use crate::print::json::Json;

/// As many directories are named in a refusal.
const PLACES_MAX: usize = 20;

/// What is printed beside the answer itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The account and its policy.
    pub subject: &'a Subject,
    /// The policy file.
    pub file: &'a PolicyFile,
    /// What the policy means for the account.
    pub summary: &'a Summary<'a>,
    /// What the kernel has.
    pub kernel: Kernel,
    /// The profile of the session that is asked about.
    pub profile: Option<&'a AskedProfile>,
    /// Where one entry overrides another.
    pub overrides: &'a [Override],
    /// Whether keys that have their defaults are printed.
    pub verbose: bool,
}

/// The verdict on a command.
pub fn verdict(context: &Context<'_>, verdict: &Verdict, json: bool) -> String {
    if json {
        return format!("{}\n", verdict_json(context, verdict));
    }
    let mut out = match verdict {
        Verdict::Granted(plan) => granted_text(plan),
        Verdict::Refused(refusal) => refused_text(refusal, context.summary),
    };
    out.push_str(&policy_text(context));
    out
}

/// What the account may do.
pub fn policy(context: &Context<'_>, places: &DirectoryStates, json: bool) -> String {
    let summary = context.summary;
    if json {
        let absent = places.named.iter();
        let absent = absent.filter(|(_, place)| matches!(place, DirectoryState::Absent(_)));
        let absent = absent.map(|(path, _)| Json::path(path));
        let mut fields = vec![("account", Json::Text(context.subject.account.name.clone()))];
        fields.extend(summary.fields());
        fields.extend([
            ("faults", sentences(&summary.faults)),
            ("notes", sentences(&summary.notes)),
            ("absent", Json::List(absent.collect())),
            (
                "weaker",
                weaker_json(&context.subject.policy, context.kernel),
            ),
            ("overrides", super::overrides::json(context.overrides)),
        ]);
        fields.extend(profile_json(context));
        return format!("{}\n", Json::Object(fields));
    }
    let mut out = summary.text();
    if let Some(start) = summary.start() {
        row(&mut out, "start", &start);
    }
    row(&mut out, "limits", &summary.limits());
    out.push_str(&policy_text(context));
    for note in &summary.notes {
        row(&mut out, "note", note);
    }
    for fault in &summary.faults {
        row(&mut out, "fault", fault);
    }
    out
}

/// A policy file that has no errors, without asking what it means for anybody.
pub fn file(file: &PolicyFile, kernel: Kernel, verbose: bool, json: bool) -> String {
    let policy = file.outside_blocks();
    if json {
        let fields = vec![
            ("account", Json::Null),
            ("errors", Json::List(Vec::new())),
            ("weaker", weaker_json(&policy, kernel)),
            ("policy", policy.to_json()),
        ];
        return format!("{}\n", Json::Object(fields));
    }
    let blocks = file.matches.len();
    let mut out = match &file.source {
        Some(_) => format!("The policy has no errors ({blocks} [[match]] blocks).\n"),
        None => "There is no policy file: the defaults apply.\n".to_owned(),
    };
    let more = "xfersh --check --user NAME says what it means for an account";
    row(&mut out, "more", more);
    weaker_text(&mut out, &policy, kernel);
    source_text(&mut out, file, &policy, verbose);
    out
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

fn verdict_json(context: &Context<'_>, verdict: &Verdict) -> Json {
    let (plan, refusal) = match verdict {
        Verdict::Granted(plan) => (Some(plan), None),
        Verdict::Refused(refusal) => (None, Some(refusal)),
    };
    let word = if plan.is_some() { "allowed" } else { "refused" };
    let protocol = match verdict {
        Verdict::Granted(plan) => Some(plan.kind.protocol().name()),
        Verdict::Refused(refusal) => refusal.protocol.map(|protocol| protocol.name()),
    };
    let by_place = refusal.is_some_and(|refusal| refusal.stage == Stage::Path);
    let instead = by_place.then_some(context.summary);
    let roots = |wanted: fn(&Root) -> bool| {
        let planned = plan.into_iter().flat_map(|plan| plan.rules.roots.iter());
        let instead = instead.into_iter().flat_map(Summary::roots);
        let roots = planned.chain(instead).filter(|root| wanted(root));
        Json::List(roots.map(|root| Json::path(&root.path)).collect())
    };
    let target = refusal.and_then(|refusal| refusal.target.as_deref());
    let start_reason = plan.and_then(|plan| plan.start.instead.as_deref());
    let mut fields = vec![
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
        ("target", target.map_or(Json::Null, Json::path)),
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
            plan.map_or(Json::Null, |plan| Json::path(&plan.start.path)),
        ),
        ("start_reason", sentence_or_null(start_reason)),
        ("writable", roots(|root| root.access.writes())),
        (
            "readable",
            roots(|root| root.access.has(Right::Read) || root.access.has(Right::List)),
        ),
        ("absent", roots(|root| !root.exists)),
        (
            "weaker",
            weaker_json(&context.subject.policy, context.kernel),
        ),
        ("overrides", super::overrides::json(context.overrides)),
    ];
    fields.extend(profile_json(context));
    Json::Object(fields)
}

/// The profile, and the policy that holds with it.
fn profile_json(context: &Context<'_>) -> [(&'static str, Json); 4] {
    let policy = &context.subject.policy;
    let profile = context.profile;
    let within = policy.within.as_ref();
    [
        (
            "profile",
            Json::maybe(profile.map(|asked| asked.name.as_str())),
        ),
        (
            "profile_effect",
            Json::maybe(profile.map(|asked| asked.effect.name())),
        ),
        ("within", within.map_or(Json::Null, |own| own.to_json())),
        ("policy", policy.to_json()),
    ]
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
    let instead = plan.start.instead.as_ref();
    let instead = instead.map_or_else(String::new, |why| format!("  ({why})"));
    let start = path_text(&plan.start.path);
    row(&mut out, "start", &format!("{start}{instead}"));
    row(&mut out, "umask", &umask);
    for Root {
        path,
        exists,
        access,
        dotfiles,
        ..
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

fn refused_text(refusal: &Refusal, summary: &Summary<'_>) -> String {
    let mut out = String::from("refused\n");
    row(&mut out, "stage", refusal.stage.name());
    row(&mut out, "reason", &refusal.reason);
    if let Some(hint) = &refusal.hint {
        row(&mut out, "hint", hint);
    }
    if let Some(target) = &refusal.target {
        row(&mut out, "target", &path_text(target));
        places_text(&mut out, "writable", summary.writable());
        places_text(&mut out, "readable", summary.readable());
    }
    out
}

/// Directories that a client could have named instead.
fn places_text<'a>(out: &mut String, label: &str, places: impl Iterator<Item = &'a Root>) {
    let mut places = places.peekable();
    if places.peek().is_none() {
        row(out, label, "nothing");
    }
    for root in places.by_ref().take(PLACES_MAX) {
        let (path, access) = (path_text(&root.path), root.access);
        row(out, label, &format!("{path}  {access}"));
    }
    if let count @ 1.. = places.count() {
        row(out, label, &format!("and {count} more"));
    }
}

fn policy_text(context: &Context<'_>) -> String {
    let mut out = String::new();
    let (policy, account) = (&context.subject.policy, &context.subject.account);
    row(&mut out, "account", &account.shown().to_string());
    if let Some(asked) = context.profile {
        row(&mut out, "profile", &profile_text(asked));
    }
    weaker_text(&mut out, policy, context.kernel);
    source_text(&mut out, context.file, policy, context.verbose);
    if let Some(own) = &policy.within {
        row(&mut out, "within", "the account's own policy:");
        lines_text(&mut out, own, context.verbose);
    }
    for line in super::overrides::lines(context.overrides) {
        row(&mut out, "override", &line);
    }
    out
}

/// Where the policy comes from, and what it says.
fn source_text(out: &mut String, file: &PolicyFile, policy: &Policy, verbose: bool) {
    let source = match &file.source {
        Some(path) => path_text(path),
        None => "no policy file: the defaults apply".to_owned(),
    };
    row(out, "policy", &source);
    lines_text(out, policy, verbose);
}

fn profile_text(asked: &AskedProfile) -> String {
    let name = &asked.name;
    let means = match asked.effect {
        ProfileEffect::Selects => {
            "its [[match]] blocks hold as well: another login shell runs the forced command"
        }
        ProfileEffect::Narrows => {
            "only what it and the account's own policy both allow: the login shell is xfersh"
        }
    };
    format!("{name}: {means}")
}

fn lines_text(out: &mut String, policy: &Policy, verbose: bool) {
    let lines = if verbose {
        policy.lines()
    } else {
        policy.lines_of_file()
    };
    for line in lines {
        row(out, "", &line);
    }
}

fn weaker_text(out: &mut String, policy: &Policy, kernel: Kernel) {
    for weakness in weaker(policy, kernel) {
        row(out, "weaker", &weakness);
    }
}

/// What is weaker than promised: because of the kernel, or by the
/// administrator's choice.
fn weaker(policy: &Policy, kernel: Kernel) -> Vec<String> {
    let missing = kernel.weaknesses();
    let mut all: Vec<_> = missing
        .map(|weakness| format!("without {}: {}", weakness.missing, weakness.open))
        .collect();
    if policy.confinement.value == Requirement::BestEffort {
        all.push(
            "confinement = \"best-effort\": sessions run even if the kernel lacks a mechanism"
                .to_owned(),
        );
    }
    all
}

fn weaker_json(policy: &Policy, kernel: Kernel) -> Json {
    sentences(&weaker(policy, kernel))
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
