//! What a link to another part of a page keeps of the page's own address.

use leptos_router::params::ParamsMap;

/// The parameters of this address but these, as the end of a query: `&days=90`, or nothing.
pub(crate) fn kept(map: &ParamsMap, but: &[&str]) -> String {
    let mut rest = map.clone();
    for name in but {
        rest.remove(name);
    }
    rest.to_query_string().replacen('?', "&", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_anew_stays() {
        let map: ParamsMap = [("days", "90"), ("value", "cpu.average"), ("q", "a&b ?")]
            .into_iter()
            .collect();
        assert_eq!(kept(&map, &["value", "q"]), "&days=90");
        assert_eq!(kept(&map, &["days", "value"]), "&q=a%26b%20%3F");
        assert_eq!(kept(&map, &["days", "value", "q", "nowhere"]), "");
    }
}
