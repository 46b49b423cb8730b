//! What can no longer be taken back is not offered to be.

use entity::component::{Column, Entity};
use sea_orm::{EntityTrait as _, sea_query::Expr};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn undo_is_offered_only_where_it_would_be_done() {
    for bench in Bench::each(None).await {
        let _original = bench.online(1, "board-1", CARD).await;
        let copy = bench.online(2, "board-2", CARD).await;
        bench.reports(&copy, 3, 99.0).await;
        bench.resolve(Act::Release).await;
        let id = bench.finding().await.id;
        let admin = bench.app.browser(Some(&bench.admin));
        let get = async |path: String| {
            let answer = admin.get(bench.app.url(&path)).send().await;
            answer.expect("an answer").text().await.expect("a text")
        };
        let offered = async || {
            let told = get(format!("/api/identity/{id}")).await;
            let told: Value = serde_json::from_str(&told).expect("JSON");
            let page = get(format!("/identity/{id}")).await;
            let button = page.contains("/do/undo_finding");
            (told["may_undo"].as_bool(), button)
        };
        assert_eq!(offered().await, (Some(true), true));

        // Retention has come past the time of what was released.
        let services = bench.app.services();
        let from = testkit::device::now().plus_ms(60_000);
        Entity::update_many()
            .col_expr(Column::ReportsFromMs, Expr::value(from.0))
            .exec(&services.db.write)
            .await
            .expect("the table");
        assert_eq!(offered().await, (Some(false), false));
        let proof = bench.admin.actor.require_admin().expect("an administrator");
        let late = identity::undo(services, &proof, id).await;
        assert_eq!(late, Err(domain::AppError::conflict("undo_too_late")));
        bench.app.stop().await;
    }
}
