/// Reads lower-case digits, at most 32 of them.
pub(super) fn hex(digits: &[u8]) -> Option<u128> {
    let is_upper = digits.iter().any(u8::is_ascii_uppercase);
    (!is_upper).then(|| hex_of_any_case(digits))?
}

/// Reads digits, at most 32 of them.
pub(super) fn hex_of_any_case(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((number << 4) | u128::from(digit))
    })
}
