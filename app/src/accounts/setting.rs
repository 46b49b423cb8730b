//! A card of the account page: what can be changed, the form for it, and that it was.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{ErrorNotice, SubmitButton},
};

/// The card; the fields of its form are its children.
#[component]
pub fn Setting(
    /// Its heading.
    title: &'static str,
    /// What the change does.
    #[prop(optional, into)]
    what: Option<&'static str>,
    /// The state of its form.
    form: FormState,
    /// The fields, which show their own errors.
    fields: &'static [&'static str],
    /// What its button says.
    act: &'static str,
    /// What is said when it was done.
    done: &'static str,
    children: Children,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <section class="card">
            <header><h2>{title}</h2></header>
            <div class="pad">
                {what.map(|what| view! { <p class="sub">{what}</p> })}
                <ErrorNotice error=form.other_error(fields)/>
                <PostForm form>
                    <div class="form">
                        {children()}
                        <div class="row">
                            <SubmitButton
                                busy=form.pending
                                label=act
                                busy_label=tu_string!(i18n, accounts.saving)
                            />
                            <span role="status" class="is-well">
                                {move || form.done().then_some(done)}
                            </span>
                        </div>
                    </div>
                </PostForm>
            </div>
        </section>
    }
    .into_any()
}
