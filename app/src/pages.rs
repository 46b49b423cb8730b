//! The pages as parts of the interface that a browser loads when it first shows them.

use leptos::prelude::*;
use leptos_router::{LazyRoute, lazy_route};

use crate::{
    accounts::{
        account_page::AccountPage, register_page::RegisterPage, setup_page::SetupPage,
        sign_in_page::SignInPage, users_page::UsersPage,
    },
    devices::{
        claim_page::ClaimPage, device_page::DevicePage, list_page::DeviceListPage,
        preregister_page::PreregisterPage,
    },
    overview::overview_page::OverviewPage,
};

macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident => $page:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;

        #[lazy_route]
        impl LazyRoute for $name {
            fn data() -> Self {
                Self
            }

            fn view(_this: Self) -> AnyView {
                view! { <$page/> }.into_any()
            }
        }
    )+};
}

pages! {
    /// Sign-in.
    SignIn => SignInPage,
    /// The first administrator.
    Setup => SetupPage,
    /// An account by invitation.
    Register => RegisterPage,
    /// The overview.
    Overview => OverviewPage,
    /// All devices.
    DeviceList => DeviceListPage,
    /// Pre-registration.
    Preregister => PreregisterPage,
    /// One device.
    Device => DevicePage,
    /// Claiming a device.
    Claim => ClaimPage,
    /// Who has an account.
    Users => UsersPage,
    /// One's own account.
    Account => AccountPage,
}
