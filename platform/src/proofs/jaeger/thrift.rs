//! As much of Thrift as a batch of one span takes, in both of its encodings.

use super::JaegerSpan;

#[derive(Clone, Copy, PartialEq)]
pub enum Encoding {
    Binary,
    Compact,
}

/// A type of a field: its number in the binary encoding, and in the compact one.
type Type = (u8, u8);
const I32: Type = (8, 5);
const I64: Type = (10, 6);
const STRING: Type = (11, 8);
const STRUCT: Type = (12, 12);
const LIST: Type = (15, 9);
/// A call that nobody answers.
const ONE_WAY: u8 = 4;

/// What a datagram holds: a call of `emitBatch`.
pub fn message(encoding: Encoding, service: &str, span: &JaegerSpan) -> Vec<u8> {
    let name = "emitBatch";
    let mut bytes = match encoding {
        Encoding::Binary => vec![0x80, 0x01, 0, ONE_WAY],
        Encoding::Compact => vec![0x82, 1 | ONE_WAY << 5, 0],
    };
    let mut writer = Writer::new(encoding);
    writer.string(name);
    if encoding == Encoding::Binary {
        writer.bytes.extend([0; 4]);
    }
    writer.field(STRUCT, 1);
    writer.bytes.extend(batch(encoding, service, span));
    writer.end();
    bytes.extend(writer.bytes);
    bytes
}

/// A service, and its span.
pub fn batch(encoding: Encoding, service: &str, span: &JaegerSpan) -> Vec<u8> {
    let mut writer = Writer::new(encoding);
    writer.field(STRUCT, 1);
    writer.nested(|process| {
        process.field(STRING, 1);
        process.string(service);
    });
    writer.field(LIST, 2);
    writer.list_of_one_struct();
    writer.nested(|fields| {
        for (id, value) in [
            (1, span.trace_id as u64),
            (2, (span.trace_id >> 64) as u64),
            (3, span.span_id),
            (4, 0),
        ] {
            fields.field(I64, id);
            fields.i64(value as i64);
        }
        fields.field(STRING, 5);
        fields.string(span.name);
        // Sampled.
        fields.field(I32, 7);
        fields.i32(1);
        fields.field(I64, 8);
        fields.i64(span.start_microseconds as i64);
        fields.field(I64, 9);
        fields.i64(span.duration_microseconds as i64);
    });
    writer.end();
    writer.bytes
}

struct Writer {
    encoding: Encoding,
    bytes: Vec<u8>,
    /// The field before: the compact encoding tells the distance.
    last: u8,
}

impl Writer {
    fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            bytes: Vec::new(),
            last: 0,
        }
    }

    fn field(&mut self, (binary, compact): Type, id: u8) {
        match self.encoding {
            Encoding::Binary => self.bytes.extend([binary, 0, id]),
            Encoding::Compact => self.bytes.push((id - self.last) << 4 | compact),
        }
        self.last = id;
    }

    fn nested(&mut self, fields: impl FnOnce(&mut Self)) {
        let mut inner = Self::new(self.encoding);
        fields(&mut inner);
        inner.end();
        self.bytes.extend(inner.bytes);
    }

    fn end(&mut self) {
        self.bytes.push(0);
    }

    fn list_of_one_struct(&mut self) {
        match self.encoding {
            Encoding::Binary => self.bytes.extend([STRUCT.0, 0, 0, 0, 1]),
            Encoding::Compact => self.bytes.push(1 << 4 | STRUCT.1),
        }
    }

    fn string(&mut self, text: &str) {
        match self.encoding {
            Encoding::Binary => self.bytes.extend((text.len() as u32).to_be_bytes()),
            Encoding::Compact => self.varint(text.len() as u64),
        }
        self.bytes.extend(text.as_bytes());
    }

    fn i32(&mut self, value: i32) {
        match self.encoding {
            Encoding::Binary => self.bytes.extend(value.to_be_bytes()),
            Encoding::Compact => self.i64(i64::from(value)),
        }
    }

    fn i64(&mut self, value: i64) {
        match self.encoding {
            Encoding::Binary => self.bytes.extend(value.to_be_bytes()),
            // Zigzag: small numbers are short, negative ones too.
            Encoding::Compact => self.varint((value << 1 ^ value >> 63) as u64),
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_in_the_compact_encoding() {
        let mut writer = Writer::new(Encoding::Compact);
        for value in [0, -1, 1, 64, -300] {
            writer.i64(value);
        }
        assert_eq!(writer.bytes, [0, 1, 2, 0x80, 1, 0xd7, 4]);
    }
}
