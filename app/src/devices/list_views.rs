//! Saved views: lists under names of their own, and how one is kept and forgotten.

use domain::finding::SavedView;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    finding_server_fns::{DeleteView, SaveView},
    query::View,
};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, Field, Icon},
    session::use_me,
};

/// Keeping and forgetting; they outlive the list that is read again after them.
#[derive(Clone, Copy)]
pub(super) struct Keeping {
    save: FormState,
    delete: FormState,
    /// Whether what was forgotten was kept again.
    again: RwSignal<bool>,
}

impl Keeping {
    pub(super) fn new() -> Self {
        Self {
            save: FormState::of::<SaveView>(),
            delete: FormState::of::<DeleteView>(),
            again: RwSignal::new(false),
        }
    }

    /// Moves when one of them is done.
    pub(super) fn times_done(self) -> (u32, u32) {
        (self.save.times_done(), self.delete.times_done())
    }
}

/// The views as tabs, and what keeps the one that is shown.
pub(super) fn views(shown: &View, views: Vec<SavedView>, keeping: Keeping) -> AnyView {
    let i18n = use_i18n();
    let address = shown.kept_as();
    let current = views.iter().find(|view| view.address == address).cloned();
    let any = !views.is_empty();
    let tabs = views
        .into_iter()
        .map(|view| {
            let here = (view.address == address).then_some("page");
            view! {
                <a class="chiplink" href=format!("/devices?{}", view.address) aria-current=here title=view.name.clone()>
                    <span class="ell">{view.name.clone()}</span>
                    {view
                        .shared
                        .then(|| {
                            let shared = tu_string!(i18n, finding.view_shared);
                            view! {
                                <span class="mut" title=shared>
                                    <Draw icon=Icon::Users/>
                                    <span class="hide">{shared}</span>
                                </span>
                            }
                        })}
                </a>
            }
        })
        .collect_view();
    let name = current
        .as_ref()
        .map(|view| view.name.clone())
        .unwrap_or_default();
    let save = keeping.save;
    let shared = match save.typed("shared") {
        Some(ticked) => !ticked.is_empty(),
        None => current.as_ref().is_some_and(|view| view.shared),
    };
    let admin = use_me().role.is_admin();
    let forget = current.filter(|view| view.may_change).map(|view| {
        view! {
            <PostForm form=keeping.delete on_send=Callback::new(move |()| keeping.again.set(false))>
                <input type="hidden" name="view" value=view.id/>
                <button class="btn danger" type="submit">
                    <Draw icon=Icon::Trash2/>
                    {tu_string!(i18n, finding.delete_view)}
                </button>
            </PostForm>
        }
    });
    view! {
        <div class="views">
            {any.then(|| {
                view! {
                    <nav class="row" aria-label=tu_string!(i18n, finding.views)>{tabs}</nav>
                }
            })}
            <details class="menu" open=save.error.get_untracked().is_some()>
                <summary class="btn sm ghost">
                    <Draw icon=Icon::Plus/>
                    {tu_string!(i18n, finding.save_view)}
                </summary>
                <div class="pop tall from-start">
                    <PostForm form=save class="form">
                        <p class="lab">{tu_string!(i18n, finding.save_view_what)}</p>
                        <input type="hidden" name="address" value=address.clone()/>
                        <Field
                            name="view_name"
                            label=tu_string!(i18n, finding.view_name)
                            form=save
                            value=name
                            maxlength=80
                        />
                        {admin
                            .then(|| {
                                view! {
                                    <label class="check">
                                        <input type="checkbox" name="shared" value="true" checked=shared/>
                                        <span>{tu_string!(i18n, finding.share_view)}</span>
                                    </label>
                                }
                            })}
                        <button class="btn pri" type="submit">
                            {tu_string!(i18n, frame.save)}
                        </button>
                    </PostForm>
                    {forget}
                </div>
            </details>
        </div>
    }
    .into_any()
}

/// What was not kept and why, and what was forgotten with its way back.
pub(super) fn said(keeping: Keeping) -> AnyView {
    let i18n = use_i18n();
    let Keeping {
        save,
        delete,
        again,
    } = keeping;
    let gone = move || {
        let gone = delete.outcome::<SavedView>();
        gone.filter(|_| !again.get())
    };
    view! {
        <ErrorNotice error=save.other_error(&["view_name"])/>
        <ErrorNotice error=delete.error/>
        <div role="status">
            {move || {
                gone()
                    .map(|view| {
                        let name = view.name.clone();
                        view! {
                            <div class="banner">
                                <span>
                                    {tu_string!(i18n, finding.view_deleted, name = name).to_string()}
                                </span>
                                <PostForm form=save class="push" on_send=Callback::new(move |()| again.set(true))>
                                    <input type="hidden" name="view_name" value=view.name/>
                                    <input type="hidden" name="address" value=view.address/>
                                    {view
                                        .shared
                                        .then(|| view! { <input type="hidden" name="shared" value="true"/> })}
                                    <button class="btn sm" type="submit">
                                        <Draw icon=Icon::Undo2/>
                                        {tu_string!(i18n, frame.undo)}
                                    </button>
                                </PostForm>
                            </div>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}
