//! What is done to everything that a list finds: tags, with the way back.

use domain::finding::BulkTagged;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::finding_server_fns::{TagMatching, UndoTagging};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, Field, Icon, SubmitButton, number::grouped},
};

/// Tagging and its undo; they outlive the list that is read again after them.
#[derive(Clone, Copy)]
pub(super) struct Bulk {
    pub(super) tag: FormState,
    pub(super) undo: FormState,
    /// Whether undoing was the last of the two.
    undone: RwSignal<bool>,
}

impl Bulk {
    pub(super) fn new() -> Self {
        let undo = FormState::of::<UndoTagging>();
        Self {
            tag: FormState::of::<TagMatching>(),
            undo,
            undone: RwSignal::new(undo.outcome::<u64>().is_some()),
        }
    }

    /// Moves when one of them is done.
    pub(super) fn times_done(self) -> (u32, u32) {
        (self.tag.times_done(), self.undo.times_done())
    }
}

/// Tags all that match: says how many before, and what has changed after, with its undo.
pub(super) fn tag_all(filter: String, total: u64, bulk: Bulk) -> AnyView {
    let i18n = use_i18n();
    let Bulk { tag, undo, undone } = bulk;
    let n = grouped(total);
    let (few, what) = (n.clone(), n);
    view! {
        <details class="card bulk-tags" open=tag.error.get_untracked().is_some()>
            <summary>
                {tu_string!(i18n, finding.tag_all, n = few)}
            </summary>
            <p class="sub">{tu_string!(i18n, finding.tag_all_what, n = what)}</p>
            <ErrorNotice error=tag.other_error(&["add", "remove"])/>
            <PostForm form=tag class="row" on_send=Callback::new(move |()| undone.set(false))>
                <input type="hidden" name="filter" value=filter/>
                <Field
                    name="add"
                    label=tu_string!(i18n, finding.put_on)
                    hint=tu_string!(i18n, finding.tags_hint)
                    form=tag
                    required=false
                />
                <Field
                    name="remove"
                    label=tu_string!(i18n, finding.take_off)
                    hint=tu_string!(i18n, finding.tags_hint)
                    form=tag
                    required=false
                />
                <SubmitButton
                    label=tu_string!(i18n, finding.change_tags)
                    busy_label=tu_string!(i18n, frame.working)
                    busy=tag.pending
                />
            </PostForm>
        </details>
        <ErrorNotice error=undo.error/>
    }
    .into_any()
}

/// What tagging has done, until the next act.
pub(super) fn tagged(bulk: Bulk) -> AnyView {
    let i18n = use_i18n();
    let Bulk {
        tag,
        undo,
        undone: last,
    } = bulk;
    let done = Memo::new(move |_| {
        let _ = tag.times_done();
        tag.outcome::<BulkTagged>()
    });
    let undone = Memo::new(move |_| {
        let _ = undo.times_done();
        undo.outcome::<u64>()
    });
    let answers = move || (undone.get().filter(|_| last.get()), done.get());
    view! {
        <div role="status">
            {move || match answers() {
                (Some(n), _) => {
                    let n = grouped(n);
                    view! {
                        <p class="banner good">
                            {tu_string!(i18n, finding.undone, n = n)}
                        </p>
                    }
                    .into_any()
                }
                (None, Some(done)) => {
                    let (n, left) = (grouped(done.changed), done.left);
                    view! {
                        <div class="banner good">
                            <span>{tu_string!(i18n, finding.tagged, n = n)}</span>
                            {(left > 0)
                                .then(|| {
                                    let left = grouped(left);
                                    view! {
                                        <span class="mut">
                                            {tu_string!(i18n, finding.left, n = left)}
                                        </span>
                                    }
                                })}
                            {done
                                .undo
                                .map(|act| {
                                    view! {
                                        <PostForm form=undo class="push" on_send=Callback::new(move |()| last.set(true))>
                                            <input type="hidden" name="act" value=act.to_string()/>
                                            <button class="btn sm" type="submit">
                                                <Draw icon=Icon::Undo2/>
                                                {tu_string!(i18n, frame.undo)}
                                            </button>
                                        </PostForm>
                                    }
                                })}
                        </div>
                    }
                    .into_any()
                }
                _ => ().into_any(),
            }}
        </div>
    }
    .into_any()
}
