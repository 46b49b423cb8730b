//! People on a real database, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{AppError, account::Registration, role::SiteRole};
use service::accounts::{self, Client, api_key, profile, token};
use testkit::{
    database::each_engine,
    site::{PASSWORD, Site, account},
};

fn invalid(error: &AppError) -> &str {
    match error {
        AppError::Invalid { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_setup_code_works_once_and_only_the_latest() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (services, client) = (&site.services, Client::default());
        assert!(accounts::needs_setup(services).await.unwrap());
        let old = accounts::make_setup_code(services).await.unwrap().unwrap();
        let code = accounts::make_setup_code(services).await.unwrap().unwrap();
        for wrong in [old.as_str(), "", "AAAA-AAAA-AAAA-AAAA"] {
            let result = accounts::set_up(services, wrong, account("a@example.org"), &client).await;
            assert_eq!(invalid(&result.unwrap_err()), "setup_code");
        }
        let typed = code.to_lowercase().replace('-', " ");
        let first = accounts::set_up(services, &typed, account("a@example.org"), &client)
            .await
            .unwrap();
        assert_eq!(first.me.role, SiteRole::PrimeAdmin);
        accounts::set_up(services, &code, account("b@example.org"), &client)
            .await
            .unwrap_err();
        assert!(!accounts::needs_setup(services).await.unwrap());
        assert_eq!(accounts::make_setup_code(services).await.unwrap(), None);
    }
}

#[tokio::test]
async fn sessions_begin_slide_and_end() {
    for database in each_engine().await {
        let site = Site::on(database);
        site.set_up().await;
        let (services, client) = (&site.services, Client::default());
        let signed_in = accounts::sign_in(services, "ADMIN@example.org ", PASSWORD, &client)
            .await
            .unwrap();
        let day = 24 * 3_600_000;
        for _ in 0..3 {
            site.clock.advance_ms(20 * day);
            let actor = accounts::actor_of_session(services, &signed_in.token, &client).await;
            assert!(actor.unwrap().is_some(), "used every 20 days");
        }
        site.clock.advance_ms(31 * day);
        let actor = accounts::actor_of_session(services, &signed_in.token, &client).await;
        assert!(actor.unwrap().is_none(), "not used for 31 days");

        let again = accounts::sign_in(services, "admin@example.org", PASSWORD, &client)
            .await
            .unwrap();
        accounts::sign_out(services, &again.token).await.unwrap();
        let actor = accounts::actor_of_session(services, &again.token, &client).await;
        assert!(actor.unwrap().is_none());
        let actor = accounts::actor_of_session(services, "nonsense", &client).await;
        assert!(actor.unwrap().is_none());
    }
}

#[tokio::test]
async fn what_is_no_address_is_nobody_and_still_limited() {
    for database in each_engine().await {
        let site = Site::on(database);
        site.set_up().await;
        let (services, client) = (&site.services, Client::default());
        for none in ["\0", "nobody", ""] {
            let refused = accounts::sign_in(services, none, PASSWORD, &client).await;
            assert_eq!(invalid(&refused.unwrap_err()), "wrong_password", "{none:?}");
        }
        for _ in 0..4 {
            let refused = accounts::sign_in(services, "nobody", PASSWORD, &client).await;
            assert_eq!(invalid(&refused.unwrap_err()), "wrong_password");
        }
        let limited = accounts::sign_in(services, "nobody", PASSWORD, &client).await;
        assert!(matches!(limited, Err(AppError::TooMany { .. })));
    }
}

#[tokio::test]
async fn a_person_sees_and_ends_their_own_sessions_only() {
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await;
        let services = &site.services;
        let from = |agent: &str| Client {
            secure: true,
            user_agent: Some(agent.to_owned()),
            ..Client::default()
        };
        let sign_in = async |agent: &str| {
            let client = from(agent);
            let signed_in = accounts::sign_in(services, "admin@example.org", PASSWORD, &client)
                .await
                .unwrap();
            site.clock.advance_ms(1_000);
            signed_in
        };
        let (old, phone, here) = (
            sign_in("old").await,
            sign_in("phone").await,
            sign_in("here").await,
        );
        let actor_of = async |token: &str| {
            accounts::actor_of_session(services, token, &Client::default())
                .await
                .unwrap()
        };
        let me = actor_of(&here.token).await.unwrap();
        let list = accounts::list_sessions(services, &me, &here.token)
            .await
            .unwrap();
        let agents: Vec<_> = list
            .iter()
            .filter_map(|session| session.user_agent.as_deref())
            .collect();
        assert_eq!(agents, ["here", "phone", "old"]);
        assert_eq!(
            list.iter()
                .map(|session| session.current)
                .collect::<Vec<_>>()[..3],
            [true, false, false]
        );
        assert!(list.iter().all(|session| !session.id.contains(&here.token)));

        let of_phone = &list[1].id;
        let other = site.person(&admin, "b@example.org", SiteRole::Member).await;
        assert_eq!(
            accounts::end_session(services, &other, of_phone).await,
            Err(AppError::NotFound),
            "another person's"
        );
        accounts::end_session(services, &me, of_phone)
            .await
            .unwrap();
        assert!(actor_of(&phone.token).await.is_none());
        assert!(actor_of(&old.token).await.is_some());
        for gone in [of_phone.as_str(), "", "not hexadecimal"] {
            assert_eq!(
                accounts::end_session(services, &me, gone).await,
                Err(AppError::NotFound)
            );
        }
    }
}

#[tokio::test]
async fn wrong_passwords_are_limited_to_five_a_minute() {
    for database in each_engine().await {
        let site = Site::on(database);
        site.set_up().await;
        let (services, client) = (&site.services, Client::default());
        for email in ["admin@example.org", "nobody@example.org"] {
            for _ in 0..5 {
                let result = accounts::sign_in(services, email, "wrong password", &client).await;
                assert_eq!(invalid(&result.unwrap_err()), "wrong_password");
            }
            let result = accounts::sign_in(services, email, PASSWORD, &client).await;
            assert!(matches!(result.unwrap_err(), AppError::TooMany { .. }));
        }
        site.clock.advance_ms(60_000);
        accounts::sign_in(services, "admin@example.org", PASSWORD, &client)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_right_passwords_at_once_are_all_let_in_and_many_wrong_ones_are_not_all_tried() {
    for database in each_engine().await {
        let site = Site::on(database);
        site.set_up().await;
        let services = &site.services;
        let client = Client {
            address: Some("192.0.2.7".to_owned()),
            ..Client::default()
        };
        let all = async |password: &'static str| {
            let tries = (0..30)
                .map(|_| accounts::sign_in(services, "admin@example.org", password, &client));
            futures::future::join_all(tries).await
        };
        for answer in all(PASSWORD).await {
            assert!(answer.is_ok(), "{answer:?}");
        }
        let wrong = all("wrong password").await;
        let tried = wrong.iter().filter(|answer| {
            matches!(answer, Err(AppError::Invalid { message, .. }) if message == "wrong_password")
        });
        assert_eq!(tried.count(), 5);
        let limited = wrong
            .iter()
            .filter(|answer| matches!(answer, Err(AppError::TooMany { .. })));
        assert_eq!(limited.count(), 25);
    }
}

#[tokio::test]
async fn invitations_work_once_for_whom_they_are_until_they_expire() {
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let (services, client) = (&site.services, Client::default());
        let register = async |code: Option<&str>, email: &str| {
            accounts::register(services, code, account(email), &client).await
        };
        assert_eq!(
            invalid(&register(None, "kim@example.org").await.unwrap_err()),
            "invitation_needed"
        );
        let bound = Some("kim@example.org".parse().unwrap());
        let code = accounts::invite(services, &proof, bound, SiteRole::Developer)
            .await
            .unwrap();
        assert_eq!(
            invalid(&register(Some(&code), "lee@example.org").await.unwrap_err()),
            "invitation_email"
        );
        let kim = register(Some(&code), "Kim@Example.org").await.unwrap();
        assert_eq!(kim.me.role, SiteRole::Developer);
        assert_eq!(
            invalid(&register(Some(&code), "kim2@example.org").await.unwrap_err()),
            "invitation"
        );
        let open = accounts::invite(services, &proof, None, SiteRole::Member)
            .await
            .unwrap();
        assert_eq!(
            invalid(&register(Some(&open), "kim@example.org").await.unwrap_err()),
            "email_taken",
            "and the invitation is not used up"
        );
        let listed = accounts::list_invitations(services, &proof).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].created_by, "admin");
        accounts::withdraw_invitation(services, &proof, &listed[0].id)
            .await
            .unwrap();
        assert!(register(Some(&open), "park@example.org").await.is_err());
        let late = accounts::invite(services, &proof, None, SiteRole::Member)
            .await
            .unwrap();
        site.clock.advance_ms(8 * 24 * 3_600_000);
        assert!(register(Some(&late), "park@example.org").await.is_err());
    }
}

#[tokio::test]
async fn only_a_prime_administrator_touches_administrators_and_one_stays() {
    for database in each_engine().await {
        let site = Site::on(database);
        let prime = site.set_up().await;
        let services = &site.services;
        let general = site
            .person(&prime, "general@example.org", SiteRole::GeneralAdmin)
            .await;
        let member = site
            .person(&prime, "member@example.org", SiteRole::Member)
            .await;
        let as_prime = prime.require_admin().unwrap();
        let as_general = general.require_admin().unwrap();
        member.require_admin().unwrap_err();

        let set = async |by, user: &service::Actor, role| {
            accounts::set_role(services, by, user.user.id, role).await
        };
        set(&as_general, &member, SiteRole::Developer)
            .await
            .unwrap();
        assert_eq!(
            set(&as_general, &member, SiteRole::GeneralAdmin).await,
            Err(AppError::Forbidden)
        );
        assert_eq!(
            set(&as_general, &prime, SiteRole::Member).await,
            Err(AppError::Forbidden)
        );
        let invited = accounts::invite(services, &as_general, None, SiteRole::GeneralAdmin).await;
        assert_eq!(invited, Err(AppError::Forbidden));
        assert!(matches!(
            set(&as_prime, &prime, SiteRole::Member).await,
            Err(AppError::Conflict { .. })
        ));
        let lock_out = accounts::set_active(services, &as_prime, prime.user.id, false).await;
        assert!(matches!(lock_out, Err(AppError::Conflict { .. })));
        set(&as_prime, &general, SiteRole::PrimeAdmin)
            .await
            .unwrap();
        set(&as_prime, &prime, SiteRole::Member).await.unwrap();
    }
}

#[tokio::test]
async fn a_deactivated_person_is_out_at_once() {
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let (services, client) = (&site.services, Client::default());
        let kim = site
            .person(&admin, "kim@example.org", SiteRole::Member)
            .await;
        let session = accounts::sign_in(services, "kim@example.org", PASSWORD, &client)
            .await
            .unwrap();
        let tokens = token::log_in(services, "kim@example.org", PASSWORD, &client)
            .await
            .unwrap();
        let made = api_key::create(services, &kim, "script").await.unwrap();
        let key = made.key;
        accounts::set_active(services, &proof, kim.user.id, false)
            .await
            .unwrap();
        let actor = accounts::actor_of_session(services, &session.token, &client).await;
        assert!(actor.unwrap().is_none());
        token::actor_of_token(services, &tokens.access_token, &client)
            .await
            .unwrap_err();
        token::refresh(services, &tokens.refresh_token)
            .await
            .unwrap_err();
        api_key::actor_of_key(services, &key, &client)
            .await
            .unwrap_err();
        accounts::sign_in(services, "kim@example.org", PASSWORD, &client)
            .await
            .unwrap_err();
        accounts::set_active(services, &proof, kim.user.id, true)
            .await
            .unwrap();
        api_key::actor_of_key(services, &key, &client)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_family() {
    for database in each_engine().await {
        let site = Site::on(database);
        site.set_up().await;
        let (services, client) = (&site.services, Client::default());
        let first = token::log_in(services, "admin@example.org", PASSWORD, &client)
            .await
            .unwrap();
        let second = token::refresh(services, &first.refresh_token)
            .await
            .unwrap();
        token::actor_of_token(services, &second.access_token, &client)
            .await
            .unwrap();
        token::refresh(services, &first.refresh_token)
            .await
            .unwrap_err();
        token::refresh(services, &second.refresh_token)
            .await
            .unwrap_err();

        let third = token::log_in(services, "admin@example.org", PASSWORD, &client)
            .await
            .unwrap();
        site.clock.advance_ms(token::ACCESS_S * 1_000 + 1_000);
        let late = token::actor_of_token(services, &third.access_token, &client).await;
        assert_eq!(late.unwrap_err(), AppError::SignedOut);
        let device = domain::DeviceId::random();
        let of = token::TokenDevice {
            device,
            ownership: 1,
            secret: None,
        };
        let (device_token, _) = token::issue_for_device(services, of).unwrap();
        let unknown = token::device_of_token(services, &device_token).await;
        assert_eq!(unknown.unwrap_err(), AppError::SignedOut);
        token::actor_of_token(services, &device_token, &client)
            .await
            .unwrap_err();
    }
}

#[tokio::test]
async fn people_are_found_by_name_and_address() {
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let kim = site
            .person(&admin, "k_im@example.org", SiteRole::Member)
            .await;
        profile::rename(&site.services, &kim, "김철수")
            .await
            .unwrap();
        let find = async |text: &str| {
            let page = accounts::list_users(&site.services, &proof, text, 1)
                .await
                .unwrap();
            page.items
                .into_iter()
                .map(|u| u.email.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(find("철수").await, ["k_im@example.org"]);
        assert_eq!(find("K_IM").await, ["k_im@example.org"]);
        assert_eq!(find("100%").await, [""; 0]);
        assert_eq!(find("").await.len(), 2);
        assert_eq!(find("example admin").await, ["admin@example.org"]);
        let many = format!("{}nobody", "admin ".repeat(8));
        assert_eq!(find(&many).await, ["admin@example.org"], "the first eight");
        assert_eq!(find(&"x ".repeat(20_000)).await.len(), 2);
    }
}

#[tokio::test]
async fn an_administrator_makes_accounts_also_where_nobody_else_can() {
    for database in each_engine().await {
        let site = Site::registering(database, Registration::Closed);
        let (services, client) = (&site.services, Client::default());
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let code = accounts::invite(services, &proof, None, SiteRole::Member);
        let code = code.await.unwrap();
        let alone = accounts::register(services, Some(&code), account("a@example.org"), &client);
        assert_eq!(invalid(&alone.await.unwrap_err()), "invitation_needed");

        let add = async |by, email: &str, role| {
            accounts::add_account(services, by, account(email), role).await
        };
        let role = SiteRole::GeneralAdmin;
        let kim = add(&proof, "kim@example.org", role).await.unwrap();
        assert_eq!(kim.role, role);
        let again = add(&proof, "kim@example.org", role).await;
        assert_eq!(invalid(&again.unwrap_err()), "email_taken");
        let page = accounts::list_users(services, &proof, "kim", 1).await;
        assert_eq!(page.unwrap().items[0].last_sign_in_at, None);
        let signed_in = accounts::sign_in(services, "kim@example.org", PASSWORD, &client);
        let general = service::Actor {
            user: signed_in.await.unwrap().me,
            address: None,
        };
        let as_general = general.require_admin().unwrap();
        let refused = add(&as_general, "lee@example.org", role).await;
        assert_eq!(refused, Err(AppError::Forbidden));
        let lee = add(&as_general, "lee@example.org", SiteRole::Developer).await;
        assert_eq!(lee.unwrap().role, SiteRole::Developer);
    }
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await;
        let (services, client) = (&site.services, Client::default());
        let sign_in = async |password: &str| {
            accounts::sign_in(services, "admin@example.org", password, &client).await
        };
        let (here, there) = (
            sign_in(PASSWORD).await.unwrap(),
            sign_in(PASSWORD).await.unwrap(),
        );
        let change = async |current: &str, new: &str| {
            profile::change_password(services, &admin, &client, &here.token, current, new).await
        };
        assert_eq!(
            invalid(&change("wrong", "another long one").await.unwrap_err()),
            "wrong_current_password"
        );
        assert_eq!(
            invalid(&change(PASSWORD, "short").await.unwrap_err()),
            "password_length"
        );
        change(PASSWORD, "another long one").await.unwrap();
        let actor = async |token: &str| {
            accounts::actor_of_session(services, token, &client)
                .await
                .unwrap()
        };
        assert!(actor(&here.token).await.is_some());
        assert!(actor(&there.token).await.is_none());
        sign_in(PASSWORD).await.unwrap_err();
        sign_in("another long one").await.unwrap();
    }
}

#[tokio::test]
async fn a_deleted_account_gives_its_devices_up_and_lets_nobody_in() {
    use sea_orm::EntityTrait as _;
    use testkit::device::{Identity, computer};
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let (services, client) = (&site.services, Client::default());
        let admin = site.set_up().await;
        let alone = accounts::delete_account(services, &admin, &client, PASSWORD).await;
        assert!(matches!(alone, Err(AppError::Conflict { .. })));

        let kim = site
            .person(&admin, "kim@example.org", SiteRole::Member)
            .await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("D-1"))
            .await
            .unwrap();
        let session = accounts::sign_in(services, "kim@example.org", PASSWORD, &client)
            .await
            .unwrap();
        let made = api_key::create(services, &kim, "mine").await.unwrap();
        let key = made.key;
        let wrong = accounts::delete_account(services, &kim, &client, "not my password").await;
        assert_eq!(invalid(&wrong.unwrap_err()), "wrong_password");
        assert!(kim.require_owner(services, device.id).await.is_ok());

        accounts::delete_account(services, &kim, &client, PASSWORD)
            .await
            .unwrap();
        let actor = accounts::actor_of_session(services, &session.token, &client).await;
        assert!(actor.unwrap().is_none());
        let by_key = api_key::actor_of_key(services, &key, &client).await;
        assert!(matches!(by_key, Err(AppError::SignedOut)));
        accounts::sign_in(services, "kim@example.org", PASSWORD, &client)
            .await
            .unwrap_err();
        kim.require_viewer(services, device.id).await.unwrap_err();
        let row = entity::device::Entity::find()
            .one(&services.db.read)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                row.owner_id,
                row.secret,
                row.lifecycle.as_str(),
                row.reset_pending
            ),
            (None, None, "unclaimed", true)
        );
        // The address is free again.
        site.person(&admin, "kim@example.org", SiteRole::Member)
            .await;
    }
}
