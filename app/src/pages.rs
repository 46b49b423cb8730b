//! The pages as parts of the interface that a browser loads when it first shows them.
//!
//! The server has them all: what leptos does on the server for a lazy page reads the context of whichever
//! request its thread served last.

use leptos::prelude::*;

use crate::{
    accounts::{
        account_page::AccountPage, register_page::RegisterPage, setup_page::SetupPage,
        sign_in_page::SignInPage, users_page::UsersPage,
    },
    catalog::catalog_page::CatalogPage,
    devices::{
        claim_page::ClaimPage,
        device_page::DevicePage,
        imports::{import_page::ImportPage, labels_page::LabelsPage, progress_page::ProgressPage},
        list_page::DeviceListPage,
        preregister_page::PreregisterPage,
        tag_page::TagPage,
    },
    identity::{finding_page::FindingPage, list_page::IdentityPage, notices_page::NoticesPage},
    jobs::{job_page::JobPage, list_page::JobListPage, new_page::NewJobPage},
    overview::overview_page::OverviewPage,
    telemetry::compare_page::ChartsPage,
    traffic::page::DebugPage,
    wifi::page::WifiPage,
};

macro_rules! pages {
    ($($(#[$doc:meta])* $of:ident: $name:ident => $page:ident,)+) => {$(
        $(#[$doc])*
        #[cfg(feature = "ssr")]
        pub(crate) fn $of() -> impl Fn() -> AnyView + Clone + Send + 'static {
            || view! { <$page/> }.into_any()
        }

        $(#[$doc])*
        #[cfg(not(feature = "ssr"))]
        pub(crate) fn $of() -> leptos_router::Lazy<$name> {
            leptos_router::Lazy::new()
        }

        $(#[$doc])*
        #[cfg(not(feature = "ssr"))]
        #[derive(Debug)]
        pub(crate) struct $name;

        #[cfg(not(feature = "ssr"))]
        #[leptos_router::lazy_route]
        impl leptos_router::LazyRoute for $name {
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
    sign_in: SignIn => SignInPage,
    /// The first administrator.
    setup: Setup => SetupPage,
    /// An account by invitation.
    register: Register => RegisterPage,
    /// The overview.
    overview: Overview => OverviewPage,
    /// All devices.
    device_list: DeviceList => DeviceListPage,
    /// Tags of devices that are picked.
    tag_picked: TagPicked => TagPage,
    /// Pre-registration.
    preregister: Preregister => PreregisterPage,
    /// Pre-registration from a file.
    import: Import => ImportPage,
    /// One import.
    import_progress: ImportProgress => ProgressPage,
    /// The labels of an import.
    labels: Labels => LabelsPage,
    /// One device.
    device: Device => DevicePage,
    /// A device's raw messages, and any command.
    debug: Debug => DebugPage,
    /// A device's Wi-Fi network.
    wifi: Wifi => WifiPage,
    /// Values of several devices.
    charts: Charts => ChartsPage,
    /// All jobs.
    job_list: JobList => JobListPage,
    /// A job in the making.
    new_job: NewJob => NewJobPage,
    /// One job.
    job: Job => JobPage,
    /// Claiming a device.
    claim: Claim => ClaimPage,
    /// What was found about identities.
    identity: Identity => IdentityPage,
    /// One finding.
    finding: FoundIdentity => FindingPage,
    /// What one was told.
    notices: Notices => NoticesPage,
    /// What there is to attach.
    catalog: Catalog => CatalogPage,
    /// Who has an account.
    users: Users => UsersPage,
    /// One's own account.
    account: Account => AccountPage,
}
