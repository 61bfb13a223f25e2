//! `scp -t` and `scp -f`: the remote side of the old scp protocol.
//!
//! Exactly one of `-t` and `-f`, the few options that affect only the transfer,
//! and operands. All other options of scp(1) are for its client side, where
//! they can start programs (`-S`, `-o ProxyCommand`, `-F`: CVE-2004-1161,
//! CVE-2007-6415, CVE-2019-1000018).

use super::words::Word;
use crate::decide::verdict::Refusal;

/// Which way the files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `-t`: the server receives.
    Sink,
    /// `-f`: the server sends.
    Source,
}

/// A request for scp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScpRequest {
    /// Which way the files go.
    pub direction: Direction,
    /// `-r`: directories too.
    pub recursive: bool,
    /// `-p`: with modes and times.
    pub preserve: bool,
    /// `-d`: the target must be a directory.
    pub directory: bool,
    /// `-v`: talk on stderr.
    pub verbose: bool,
    /// The target of a sink, or one or more sources.
    pub operands: Vec<Word>,
}

/// Reads the words after `scp`.
pub(super) fn parse(arguments: &[Word]) -> Result<ScpRequest, Refusal> {
    let mut directions = Vec::new();
    let mut request = ScpRequest {
        direction: Direction::Sink,
        recursive: false,
        preserve: false,
        directory: false,
        verbose: false,
        operands: Vec::new(),
    };
    let mut options_end = false;
    for word in arguments {
        match word.bytes() {
            b"--" if !options_end && request.operands.is_empty() => options_end = true,
            [b'-', letters @ ..] if !options_end && !letters.is_empty() => {
                if !request.operands.is_empty() {
                    // getopt(3) would take it for an option, but the client
                    // means a file: xfersh does not guess.
                    return Err(Refusal::of_word(word.bytes(), "it stands after a path"));
                }
                options(letters, &mut request, &mut directions)?;
            }
            _ => {
                super::vet_path(word)?;
                request.operands.push(word.clone());
            }
        }
    }
    request.direction = match directions[..] {
        [direction] => direction,
        [] => return Err(Refusal::form("scp in client mode: neither -t nor -f")),
        _ => return Err(Refusal::form("more than one of -t and -f")),
    };
    match (request.direction, request.operands.len()) {
        (_, 0) => Err(Refusal::form("no path")),
        (Direction::Sink, 2..) => Err(Refusal::form("more than one target")),
        _ => Ok(request),
    }
}

/// Reads one cluster of option letters.
fn options(
    letters: &[u8],
    request: &mut ScpRequest,
    directions: &mut Vec<Direction>,
) -> Result<(), Refusal> {
    for (at, letter) in letters.iter().enumerate() {
        match letter {
            b't' => directions.push(Direction::Sink),
            b'f' => directions.push(Direction::Source),
            b'r' => request.recursive = true,
            b'p' => request.preserve = true,
            b'd' => request.directory = true,
            b'v' => request.verbose = true,
            // Quiet and compression affect only the client's terminal and its
            // connection: they are accepted, since clients send them, and not
            // passed on.
            b'q' | b'C' => {}
            // A bandwidth limit takes the rest of the cluster.
            b'l' => {
                let digits = &letters[at + 1..];
                let number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
                return if number {
                    Ok(())
                } else {
                    Err(Refusal::of_word(b"-l", "its value is not a number"))
                };
            }
            _ => {
                let why = "it is an option of scp's client side";
                return Err(Refusal::of_word(&[b'-', *letter], why));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::command::words;

    fn scp(command: &str) -> Result<ScpRequest, Refusal> {
        parse(&words::split(command.as_bytes()).unwrap())
    }

    #[test]
    fn accepted() {
        // (arguments, direction, those of "rpdv" that are set, operands)
        let rows: [(&str, Direction, &str, usize); 12] = [
            ("-t x", Direction::Sink, "", 1),
            ("-f x", Direction::Source, "", 1),
            ("-f x y z", Direction::Source, "", 3),
            ("-t -p -C x", Direction::Sink, "p", 1),
            ("-rdtp x", Direction::Sink, "rpd", 1),
            ("-qt x", Direction::Sink, "", 1),
            ("-l800 -t x", Direction::Sink, "", 1),
            ("-tl800 x", Direction::Sink, "", 1),
            ("-v -t -- -x", Direction::Sink, "v", 1),
            ("-f -- -x -- y", Direction::Source, "", 3),
            ("-t -", Direction::Sink, "", 1),
            ("-r -d -t -p -C dir", Direction::Sink, "rpd", 1),
        ];
        for (arguments, direction, flags, operands) in rows {
            let request = scp(arguments).unwrap();
            assert_eq!(request.direction, direction, "{arguments}");
            assert_eq!(request.operands.len(), operands, "{arguments}");
            let set = [
                (request.recursive, 'r'),
                (request.preserve, 'p'),
                (request.directory, 'd'),
                (request.verbose, 'v'),
            ];
            let set: String = set.iter().filter(|f| f.0).map(|f| f.1).collect();
            assert_eq!(set, flags, "{arguments}");
        }
    }

    #[test]
    fn refused() {
        for arguments in [
            "",
            "-t",
            "-f",
            "x y",
            "x",
            "-t -f x",
            "-tt x",
            "-ff x",
            "-t x y",
            "-t x -f",
            "-t x -r",
            "-t ''",
            "-f x ''",
            "-l -t x",
            "-l 8 -t x",
            "-lx -t x",
            "-tS x",
            "-o ProxyCommand=x -t y",
            "-F x -t y",
            "-S x -t y",
            "-T -t x",
            "-X a -t x",
            "-O -t x",
            "-s -t x",
            "-1 -t x",
            "-J x -t y",
            "-i x -t y",
            "-P1 -t y",
            "-D x -t y",
            "--server -t x",
            "-t -- x --",
            "-3 -t x",
        ] {
            assert!(scp(arguments).is_err(), "{arguments}");
        }
    }
}
