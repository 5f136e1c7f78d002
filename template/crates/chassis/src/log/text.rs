use std::fmt::{self, Write};

/// Escapes what is written through it, for the inside of a JSON string.
pub(super) struct Text<'a, W>(pub(super) &'a mut W);

/// Writes a JSON string.
pub(super) fn quoted(writer: &mut impl Write, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    Text(writer).write_str(text)?;
    writer.write_char('"')
}

impl<W: Write> Write for Text<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // To look at all of them, without an early end, takes several at once.
        if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
            return self.0.write_str(text);
        }
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            if is_plain(byte) {
                continue;
            }
            self.0.write_str(&text[plain..at])?;
            plain = at + 1;
            match byte {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                b'\n' => self.0.write_str("\\n")?,
                b'\r' => self.0.write_str("\\r")?,
                b'\t' => self.0.write_str("\\t")?,
                control => write!(self.0, "\\u{control:04x}")?,
            }
        }
        self.0.write_str(&text[plain..])
    }
}

const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text in any::<String>()) {
            let mut json = String::new();
            quoted(&mut json, &text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            prop_assert!(json.bytes().all(|byte| byte >= b' '), "{json} is no line");
        }
    }
}
