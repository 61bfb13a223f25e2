//! `rsync --server` at the other end of a real client.

use super::arity::compare;
use super::lines::{CLIENTS, Lines};
use super::stage::{POLICY, Stage, quoted, shown};
use crate::corpus::commands;
use crate::harness::skipped;
use crate::model::random::Random;
use crate::properties::kept;

use xfersh::decide::command::words::split;

/// Lines that run in a normal test run, each way.
const LINES: usize = 120;

/// How many run, and from which seed: tests/extended/traced asks for more.
fn asked_for(seed: u64) -> (u64, usize) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>());
    let number = |name| number(name).map(|number| number.expect(name));
    let lines = number("XFERSH_TRACED_LINES").map(|lines| usize::try_from(lines).expect("lines"));
    let seed = number("XFERSH_TRACED_SEED").map_or(seed, |more| seed + 1000 * more);
    (seed, lines.unwrap_or(LINES))
}

/// How a client is called that asks `asked` for its server.
struct Talk {
    client: Vec<String>,
    asked: Vec<Vec<u8>>,
}

fn talks(stage: &Stage, sends: bool) -> Vec<Talk> {
    let paths: &[&[&str]] = if sends {
        &[&["host:x", "back"]]
    } else {
        &[
            &["src/", "host:x"],
            &["src/a", "host:x"],
            &["src/a", "src/sub", "host:x"],
        ]
    };
    let mut talks = Vec::new();
    for options in CLIENTS {
        for paths in paths {
            talks.push([*options, *paths].concat());
        }
    }
    for list in ["--files-from=:list", "--files-from=:x"] {
        talks.push([&["-a", list], paths[0]].concat());
    }
    if sends && stage.trusts() {
        // The names that come are not those that the client asked for.
        talks
            .iter_mut()
            .for_each(|client| client.insert(0, "--trust-sender"));
    }
    let talks = talks.into_iter().filter_map(|client| {
        let asked = stage.asked(&client)?;
        let client = client.into_iter().map(str::to_owned).collect();
        Some(Talk { client, asked })
    });
    talks.collect()
}

/// Runs accepted lines until there have been `count`; reports what each touched that it must not.
fn run(stage: &Stage, sends: bool, seed: u64, count: usize) {
    let talks = talks(stage, sends);
    let mut lines = Lines {
        random: Random::new(seed),
        sends,
    };
    let (mut tried, mut above, mut accepted, mut went_well, mut changes) = (0, 0, 0, 0, 0);
    let mut wrong = Vec::new();
    while accepted < count {
        let at = lines.random.below(talks.len());
        let talk = &talks[at];
        let line = lines.line(&talk.asked);
        tried += 1;
        let Some(served) = stage.served(&line) else {
            continue;
        };
        let mut operands = served.argv.iter().skip_while(|word| *word != b"--").skip(2);
        if operands.any(|path| stage.lies_above(&served, path)) {
            above += 1;
            continue;
        }
        accepted += 1;
        let client: Vec<_> = talk.client.iter().map(String::as_str).collect();
        let seen = stage.run(&served, &client);
        went_well += usize::from([0, 23].contains(&seen.client.code()));
        changes += seen.changes;
        let mut touched = seen.outside;
        // If a dry run has no directory to look at, it looks at the one in which it was started.
        if talk.asked.iter().any(|word| word.starts_with(b"-n")) {
            touched.retain(|deed| !deed.starts_with("Look "));
        }
        if !touched.is_empty() {
            touched.truncate(5);
            let touched = touched.join("\n    ");
            wrong.push(format!("{}\n    {touched}", shown(&line)));
        }
        if seen.changes > 0 {
            stage.furnish();
        }
    }
    println!(
        "{tried} lines, {above} above the policy, {accepted} accepted, {went_well} transfers, {changes} changes"
    );
    assert!(
        went_well * 3 > accepted,
        "hardly a client was served: {went_well} of {accepted}"
    );
    assert!(
        sends || changes > accepted,
        "hardly anything was written: {changes}"
    );
    assert!(
        wrong.is_empty(),
        "{} lines:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_is_sent_lies_within_the_policy() {
    let (seed, lines) = asked_for(1);
    run(&Stage::new(POLICY), true, seed, lines);
}

#[test]
fn what_is_received_lies_within_the_policy() {
    let (seed, lines) = asked_for(2);
    run(&Stage::new(POLICY), false, seed, lines);
}

/// Lines that clients have sent, that attackers might, and that a fuzzer found, with places of the policy. The client
/// here does not always fit them; then what the server does before it notices counts.
#[test]
fn lines_of_others_stay_within_the_policy() {
    let stage = Stage::new(POLICY);
    let found = kept("command").into_iter();
    let found = found.filter_map(|input| Some(input.split_first()?.1.to_vec()));
    let others: Vec<Vec<Vec<u8>>> = commands()
        .into_iter()
        .chain(found)
        .filter_map(|line| {
            let words = split(&line).ok()?;
            Some(words.iter().map(|word| word.bytes().to_vec()).collect())
        })
        .filter(|words: &Vec<Vec<u8>>| {
            words.first().is_some_and(|word| word == b"rsync") && words.contains(&b".".to_vec())
        })
        .collect();
    let mut random = Random::new(7);
    let (mut accepted, mut wrong) = (0, Vec::new());
    for _ in 0..20 * OTHERS_LINES {
        let words = random.pick(&others);
        let sends = words.contains(&b"--sender".to_vec());
        let mut lines = Lines { random, sends };
        let line = lines.line(words);
        random = lines.random;
        let Some(served) = stage.served(&line) else {
            continue;
        };
        let mut operands = served.argv.iter().skip_while(|word| *word != b"--").skip(2);
        if operands.any(|path| stage.lies_above(&served, path)) {
            continue;
        }
        accepted += 1;
        let mut client = if sends {
            vec!["-r", "host:x", "back"]
        } else {
            RECEIVE.to_vec()
        };
        if sends && stage.trusts() {
            client.insert(0, "--trust-sender");
        }
        let mut seen = stage.run(&served, &client);
        // See `run`.
        if words.iter().any(|word| word.starts_with(b"-n")) {
            seen.outside.retain(|deed| !deed.starts_with("Look "));
        }
        if !seen.outside.is_empty() {
            wrong.push(format!("{}\n    {:?}", shown(&line), seen.outside));
        }
        if seen.changes > 0 {
            stage.furnish();
        }
        if accepted == OTHERS_LINES {
            break;
        }
    }
    println!("{} lines of others, {accepted} accepted", others.len());
    assert_eq!(accepted, OTHERS_LINES, "hardly a line is accepted");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many of those are run.
const OTHERS_LINES: usize = 100;

/// Where tests/run puts the other versions of rsync that the package manager has.
const OTHERS: &str = "/var/cache/xfersh-tests/rsync";

#[test]
#[ignore = "needs other versions of rsync: tests/run --all"]
fn every_version_that_can_be_had_stays_within_the_policy() {
    let mut programs: Vec<_> = std::fs::read_dir(OTHERS)
        .map(|names| {
            names
                .flatten()
                .map(|name| name.path().join("rsync"))
                .collect()
        })
        .unwrap_or_default();
    programs.sort();
    if programs.is_empty() {
        skipped(
            "other versions of rsync",
            &format!("none in {OTHERS}; tests/run --all fetches them"),
        );
    }
    for program in &programs {
        let stage = Stage::with_rsync(POLICY, Some(program));
        println!(
            "{}: it lacks {:?}",
            program.display(),
            compare(stage.host())
        );
        attacks(&stage);
        run(&stage, true, 5, 3 * LINES);
        run(&stage, false, 6, 3 * LINES);
    }
}

/// How a check of the text alone would accept a line, and what a server makes of it. Each is shown to be noticed.
struct Attack {
    client: &'static [&'static str],
    server: &'static [&'static str],
    /// The beginning of the action that must be noticed.
    seen: &'static str,
}

const SEND: &[&str] = &["-r", "--files-from=:x", "host:x", "back"];
const RECEIVE: &[&str] = &["-r", "src/", "host:x"];

const ATTACKS: &[Attack] = &[
    // popt(3) replaces `!#:+` with the next argument, and removes that from its place.
    Attack {
        client: RECEIVE,
        server: &[
            "-re.iLsfxCIvu",
            "--log-file=up/!#:+/!#:+/!#:+/!#:+/../../../../tmp/LOG",
            "--",
            ".",
            "up",
        ],
        seen: "Change /tmp/LOG: ",
    },
    Attack {
        client: RECEIVE,
        server: &[
            "-re.iLsfxCIvu",
            "--log-file",
            "up/!#:+/!#:+/!#:+/!#:+/../../../../tmp/LOG",
            "--",
            ".",
            "up",
        ],
        seen: "Change /tmp/LOG: ",
    },
    Attack {
        client: SEND,
        server: &[
            "--sender",
            "-re.iLsfxCIvu",
            "--files-from=up/!#:+/!#:+/!#:+/../../../etc/passwd",
            "--",
            ".",
            "up",
        ],
        seen: "Read /etc/passwd: ",
    },
    Attack {
        client: &["-r", "host:x", "back"],
        server: &[
            "--sender",
            "-rRe.iLsfxCIvu",
            "--suffix=!#:+",
            "--",
            ".",
            "pub",
        ],
        seen: "List /home/alice: ",
    },
    // rsync removes each `./` from the front of a backup directory, and what is left may begin with a slash.
    Attack {
        client: &["-rb", "src/", "host:x"],
        server: &[
            "-rbe.iLsfxCIvu",
            "--backup-dir=.//srv/outside/drop",
            "--",
            ".",
            "up",
        ],
        seen: "Change /srv/outside/drop/",
    },
    // It does so with the target of --mkpath.
    Attack {
        client: RECEIVE,
        server: &[
            "-re.iLsfxCIvu",
            "--mkpath",
            "--",
            ".",
            ".//srv/outside/drop/made/deep",
        ],
        seen: "Change /srv/outside/drop/made: ",
    },
    // Relative to the target.
    Attack {
        client: RECEIVE,
        server: &["-re.iLsfxCIvu", "--temp-dir=../secret", "--", ".", "up"],
        seen: "Look /home/alice/secret: ",
    },
    Attack {
        client: &["-rb", "src/", "host:x"],
        server: &["-rbe.iLsfxCIvu", "--backup-dir=out/drop", "--", ".", "up"],
        seen: "Change /srv/outside/drop/",
    },
    // The target becomes a file here, so they begin at its parent.
    Attack {
        client: &["-r", "src/a", "host:x"],
        server: &[
            "-re.iLsfxCIvu",
            "--compare-dest=../secret",
            "--",
            ".",
            "up/missing",
        ],
        seen: "Look /home/alice/secret: ",
    },
    Attack {
        client: &["-rc", "src/", "host:x"],
        server: &[
            "-rce.iLsfxCIvu",
            "--copy-dest=far/../../../secret",
            "--",
            ".",
            "up",
        ],
        seen: "Look /home/alice/secret",
    },
    Attack {
        client: &["-r", "--remove-source-files", "host:x", "back"],
        server: &[
            "--sender",
            "-re.iLsfxCIvu",
            "--remove-source-files",
            "--",
            ".",
            "pub/",
        ],
        seen: "Change /home/alice/pub/",
    },
];

/// Runs each argument vector, and shows that the tracer sees where it leads.
fn attacks(stage: &Stage) {
    for attack in ATTACKS {
        let sends = attack.server[0] == "--sender";
        let line: &[u8] = if sends {
            b"rsync --server --sender -re.iLsfxCIvu . pub"
        } else {
            b"rsync --server -re.iLsfxCIvu . up"
        };
        let mut served = stage.served(line).expect("an accepted line");
        served.argv = ["rsync", "--server"]
            .iter()
            .chain(attack.server)
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let mut client = attack.client.to_vec();
        if sends && stage.trusts() {
            client.insert(0, "--trust-sender");
        }
        let seen = stage.run(&served, &client);
        let found = seen
            .outside
            .iter()
            .any(|deed| deed.starts_with(attack.seen));
        assert!(
            found,
            "{:?}: {:#?}\n{}",
            attack.server, seen.outside, seen.client
        );
        stage.furnish();
    }
}

#[test]
fn the_tracer_sees_where_a_value_leads() {
    attacks(&Stage::new(POLICY));
}

/// The lines of those attacks, as a client would send them.
#[test]
fn a_value_that_leads_elsewhere_is_refused() {
    let stage = Stage::new(POLICY);
    let attacks = ATTACKS.iter().map(|attack| {
        let words = attack.server.iter().filter(|word| **word != "--");
        let words: Vec<_> = words.map(|word| quoted(word.as_bytes())).collect();
        [b"rsync --server ".as_slice(), &words.join(&b' ')].concat()
    });
    let values = [
        "--suffix=!#:+",
        "--log-format=!#:+",
        "--usermap=!#:+",
        "--skip-compress=x!#:+",
        "--groupmap '!#:+'",
    ];
    let values =
        values.map(|option| format!("rsync --server -re.iLsfxCIvu {option} . up").into_bytes());
    let accepted = attacks
        .chain(values)
        .filter(|line| stage.served(line).is_some());
    let accepted: Vec<_> = accepted.map(|line| shown(&line)).collect();
    assert!(accepted.is_empty(), "accepted: {accepted:#?}");
    // A path that is not an option's value is left as it is.
    assert!(
        stage
            .served(b"rsync --server --sender -re.iLsfxCIvu . 'up/!#:+'")
            .is_some()
    );
}
