//! Every key: what is read and what is refused.

use super::errors;

#[test]
fn every_key_right_and_wrong() {
    let rows: &[(&str, &[&str], &[&str])] = &[
        (
            "protocols",
            &[r#"["sftp"]"#, r#"["scp", "rsync", "sftp"]"#],
            &[
                "[]",
                r#""sftp""#,
                "1",
                r#"["ftp"]"#,
                r#"["scp","scp"]"#,
                "[1]",
                "[[]]",
            ],
        ),
        (
            "directory",
            &[],
            &["[]", r#"[{ path = "~/in" }]"#, r#""~/in""#],
        ),
        (
            "access",
            &[
                r#""read-only""#,
                r#""upload-only""#,
                r#"["list", "create"]"#,
            ],
            &[
                "[]",
                r#""""#,
                r#""list""#,
                r#""write""#,
                r#"["read-only"]"#,
                r#"["list","list"]"#,
                "true",
            ],
        ),
        (
            "writable",
            &[r#"["~/*"]"#, r#"["~/in", "%h/out", "/srv/%u/.data/in"]"#],
            &[
                "[]",
                r#""~/in""#,
                r#"["in"]"#,
                r#"["~bob"]"#,
                r#"["~"]"#,
                r#"["~/"]"#,
                r#"["%h"]"#,
                r#"["%h//"]"#,
                r#"["/"]"#,
                r#"["//"]"#,
                r#"["/proc"]"#,
                r#"["/sys/fs"]"#,
                r#"["//dev/shm"]"#,
                r#"["~/.ssh"]"#,
                r#"["~/a/.b"]"#,
                r#"["%h/.b"]"#,
                r#"["~/a/../b"]"#,
                r#"["~/./b"]"#,
                r#"["~/a*"]"#,
                r#"["~/*/b"]"#,
                r#"["~/%x"]"#,
                r#"["~/a", "~/a"]"#,
                r#"[""]"#,
                r#"["/a\u0000b"]"#,
            ],
        ),
        (
            "readable",
            &[r#"["~"]"#, r#"["~/.config", "/srv"]"#],
            &["[]", r#"["/"]"#, r#"["/proc/self"]"#, r#"["x"]"#, r#""~""#],
        ),
        (
            "dotfiles",
            &[r#""protected""#, r#""hidden""#, r#""allowed""#],
            &[r#""no""#, "false", r#""""#, "[]"],
        ),
        (
            "dotfile_names",
            &[
                r#"[".DS_Store", "._*", ".gitkeep"]"#,
                r#"[".*.metadata.json", ".*.swp", ".*.part", ".giosave*", ".fuse_hidden*"]"#,
            ],
            &[
                "[]",
                r#"["x"]"#,
                r#"["*"]"#,
                r#"["."]"#,
                r#"[".."]"#,
                r#"[".a/b"]"#,
                r#"[".*"]"#,
                r#"[".s*"]"#,
                r#"[".ssh"]"#,
                r#"[".?sh"]"#,
                r#"[".ssh_x"]"#,
                r#"[".*h"]"#,
                r#"[".ssh*.part"]"#,
                r#"[".[a]"]"#,
                r#"[".a", ".a"]"#,
                r#"".a""#,
            ],
        ),
        (
            "symlinks",
            &[r#""inside""#, r#""any""#, r#""none""#],
            &[r#""outside""#, "0"],
        ),
        (
            "umask",
            &[r#""027""#, r#""0""#, r#""0777""#],
            &[
                "27",
                "0o27",
                r#""1000""#,
                r#""8""#,
                r#""0o27""#,
                r#""""#,
                r#""00022""#,
            ],
        ),
        (
            "file_mode_max",
            &[r#""640""#, r#""none""#],
            &["640", r#""1777""#, r#""+64""#],
        ),
        ("directory_mode_max", &[r#""0750""#], &["750", "[]"]),
        (
            "file_mode_min",
            &[r#""664""#, r#""none""#],
            &["664", r#""2664""#],
        ),
        (
            "directory_mode_min",
            &[r#""2775""#, r#""none""#],
            &["2775", r#""1777""#, r#""4755""#],
        ),
        (
            "max_sessions",
            &["1", "4294967295", r#""none""#],
            &["0", "-1", "4294967296", "1.5", r#""two""#],
        ),
        (
            "idle_timeout",
            &[
                "1",
                r#""90s""#,
                r#""15m""#,
                r#""2h""#,
                r#""1d""#,
                r#""none""#,
            ],
            &[
                "0",
                "-5",
                r#""0s""#,
                r#""15""#,
                r#""m""#,
                r#""15 m""#,
                r#""1h30m""#,
                r#""99999999999999999999d""#,
                "1.0",
            ],
        ),
        (
            "log_reads",
            &["true", "false"],
            &[r#""true""#, "1", r#""none""#, "[]", "True"],
        ),
        ("max_session_time", &[r#""2h""#], &[r#""2w""#, "true"]),
        (
            "max_bytes",
            &[
                "1",
                r#""64K""#,
                r#""500M""#,
                r#""2G""#,
                r#""1T""#,
                r#""1KiB""#,
                r#""1MiB""#,
                r#""1GiB""#,
            ],
            &[
                "0",
                "-1",
                r#""2g""#,
                r#""2GB""#,
                r#""-2G""#,
                r#""9999999T""#,
                "9223372036854775808",
            ],
        ),
        (
            "max_file_size",
            &[r#""2G""#, "9223372036854775807"],
            &[r#""0K""#, "1e9"],
        ),
        (
            "start",
            &[r#""~""#, r#""~/in""#, r#""/srv""#],
            &[r#""~/*""#, r#""in""#, r#"["~"]"#, r#""""#],
        ),
        (
            "confinement",
            &[r#""required""#, r#""best-effort""#],
            &[r#""none""#, "true"],
        ),
        (
            "audit",
            &[r#""required""#, r#""best-effort""#],
            &[r#""off""#, "false"],
        ),
        (
            "log",
            &[r#""syslog""#, r#""journal""#, r#""file:/var/log/a b""#],
            &[
                r#""stderr""#,
                r#""/var/log/x""#,
                r#""file:x""#,
                r#""file:/a/../b""#,
                r#""file:/dev/stdout""#,
                r#""""#,
                r#"["journal"]"#,
                "true",
            ],
        ),
        (
            "log_format",
            &[r#""text""#, r#""json""#],
            &[r#""xml""#, r#""JSON""#, "1"],
        ),
        (
            "sftp_server",
            &[r#""/usr/lib/sftp-server""#],
            &[
                r#""sftp-server""#,
                r#""/usr/../x""#,
                r#""/usr/./x""#,
                r#""/usr/x/""#,
                r#""/""#,
                r#""/proc/self/exe""#,
                r#""/a\u0000""#,
                r#"["/x"]"#,
            ],
        ),
        ("scp", &[r#""/usr/bin/scp""#], &[r#""~/scp""#]),
        ("rsync", &[r#""/usr/bin/rsync""#], &["1"]),
        (
            "message",
            &[r#""Write to ~/uploads, please. – é""#],
            &[r#""""#, r#""a\nb""#, r#""a\u001bb""#, r#""a\u202eb""#, "7"],
        ),
    ];
    let named: Vec<&str> = rows.iter().map(|row| row.0).collect();
    for key in crate::decide::policy::Policy::KEYS {
        assert!(named.contains(key), "no row for {key}");
    }
    for (key, right, wrong) in rows {
        for value in *right {
            assert_eq!(
                errors(&format!("{key} = {value}\n")),
                [""; 0],
                "{key} = {value}"
            );
            let block = format!("[[match]]\nuser = \"a\"\n{key} = {value}");
            assert_eq!(errors(&block), [""; 0], "{block}");
        }
        for value in *wrong {
            let found = errors(&format!("{key} = {value}\n"));
            assert_eq!(found.len(), 1, "{key} = {value}: {found:?}");
            assert!(found[0].starts_with("1:"), "{key} = {value}: {found:?}");
        }
    }
    assert_eq!(
        errors(&format!("message = \"{}\"", "x".repeat(1000))),
        [""; 0]
    );
    assert_eq!(
        errors(&format!("message = \"{}\"", "x".repeat(1001))).len(),
        1
    );
}
