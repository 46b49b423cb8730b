//! One row of what lets somebody in: a session, an app, a key.

use domain::TimestampMs;
use leptos::prelude::*;

use crate::{
    form::{FormState, PostForm},
    parts::{Draw, Icon, Time},
};

/// What it is, from where it comes, what happened to it when, and the form that ends it: with its id and what its
/// button says.
pub(super) fn row(
    icon: Icon,
    name: AnyView,
    from: Option<String>,
    times: [(&'static str, Option<TimestampMs>); 2],
    end: Option<(FormState, String, &'static str)>,
) -> AnyView {
    let [(first, first_at), (second, second_at)] = times;
    view! {
        <li>
            <div class="session">
                <Draw icon/>
                <div>
                    {name}
                    <p class="xs mut">
                        {from.map(|from| format!("{from} · "))}
                        {first} " "
                        <Time at=Signal::stored(first_at)/> " · "
                        {second} " "
                        <Time at=Signal::stored(second_at)/>
                    </p>
                </div>
            </div>
            {end
                .map(|(form, id, words)| {
                    view! {
                        <PostForm form>
                            <input type="hidden" name="id" value=id/>
                            <button class="btn sm danger" type="submit">{words}</button>
                        </PostForm>
                    }
                })}
        </li>
    }
    .into_any()
}
