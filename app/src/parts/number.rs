//! Numbers as people read them.

use domain::Scalar;

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

/// A value as a person reads it: numbers with one digit after the point where it is not zero.
pub fn value_text(value: &Scalar) -> String {
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Number(number) => {
            let text = format!("{number:.1}");
            text.strip_suffix(".0")
                .map_or(text.clone(), ToOwned::to_owned)
        }
        Scalar::Text(text) => text.clone(),
    }
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
