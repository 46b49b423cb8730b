//! What the site does by itself about each kind of finding.

use domain::identity::{FindingKind, Policies, Reaction};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    server_fns::{SetPolicy, read_policies},
    words,
};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{ErrorNotice, SubmitButton},
};

/// One form for each kind.
#[component]
pub fn PolicyTable() -> impl IntoView {
    let i18n = use_i18n();
    let set = FormState::of::<SetPolicy>();
    let policies = Resource::new_blocking(move || set.times_done(), |_| read_policies());
    view! {
        <section class="card policies" id="policies">
            <header><h2>{tu_string!(i18n, identity.policies)}</h2></header>
            <div class="pad">
                <p class="sub">{tu_string!(i18n, identity.policies_about)}</p>
                <ErrorNotice error=set.error/>
                <Transition>
                    {move || Suspend::new(async move {
                        match policies.await {
                            Ok(policies) => FindingKind::ALL
                                .iter()
                                .map(|kind| row(*kind, &policies, set))
                                .collect_view()
                                .into_any(),
                            Err(failure) => {
                                view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                            }
                        }
                    })}
                </Transition>
                <p class="sub" role="status">
                    {move || set.done().then(|| tu_string!(i18n, frame.saved))}
                </p>
            </div>
        </section>
    }
    .into_any()
}

fn row(kind: FindingKind, policies: &Policies, set: FormState) -> AnyView {
    let i18n = use_i18n();
    let chosen = policies.of(kind);
    view! {
        <PostForm form=set class="policy">
            <input type="hidden" name="kind" value=kind.as_str()/>
            <span>
                <b>{words::kind(i18n.get_locale_untracked(), kind)}</b>
                <small>{words::meaning(i18n.get_locale_untracked(), kind)}</small>
            </span>
            <select
                class="in sm"
                name="reaction"
                aria-label=words::kind(i18n.get_locale_untracked(), kind)
            >
                {kind
                    .reactions()
                    .iter()
                    .map(|&reaction: &Reaction| view! {
                        <option value=reaction.as_str() selected=reaction == chosen>
                            {words::reaction(i18n.get_locale_untracked(), reaction)}
                        </option>
                    })
                    .collect_view()}
            </select>
            <SubmitButton
                label=tu_string!(i18n, frame.save)
                busy_label=tu_string!(i18n, frame.working)
                busy=set.pending
                class="sm"
            />
        </PostForm>
    }
    .into_any()
}
