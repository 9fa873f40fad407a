//! A strict JSON parser (RFC 8259 with the refusals of I-JSON). Recursion is bounded by the depth limit, on the way in and so in drop.

use crate::{
    canonical, key,
    rejection::{Reason, Rejection},
    value::{Object, Value},
};

/// A refusal, and the element of the outermost array that it happened in.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) rejection: Rejection,
    pub(crate) element: Option<usize>,
}

/// Reads one value with at most `depth` levels of containers.
pub(crate) fn parse(text: &str, depth: usize) -> Result<Value, Refused> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, depth, level: 0, element: None };
    let value = parser.document();
    value.map_err(|rejection| Refused { rejection, element: parser.element })
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    level: usize,
    element: Option<usize>,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, Rejection> {
        let value = self.value()?;
        self.element = None;
        self.skip_space();
        if self.at < self.bytes.len() { Err(self.bad("text after the end")) } else { Ok(value) }
    }

    fn value(&mut self) -> Result<Value, Rejection> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.bad("a value is expected")),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Value, Rejection>) -> Result<Value, Rejection> {
        self.level += 1;
        if self.level > self.depth {
            return Err(Rejection::new(Reason::TooDeep, "too many levels").limited(self.depth, self.level));
        }
        self.at += 1;
        let value = inner(self)?;
        self.level -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, Rejection> {
        let mut elements = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            if self.level == 1 {
                self.element = Some(elements.len());
            }
            elements.push(self.value()?);
            self.skip_space();
            match self.next() {
                Some(b',') => {}
                Some(b']') => return Ok(Value::Array(elements)),
                _ => return Err(self.bad("`,` or `]` is expected")),
            }
        }
    }

    fn object(&mut self) -> Result<Value, Rejection> {
        let mut entries = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::Object(Object::default()));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.bad("a key is expected"));
            }
            let name = self.string()?;
            key::check(&name)?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.bad("`:` is expected"));
            }
            entries.push((name, self.value()?));
            self.skip_space();
            match self.next() {
                Some(b',') => {}
                Some(b'}') => return Object::from_entries(entries).map(Value::Object),
                _ => return Err(self.bad("`,` or `}` is expected")),
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Rejection> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.bad("a value is expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Rejection> {
        let start = self.at;
        let negative = self.take(b'-');
        if self.take(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.bad("a number has no leading zeros"));
            }
        } else {
            self.digits()?;
        }
        let whole = self.at;
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let literal = &self.text[start..self.at];
        // Adding +0 turns -0 into 0: there is one zero.
        let number = literal.parse::<f64>().map_err(|_| self.bad("not a number"))? + 0.0;
        if !number.is_finite() {
            return Err(self.bad("the number overflows"));
        }
        // 15 digits are always kept.
        let exact = self.at > whole || whole - start - usize::from(negative) <= 15 || canonical::number_to_string(number) == literal;
        if !exact {
            let message = format!("the integer {} is not kept digit for digit by a double", crate::rejection::excerpt(literal));
            return Err(Rejection::new(Reason::UnsafeNumber, message));
        }
        Ok(Value::Number(number))
    }

    fn digits(&mut self) -> Result<(), Rejection> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.bad("a digit is expected")) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, Rejection> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while matches!(self.peek(), Some(byte) if byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            // Stops at ASCII bytes only, so both ends are on character boundaries.
            text.push_str(&self.text[start..self.at]);
            match self.next() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.bad("a control character in a string must be escaped")),
                None => return Err(self.bad("the string has no end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Rejection> {
        Ok(match self.next() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex()?;
                let lone = || Rejection::new(Reason::LoneSurrogate, "half of a surrogate pair stands alone");
                match unit {
                    0xD800..=0xDBFF => {
                        if !(self.take(b'\\') && self.take(b'u')) {
                            return Err(lone());
                        }
                        let low = self.hex()?;
                        if !(0xDC00..=0xDFFF).contains(&low) {
                            return Err(lone());
                        }
                        char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)).ok_or_else(lone)?
                    }
                    other => char::from_u32(other).ok_or_else(lone)?,
                }
            }
            _ => return Err(self.bad("an unknown escape")),
        })
    }

    fn hex(&mut self) -> Result<u32, Rejection> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or_else(|| self.bad("four hexadecimal digits are expected"))?;
        }
        Ok(unit)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn bad(&self, message: &str) -> Rejection {
        Rejection::new(Reason::BadJson, format!("{message} at byte {}", self.at))
    }
}
