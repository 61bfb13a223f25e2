//! Cuts the text into statements (a header or a key with its value) and
//! reads each with TOML's own parser.
//!
//! A TOML document is `expression *( newline expression )`, so it can be read
//! expression by expression: a line break outside all brackets (and outside a
//! string, which is one token) ends one. No tree of the whole file is built,
//! which would slow down a start with ten thousand blocks.

use std::borrow::Cow;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::lexer::{Lexer, Token, TokenKind};
use toml_parser::parser::{EventReceiver, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, Source, Span};

use super::errors::Errors;
use super::value::{Content, Value};

/// How deep lists may be nested; no list in a policy is nested at all.
const DEPTH_MAX: u32 = 8;

/// A name with its position.
pub(super) struct Key<'t> {
    pub(super) name: Cow<'t, str>,
    pub(super) span: Span,
}

/// A name with dots. Almost every one has a single part, which needs no
/// allocation.
#[derive(Default)]
pub(super) struct Path<'t> {
    first: Option<Key<'t>>,
    rest: Vec<Key<'t>>,
}

impl<'t> Path<'t> {
    fn push(&mut self, key: Key<'t>) {
        match self.first {
            None => self.first = Some(key),
            Some(_) => self.rest.push(key),
        }
    }

    /// The only part; `None` where there are several.
    pub(super) fn single(&self) -> Option<&Key<'t>> {
        self.first.as_ref().filter(|_| self.rest.is_empty())
    }

    /// All parts, the outermost first.
    pub(super) fn keys(&self) -> impl DoubleEndedIterator<Item = &Key<'t>> {
        self.first.iter().chain(&self.rest)
    }
}

/// What a statement says.
pub(super) enum Statement<'t> {
    /// `[a.b]` or `[[a.b]]`.
    Header {
        span: Span,
        array: bool,
        path: Path<'t>,
    },
    /// `a.b = value`.
    Assignment { path: Path<'t>, value: Value<'t> },
    /// A statement with a syntax error, which is reported; whether it was meant
    /// as a header.
    Broken { header: bool },
    /// Blanks and comments.
    Empty,
}

/// Reads the statements of a text one after the other.
pub(super) struct Statements<'t> {
    source: Source<'t>,
    lexer: Lexer<'t>,
    tokens: Vec<Token>,
    /// Where the next statement begins.
    next: usize,
    next_line: u32,
}

impl<'t> Statements<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let source = Source::new(text);
        Self {
            source,
            lexer: source.lex(),
            tokens: Vec::new(),
            next: 0,
            next_line: 1,
        }
    }

    /// Leaves out what `skip` says of the text that is not read yet: bytes and
    /// lines, up to the start of a statement. Spans then count from there.
    pub(super) fn skip(&mut self, skip: impl FnOnce(&'t str) -> (usize, u32)) {
        let rest = &self.source.input()[self.next..];
        let (bytes, lines) = skip(rest);
        if bytes > 0 {
            self.source = Source::new(&rest[bytes..]);
            self.lexer = self.source.lex();
            self.next = 0;
            self.next_line += lines;
        }
    }

    /// The next statement and its line; `None` at the end.
    pub(super) fn next(&mut self, errors: &mut Errors) -> Option<(u32, Statement<'t>)> {
        let line = self.next_line;
        self.fill();
        if self.tokens.is_empty() {
            return None;
        }
        let before = errors.count();
        let mut parts = Parts::new(self.source);
        let mut checked = ValidateWhitespace::new(&mut parts, self.source);
        let mut bounded = RecursionGuard::new(&mut checked, DEPTH_MAX);
        parse_document(&self.tokens, &mut bounded, errors);
        let broken = errors.count() > before;
        Some((line, parts.into_statement(broken)))
    }

    /// Takes the tokens up to the end of the statement.
    fn fill(&mut self) {
        self.tokens.clear();
        let mut open = 0u32;
        for token in self.lexer.by_ref() {
            self.tokens.push(token);
            self.next = token.span().end();
            match token.kind() {
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => open += 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    open = open.saturating_sub(1);
                }
                TokenKind::MlBasicString | TokenKind::MlLiteralString => {
                    self.next_line += breaks(self.source, token.span());
                }
                TokenKind::Newline => {
                    self.next_line += 1;
                    if open == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
}

fn breaks(source: Source<'_>, span: Span) -> u32 {
    let text = source.get(span).map_or("", |raw| raw.as_str());
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

/// The parts of one statement as the parser reports them.
struct Parts<'t> {
    source: Source<'t>,
    header: Option<(Span, bool)>,
    path: Path<'t>,
    value: Option<Value<'t>>,
    /// The lists that are open, outermost first.
    open: Vec<(Span, Vec<Value<'t>>)>,
    /// How many inline tables are open: their contents are ignored.
    tables: u32,
}

impl<'t> Parts<'t> {
    fn new(source: Source<'t>) -> Self {
        Self {
            source,
            header: None,
            path: Path::default(),
            value: None,
            open: Vec::new(),
            tables: 0,
        }
    }

    fn into_statement(self, broken: bool) -> Statement<'t> {
        let header = self.header.is_some();
        if broken {
            return Statement::Broken { header };
        }
        match (self.header, self.value) {
            (Some((span, array)), _) => Statement::Header {
                span,
                array,
                path: self.path,
            },
            (None, Some(value)) => Statement::Assignment {
                path: self.path,
                value,
            },
            (None, None) => Statement::Empty,
        }
    }

    fn add(&mut self, value: Value<'t>) {
        match self.open.last_mut() {
            Some((_, items)) => items.push(value),
            None => self.value = Some(value),
        }
    }
}

impl EventReceiver for Parts<'_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.header = Some((span, false));
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.header = Some((span, true));
    }

    fn std_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.header = self.header.map(|(open, array)| (open.append(span), array));
    }

    fn array_table_close(&mut self, span: Span, errors: &mut dyn ErrorSink) {
        self.std_table_close(span, errors);
    }

    fn simple_key(&mut self, span: Span, kind: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let mut name = Cow::Borrowed("");
        if let Some(raw) = self.source.get(span) {
            let raw = toml_parser::Raw::new_unchecked(raw.as_str(), kind, span);
            raw.decode_key(&mut name, errors);
        }
        if self.tables == 0 {
            self.path.push(Key { name, span });
        }
    }

    fn scalar(&mut self, span: Span, kind: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let mut text = Cow::Borrowed("");
        let Some(raw) = self.source.get(span) else {
            return;
        };
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), kind, span);
        let content = match raw.decode_scalar(&mut text, errors) {
            ScalarKind::String => Content::Text(text),
            ScalarKind::Boolean(value) => Content::Boolean(value),
            ScalarKind::DateTime => Content::Other("a date"),
            ScalarKind::Float => Content::Other("a number with a fraction"),
            ScalarKind::Integer(radix) => {
                Content::Integer(i64::from_str_radix(&text, radix.value()).ok())
            }
        };
        if self.tables == 0 {
            self.add(Value { content, span });
        }
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        if self.tables == 0 {
            self.open.push((span, Vec::new()));
        }
        true
    }

    fn array_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        if self.tables > 0 {
            return;
        }
        if let Some((open, items)) = self.open.pop() {
            let content = Content::List(items);
            let span = open.append(span);
            self.add(Value { content, span });
        }
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        if self.tables == 0 {
            let content = Content::Other("a table");
            self.add(Value { content, span });
        }
        self.tables += 1;
        true
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.tables = self.tables.saturating_sub(1);
    }
}
