use super::*;
use crate::decide::command::words;

fn rsync(command: &str) -> Result<RsyncRequest, Refusal> {
    parse(&words::split(command.as_bytes()).unwrap())
}

/// The options as the server gets them, paths as they were written.
fn options(request: &RsyncRequest) -> Vec<String> {
    let text = |option: &RsyncOption| match option {
        RsyncOption::Plain(plain) => plain.to_str().unwrap().to_owned(),
        RsyncOption::Path(place) => {
            let argument = place.argument(place.word.bytes());
            argument.into_string().unwrap()
        }
    };
    request.options.iter().map(text).collect()
}

fn operands(request: &RsyncRequest) -> Vec<&str> {
    request
        .operands
        .iter()
        .map(|word| std::str::from_utf8(word.bytes()).unwrap())
        .collect()
}

#[test]
fn accepted() {
    // (arguments, sender, options, operands)
    let rows: [(&str, bool, &[&str], &[&str]); 14] = [
        (
            "--server -vlogDtpre.iLsfxCIvu . x/",
            false,
            &["-vlogDtpre.iLsfxCIvu"],
            &["x/"],
        ),
        (
            "--server --sender -logDtpr . x y",
            true,
            &["-logDtpr"],
            &["x", "y"],
        ),
        ("--server . x", false, &[], &["x"]),
        ("--server -e.Lsf .", false, &["-e.Lsf"], &["."]),
        ("--server --sender -r .", true, &["-r"], &["."]),
        (
            "--server -g -l -o -p -D -r -t -v . x",
            false,
            &["-g", "-l", "-o", "-p", "-D", "-r", "-t", "-v"],
            &["x"],
        ),
        // An option after the dot is a file.
        ("--server --sender -r . -dash", true, &["-r"], &["-dash"]),
        (
            "--server --sender -r . -- --daemon",
            true,
            &["-r"],
            &["--", "--daemon"],
        ),
        // A separate value is attached: what looks like an option stays a
        // value.
        (
            "--server --backup-dir --daemon . x",
            false,
            &["--backup-dir=--daemon"],
            &["x"],
        ),
        (
            "--server --timeout 30 --suffix= . x",
            false,
            &["--timeout=30", "--suffix="],
            &["x"],
        ),
        ("--server --suffix . . x", false, &["--suffix=."], &["x"]),
        ("--server -B700 -@-1 . x", false, &["-B700", "-@-1"], &["x"]),
        (
            "--server --files-from=- --from0 . x",
            false,
            &["--files-from=-", "--from0"],
            &["x"],
        ),
        (
            "--server --only-write-batch=X . x",
            false,
            &["--only-write-batch=X"],
            &["x"],
        ),
    ];
    for (arguments, sender, expected, paths) in rows {
        let request = rsync(arguments).unwrap();
        assert_eq!(request.sender, sender, "{arguments}");
        assert_eq!(options(&request), expected, "{arguments}");
        assert_eq!(operands(&request), paths, "{arguments}");
    }
}

#[test]
fn refused() {
    for arguments in [
        "",
        "x y",
        "-r --server . x",
        "--sender --server . x",
        "--exclude --server . x",
        "--server",
        "--server -r",
        "--server -r x",
        "--server -r x . y",
        "--server -r . ''",
        "--server -r . .//srv",
        "--server -r . ././//srv",
        "--server --backup-dir=.//srv -r . x",
        "--server --sender -r . x .//srv",
        "--server -r . x y",
        "--server - . x",
        "--server -- . x",
        "--server --=x . x",
        "--server '' . x",
        "--server -r --sender . x",
        "--server --server . x",
        "--server -e . x",
        "--server -e /bin/sh . x",
        "--server -e/bin/sh . x",
        "--server -re.x/y . x",
        "--server -e.Lsf/ . x",
        "--server --rsh=.Lsf . x",
        "--server -B . x",
        "--server -B7x . x",
        "--server -rB7 . x",
        "--server -s",
        "--server -rs . x",
        "--server --protect-args . x",
        "--server -L . x",
        "--server -rK . x",
        "--server -rk . x",
        "--server --copy-unsafe-links . x",
        "--server --insecure-links . x",
        "--server --daemon . x",
        "--server --config=x . x",
        "--server --write-devices . x",
        "--server --copy-devices . x",
        "--server --no-munge-links . x",
        "--server --debug=FILTER . x",
        "--server -M--rsh=x . x",
        "--server -T /tmp . x",
        "--server -f x . x",
        "--server -F . x",
        "--server --filter=x . x",
        "--server --exclude-from=x . x",
        "--server --password-file=x . x",
        "--server --read-batch=x . x",
        "--server --write-batch=x . x",
        "--server --only-write-batch=x . x",
        "--server --early-input=x . x",
        "--server --confine-root=/ . x",
        "--server --copy-as=root . x",
        "--server --iconv=/tmp/x . x",
        "--server --iconv= . x",
        "--server --timeout=x . x",
        "--server --timeout . x",
        "--server --delete=1 . x",
        "--server --delet . x",
        "--server --backup-dir= . x",
        "--server --backup-dir",
        "--server --sender --log-file=x . x",
    ] {
        assert!(rsync(arguments).is_err(), "{arguments}");
    }
}

#[test]
fn a_refusal_names_the_option_and_a_way_out() {
    for (arguments, option) in [
        ("--server -rs . x", "-s"),
        ("--server -L . x", "-L"),
        ("--server --copy-links . x", "--copy-links"),
        ("--server --daemon . x", "--daemon"),
        ("--server --debug=ALL . x", "--debug"),
    ] {
        let error = rsync(arguments).unwrap_err();
        assert!(error.reason.contains(option), "{error:?}");
        assert!(error.hint.is_some(), "{error:?}");
    }
    let error = rsync("--server '--x\x1b[2J' . x").unwrap_err();
    assert!(!error.reason.contains('\x1b'), "{error:?}");
}

#[test]
fn the_places_of_options_are_told_where_the_server_uses_them() {
    let arguments = "--backup-dir b --partial-dir=p --temp-dir t --link-dest=../l \
         --compare-dest c --copy-dest d --files-from f . x";
    let places = |command: &str| -> Vec<(&'static str, String, PathPurpose)> {
        let request = rsync(command).unwrap();
        let row = |place: &PathOption| {
            let word = String::from_utf8(place.word.bytes().to_vec()).unwrap();
            (place.option, word, place.purpose)
        };
        request.places().map(row).collect()
    };
    let row = |option, word: &str, purpose| (option, word.to_owned(), purpose);
    assert_eq!(
        places(&format!("--server --log-file=g {arguments}")),
        [
            row("log-file", "g", PathPurpose::Log),
            row("backup-dir", "b", PathPurpose::Scratch),
            row("partial-dir", "p", PathPurpose::Scratch),
            row("temp-dir", "t", PathPurpose::Scratch),
            row("link-dest", "../l", PathPurpose::Basis),
            row("compare-dest", "c", PathPurpose::Basis),
            row("copy-dest", "d", PathPurpose::Basis),
            row("files-from", "f", PathPurpose::Names),
        ]
    );
    assert_eq!(
        places(&format!("--server --sender {arguments}")),
        [row("files-from", "f", PathPurpose::Names)]
    );
    assert!(places("--server --files-from=- . x").is_empty());
}

#[test]
fn a_path_keeps_its_tilde() {
    let request = rsync("--server --backup-dir ~/old --temp-dir '~/t' . ~/x").unwrap();
    let tilde: Vec<bool> = request
        .places()
        .map(|place| place.word.has_tilde())
        .collect();
    assert_eq!(tilde, [true, false]);
    assert!(request.operands[0].has_tilde());
}

#[test]
fn only_a_sender_removes_sources() {
    for option in ["--remove-source-files", "--remove-sent-files"] {
        let sender = rsync(&format!("--server --sender -r {option} . x")).unwrap();
        assert!(sender.removes_sources(), "{option}");
        let receiver = rsync(&format!("--server -r {option} . x")).unwrap();
        assert!(!receiver.removes_sources(), "{option}");
    }
    // A value is not an option.
    let value = rsync("--server --sender --log-format --remove-source-files . x").unwrap();
    assert!(!value.removes_sources());
}

#[test]
fn what_reaches_below_the_operand() {
    for (arguments, expected) in [
        ("-logDtpre.iLs . x", true),
        ("-r . x", true),
        ("-d . x", true),
        ("-logDtpRe.iLs . x", true),
        ("--recursive . x", true),
        ("-logDtpe.iLsfxrCIvu . x", false),
        ("-e.rdR . x", false),
        ("--delete . x", false),
        ("--suffix=-r . x", false),
    ] {
        let request = rsync(&format!("--server {arguments}")).unwrap();
        assert_eq!(request.reaches_below(), expected, "{arguments}");
    }
}

#[test]
fn the_documentation_names_what_is_refused_and_what_is_a_path() {
    let text = include_str!("../../../../docs/rsync.md");
    let refused = options::REFUSED.iter().flat_map(|row| row.names);
    let paths = options::LONG
        .iter()
        .filter(|row| matches!(row.1, Value::Path(_)));
    for name in refused.chain(paths.map(|row| &row.0)) {
        assert!(text.contains(&format!("`--{name}`")), "--{name}");
    }
}
