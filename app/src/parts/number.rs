//! Numbers as people read them.

/// An integer with a comma at every third digit, as both languages write it.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn every_third_digit_is_set_apart() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_240), "1,240");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
