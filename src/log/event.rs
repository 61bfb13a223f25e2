//! What a line says: the one structure from which each form of a line is made.

use std::fmt::Display;

/// One event of a session: what happened, and its fields in their order.
#[derive(Clone, Default)]
pub struct Event<'a> {
    pub(super) operation: &'static str,
    pub(super) lead: Lead<'a>,
    pub(super) fields: Vec<(&'static str, Datum<'a>)>,
}

/// How the text of an event begins.
#[derive(Clone, Copy, Default)]
pub(super) enum Lead<'a> {
    /// With the operation.
    #[default]
    Operation,
    /// With this.
    Words(&'a str),
    /// With its first field.
    Field,
}

/// What a field says.
#[derive(Clone, Copy)]
pub(super) enum Datum<'a> {
    /// A word that stands without its name in the text.
    Marker(&'a str),
    /// A word of our own, without blanks.
    Name(&'a str),
    /// The same.
    Word(&'a dyn Display),
    /// Words of our own.
    Words(&'a dyn Display),
    /// The same, if the text says it in its lead.
    Told(&'a dyn Display),
    /// A number.
    Number(u64),
    /// Permission bits.
    Mode(u32),
    /// What a client or the disk says: escaped where it is written.
    Bytes(&'a [u8]),
    /// Our own words, with values that are escaped.
    Sentence(&'a str),
    /// Nothing: there is none.
    None,
}

impl<'a> Event<'a> {
    /// Something that happened.
    pub fn of(operation: &'static str) -> Self {
        Self::default().operation(operation)
    }

    /// Something that happened, told in the text by its first field.
    pub fn by_field(operation: &'static str) -> Self {
        Self {
            lead: Lead::Field,
            ..Self::of(operation)
        }
    }

    /// Something that happened, told in the text by these words.
    pub fn told(operation: &'static str, words: &'a str) -> Self {
        Self {
            lead: Lead::Words(words),
            ..Self::of(operation)
        }
    }

    /// What is known of an operation that its caller names: it is about this
    /// kind of file.
    pub fn about(kind: &'a str) -> Self {
        Self::default().kind(kind)
    }

    /// Names the operation.
    #[must_use]
    pub const fn operation(mut self, operation: &'static str) -> Self {
        self.operation = operation;
        self
    }

    /// The kind of file that it is about.
    #[must_use]
    pub fn kind(self, kind: &'a str) -> Self {
        self.field("kind", Datum::Marker(kind))
    }

    /// A state, which stands without its name in the text.
    #[must_use]
    pub fn state(self, state: Option<&'a str>) -> Self {
        match state {
            Some(state) => self.field("state", Datum::Marker(state)),
            None => self,
        }
    }

    /// A word of our own: no blank, nothing to be escaped.
    #[must_use]
    pub fn word(self, name: &'static str, word: &'a dyn Display) -> Self {
        self.field(name, Datum::Word(word))
    }

    /// The same, if there is one.
    #[must_use]
    pub fn name_if(self, name: &'static str, word: Option<&'a str>) -> Self {
        match word {
            Some(word) => self.name(name, word),
            None => self,
        }
    }

    /// A name of our own: no blank, nothing to be escaped.
    #[must_use]
    pub fn name(self, name: &'static str, word: &'a str) -> Self {
        self.field(name, Datum::Name(word))
    }

    /// Words of our own, with nothing to be escaped.
    #[must_use]
    pub fn words(self, name: &'static str, words: &'a dyn Display) -> Self {
        self.field(name, Datum::Words(words))
    }

    /// What the text says by its lead ([`Self::told`]).
    #[must_use]
    pub fn also(self, name: &'static str, words: &'a dyn Display) -> Self {
        self.field(name, Datum::Told(words))
    }

    /// A number.
    #[must_use]
    pub fn number(self, name: &'static str, number: u64) -> Self {
        self.field(name, Datum::Number(number))
    }

    /// Permission bits.
    #[must_use]
    pub fn mode(self, name: &'static str, mode: u32) -> Self {
        self.field(name, Datum::Mode(mode))
    }

    /// Bytes of a client, of the disk or of the policy.
    #[must_use]
    pub fn bytes(self, name: &'static str, bytes: &'a [u8]) -> Self {
        self.field(name, Datum::Bytes(bytes))
    }

    /// The same, or that there are none.
    #[must_use]
    pub fn bytes_or_none(self, name: &'static str, bytes: Option<&'a [u8]>) -> Self {
        self.field(name, bytes.map_or(Datum::None, Datum::Bytes))
    }

    /// A sentence: our own words, with values that were escaped when they were
    /// inserted.
    #[must_use]
    pub fn sentence(self, name: &'static str, sentence: &'a str) -> Self {
        self.field(name, Datum::Sentence(sentence))
    }

    fn field(mut self, name: &'static str, datum: Datum<'a>) -> Self {
        if self.fields.capacity() == 0 {
            self.fields.reserve(8);
        }
        self.fields.push((name, datum));
        self
    }
}
