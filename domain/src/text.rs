//! Which characters a name cannot have, and which nobody sees.

/// Whether a name cannot have this character: a control character, a break of the line, or one that turns the direction
/// of what follows it, so that a name shows as another one.
pub fn is_misleading(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether this character shows nothing by itself: a blank, a joiner, a filler. Some of them are right within a name,
/// such as the joiners of Persian and of emoji; a name of nothing else is none.
pub fn is_unseen(letter: char) -> bool {
    letter.is_whitespace()
        || is_misleading(letter)
        || matches!(
            letter,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_told_from_letters() {
        for letter in ['a', '가', 'ن', '👩', '-', '1', '\u{301}'] {
            assert!(!is_unseen(letter) && !is_misleading(letter), "{letter:?}");
        }
        for letter in [
            ' ', '\u{3000}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{3164}', '\u{feff}',
        ] {
            assert!(is_unseen(letter) && !is_misleading(letter), "{letter:?}");
        }
        for letter in ['\0', '\n', '\u{85}', '\u{2028}', '\u{202e}', '\u{2066}'] {
            assert!(is_unseen(letter) && is_misleading(letter), "{letter:?}");
        }
    }
}
