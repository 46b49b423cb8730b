//! The names of the site's roles, and what each may.

use domain::role::SiteRole;
use leptos_i18n::td_string;

use crate::i18n::Locale;

/// The name of a role.
pub fn role_name(locale: Locale, role: SiteRole) -> String {
    match role {
        SiteRole::PrimeAdmin => td_string!(locale, accounts.role_prime_admin),
        SiteRole::GeneralAdmin => td_string!(locale, accounts.role_general_admin),
        SiteRole::Developer => td_string!(locale, accounts.role_developer),
        SiteRole::Member => td_string!(locale, accounts.role_member),
    }
    .to_owned()
}

/// The roles that a person of role `own` may give.
pub fn grantable(own: SiteRole) -> &'static [SiteRole] {
    match own {
        SiteRole::PrimeAdmin => &SiteRole::ALL,
        _ => &[SiteRole::Developer, SiteRole::Member],
    }
}

/// The roles to choose from, as value and words, the least powerful first.
pub fn role_options(locale: Locale, own: SiteRole) -> Vec<(String, String)> {
    grantable(own)
        .iter()
        .rev()
        .map(|&role| (role.as_str().to_owned(), role_name(locale, role)))
        .collect()
}
