//! Wildcards: which names a pattern of sh(1) matches.
//!
//! The rules are those of fnmatch(3) as sh uses it in the locale C: a character
//! is a byte, ranges compare its value, classes are those of ASCII. `*`, `?`
//! and brackets match neither a slash nor a dot at the start of a name; `**` is
//! the same as `*`. Where shells differ (`[^a]`, `[[=a=]]`, `.*` and the names
//! `.` and `..`), the rules are bash(1)'s.

/// The longest name that a pattern can match. Linux has no longer name
/// (NAME_MAX, `linux/limits.h`); a FUSE file system may list up to 1,024 bytes.
const NAME_MAX: usize = 1024;

/// A parsed pattern: fixed text and components with wildcards, in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

/// A part of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that stands for itself, with the slashes at its ends; never two
    /// in a row.
    Literal(Vec<u8>),
    /// One component with wildcards.
    Wild(Matcher),
}

impl Pattern {
    /// Parses a pattern. A backslash makes the byte after it literal.
    pub fn parse(text: &[u8]) -> Self {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        for (index, component) in components(text).enumerate() {
            if index > 0 {
                literal.push(b'/');
            }
            let tokens = tokens(component);
            match Matcher::of(&tokens) {
                None => literal.extend(tokens.iter().map(|token| token.byte)),
                Some(matcher) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Wild(matcher));
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Self { pieces }
    }

    /// The parts, in their order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether anything in it is a wildcard.
    pub fn is_wild(&self) -> bool {
        let wild = |piece: &Piece| matches!(piece, Piece::Wild(_));
        self.pieces.iter().any(wild)
    }

    /// The directory in which the first wildcard is looked up: the text before
    /// it, `.` if there is none.
    pub fn directory(&self) -> &[u8] {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text,
            _ => b".",
        }
    }

    /// Whether a component after a wildcard is `..`: its meaning depends on
    /// where the name that the wildcard matches leads.
    pub fn climbs(&self) -> bool {
        let wild = |piece: &&Piece| matches!(piece, Piece::Literal(_));
        let behind = self.pieces.iter().skip_while(wild);
        let climbs = |piece: &Piece| match piece {
            Piece::Literal(text) => text.split(|c| *c == b'/').any(|part| part == b".."),
            Piece::Wild(_) => false,
        };
        behind.into_iter().any(climbs)
    }
}

/// The components of a pattern. An escaped slash is still a slash.
fn components(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|c| *c == b'/')
}

/// One byte of a component.
#[derive(Clone, Copy)]
struct Token {
    byte: u8,
    quoted: bool,
}

impl Token {
    /// Whether it is this character with its special meaning.
    fn is(self, byte: u8) -> bool {
        self.byte == byte && !self.quoted
    }
}

fn tokens(component: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(component.len());
    let mut bytes = component.iter();
    while let Some(&byte) = bytes.next() {
        let escaped = (byte == b'\\').then(|| bytes.next()).flatten();
        tokens.push(Token {
            byte: *escaped.unwrap_or(&byte),
            quoted: escaped.is_some(),
        });
    }
    tokens
}

/// Says whether a name matches one component with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    elements: Vec<Element>,
    /// The minimum length of a name.
    least: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Byte(u8),
    Any,
    OneOf(Box<Set>),
    Star,
}

impl Element {
    fn matches(&self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => *own == byte,
            Self::Any => true,
            Self::OneOf(set) => set.has(byte),
            Self::Star => false,
        }
    }
}

impl Matcher {
    /// `None` if no token is a wildcard.
    fn of(tokens: &[Token]) -> Option<Self> {
        let mut elements = Vec::new();
        let mut least = 0;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            if token.is(b'*') {
                if elements.last() != Some(&Element::Star) {
                    elements.push(Element::Star);
                }
                continue;
            }
            least += 1;
            elements.push(if token.is(b'?') {
                Element::Any
            } else if let Some((set, length)) = bracket(&tokens[at - 1..]) {
                at += length - 1;
                Element::OneOf(Box::new(set))
            } else {
                Element::Byte(token.byte)
            });
        }
        let literal = |element: &Element| matches!(element, Element::Byte(_));
        (!elements.iter().all(literal)).then_some(Self { elements, least })
    }

    /// Whether the name matches. Each comparison is added to `work`: a
    /// pattern can need as many as the product of both lengths.
    pub fn matches(&self, name: &[u8], work: &mut u64) -> bool {
        *work += 1;
        if name.len() < self.least || name.len() > NAME_MAX || name == b"." || name == b".." {
            return false;
        }
        if name.first() == Some(&b'.') && self.elements.first() != Some(&Element::Byte(b'.')) {
            return false;
        }
        let (mut n, mut e) = (0, 0);
        // Where to continue if what follows the last star does not match: after
        // the star, with one more byte taken by it.
        let mut again: Option<(usize, usize)> = None;
        while n < name.len() {
            *work += 1;
            match self.elements.get(e) {
                Some(Element::Star) => {
                    e += 1;
                    if e == self.elements.len() {
                        return true;
                    }
                    again = Some((n, e));
                }
                Some(element) if element.matches(name[n]) => {
                    n += 1;
                    e += 1;
                }
                _ => {
                    let Some((start, behind)) = again else {
                        return false;
                    };
                    again = Some((start + 1, behind));
                    n = start + 1;
                    e = behind;
                }
            }
        }
        let rest = self.elements.get(e..).unwrap_or_default();
        rest.iter().all(|element| *element == Element::Star)
    }
}

/// A set of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set([u64; 4]);

impl Set {
    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & 1 << (byte & 63) != 0
    }

    fn add_class(&mut self, class: fn(u8) -> bool) {
        (0..=u8::MAX).filter(|byte| class(*byte)).for_each(|byte| {
            self.add(byte);
        });
    }
}

/// The set that brackets at the start of the tokens mean, and how many tokens
/// they take; `None` if no bracket closes.
fn bracket(tokens: &[Token]) -> Option<(Set, usize)> {
    if !tokens.first()?.is(b'[') {
        return None;
    }
    let inverted = tokens
        .get(1)
        .is_some_and(|token| token.is(b'!') || token.is(b'^'));
    let first = if inverted { 2 } else { 1 };
    let mut set = Set::default();
    let mut at = first;
    loop {
        // A bracket that closes nothing yet is a member.
        if tokens.get(at)?.is(b']') && at > first {
            break;
        }
        let (member, length) = member(&tokens[at..])?;
        at += length;
        let low = match member {
            Member::Class(class) => {
                set.add_class(class);
                continue;
            }
            Member::Nothing => continue,
            Member::Byte(low) => low,
        };
        let dash = tokens.get(at).is_some_and(|token| token.is(b'-'));
        let closes = tokens.get(at + 1).is_none_or(|token| token.is(b']'));
        if dash && !closes {
            let (end, length) = self::member(&tokens[at + 1..])?;
            at += 1 + length;
            if let Member::Byte(high) = end {
                (low..=high).for_each(|byte| set.add(byte));
            }
        } else {
            set.add(low);
        }
    }
    if inverted {
        set.0 = set.0.map(|bits| !bits);
    }
    Some((set, at + 1))
}

/// What is between brackets.
enum Member {
    Byte(u8),
    Class(fn(u8) -> bool),
    /// A class or a collating symbol that the locale C does not have.
    Nothing,
}

/// The member at the start of the tokens, and how many of them it takes.
fn member(tokens: &[Token]) -> Option<(Member, usize)> {
    let token = tokens.first()?;
    let byte = (Member::Byte(token.byte), 1);
    let kind = match tokens.get(1) {
        Some(kind) if token.is(b'[') && b":=.".iter().any(|byte| kind.is(*byte)) => kind.byte,
        _ => return Some(byte),
    };
    let inner = &tokens[2..];
    let is_end = |pair: &[Token]| pair[0].is(kind) && pair[1].is(b']');
    // The symbol may be the delimiter or the bracket itself: `[[.].]]`.
    let least = usize::from(kind != b':');
    let ends = inner.windows(2).skip(least).position(is_end);
    let Some(length) = ends.map(|end| end + least) else {
        return Some(byte);
    };
    let name: Vec<u8> = inner[..length].iter().map(|token| token.byte).collect();
    let member = match (kind, name.as_slice()) {
        (b':', name) if name.iter().all(u8::is_ascii_alphabetic) => {
            class(name).map_or(Member::Nothing, Member::Class)
        }
        (b':', _) => return Some(byte),
        (_, [one]) => Member::Byte(*one),
        _ => Member::Nothing,
    };
    Some((member, 2 + length + 2))
}

/// The classes of the locale C (ctype(3)).
fn class(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte.is_ascii_graphic() || byte == b' ',
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"space" => |byte| matches!(byte, b' ' | 0x09..=0x0d),
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
