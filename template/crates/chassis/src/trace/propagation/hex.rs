/// What a byte is worth as a lower-case digit, or [`NONE`].
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Has bits that no digit has.
const NONE: u8 = 0xff;

/// Reads lower-case digits, at most 32 of them.
///
/// It looks at all of them before it judges any: each is on the way of every request.
pub(super) fn hex(digits: &[u8]) -> Option<u128> {
    read(digits, |digit| digit)
}

/// Reads digits, at most 32 of them.
pub(super) fn hex_of_any_case(digits: &[u8]) -> Option<u128> {
    read(digits, |digit| digit.to_ascii_lowercase())
}

fn read(digits: &[u8], lower: impl Fn(u8) -> u8) -> Option<u128> {
    let mut number = 0;
    let mut bits = 0;
    // In halves, each of which a register holds.
    for half in digits.chunks(16) {
        let mut part = 0_u64;
        for &digit in half {
            let value = VALUES[usize::from(lower(digit))];
            bits |= value;
            part = (part << 4) | u64::from(value);
        }
        number = (number << (4 * half.len())) | u128::from(part);
    }
    (bits <= 0xf).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_read_and_nothing_else_is() {
        for byte in 0..=u8::MAX {
            let expected = char::from(byte).to_digit(16).map(u128::from);
            assert_eq!(hex_of_any_case(&[byte]), expected);
            let lower = expected.filter(|_| !byte.is_ascii_uppercase());
            assert_eq!(hex(&[byte]), lower);
        }
        assert_eq!(hex(b"0af7651916cd43dd"), Some(0x0af7_6519_16cd_43dd));
        assert_eq!(hex(&[b'f'; 32]), Some(u128::MAX));
        let trace_id = b"0af7651916cd43dd8448eb211c80319c";
        assert_eq!(
            hex(trace_id),
            Some(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c)
        );
        assert_eq!(hex(&trace_id[..20]), Some(0x0af7_6519_16cd_43dd_8448));
    }
}
