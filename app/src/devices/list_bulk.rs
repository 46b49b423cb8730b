//! What is done to everything that a list finds, or to those that are picked in it: tags, with the way back.

use domain::{DeviceId, finding::BulkTagged};
use leptos::{html, prelude::*};
use leptos_i18n::tu_string;

use super::{
    finding_server_fns::{TagMatching, UndoTagging},
    list_pick::Picked,
};
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

/// Tags those that are picked, and without them all that match: says how many before.
pub(super) fn tag_them(filter: String, total: u64, bulk: Bulk, picked: Picked) -> AnyView {
    let i18n = use_i18n();
    let Bulk { tag, undo, undone } = bulk;
    let some = move || Some(picked.0.read().len()).filter(|some| *some > 0);
    let summary = move || match some() {
        Some(n) => tu_string!(i18n, finding.tag_picked, n = n),
        None => tu_string!(i18n, finding.tag_all, n = grouped(total)),
    };
    let what = move || match some() {
        Some(n) => tu_string!(i18n, finding.tag_picked_what, n = n),
        None => tu_string!(i18n, finding.tag_all_what, n = grouped(total)),
    };
    let devices = move || {
        let ids: Vec<_> = picked.0.read().iter().map(ToString::to_string).collect();
        ids.join(",")
    };
    let menu = NodeRef::<html::Details>::new();
    Effect::new(move |before: Option<u32>| {
        let now = tag.times_done();
        if before.is_some_and(|before| before != now)
            && let Some(menu) = menu.get_untracked()
        {
            menu.set_open(false);
        }
        now
    });
    view! {
        <details class="menu bulk-tags" node_ref=menu open=tag.error.get_untracked().is_some()>
            <summary class="btn ghost sm">{summary}</summary>
            <div class="pop tall">
            <PostForm form=tag class="form" on_send=Callback::new(move |()| undone.set(false))>
                <p class="lab">{what}</p>
                <ErrorNotice error=tag.other_error(&["add", "remove"])/>
                <input type="hidden" name="devices" value=devices/>
                <input type="hidden" name="filter" value=filter/>
                {fields(tag)}
            </PostForm>
            </div>
        </details>
        <ErrorNotice error=undo.error/>
    }
    .into_any()
}

/// Tags these devices and no others, on a page of its own.
pub(super) fn tag_these(devices: &[DeviceId], bulk: Bulk) -> AnyView {
    let i18n = use_i18n();
    let Bulk { tag, undo, undone } = bulk;
    let n = devices.len();
    let devices: Vec<String> = devices.iter().map(ToString::to_string).collect();
    view! {
        <ErrorNotice error=undo.error/>
        <section class="card">
            <PostForm form=tag class="form pad" on_send=Callback::new(move |()| undone.set(false))>
                <p>{tu_string!(i18n, finding.tag_picked_what, n = n)}</p>
                <ErrorNotice error=tag.other_error(&["add", "remove"])/>
                <input type="hidden" name="devices" value=devices.join(",")/>
                {fields(tag)}
            </PostForm>
        </section>
    }
    .into_any()
}

/// What is put on and taken off, and the button.
fn fields(tag: FormState) -> AnyView {
    let i18n = use_i18n();
    view! {
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
