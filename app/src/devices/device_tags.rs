//! The tags of a device: links to their groups, and a form for those who may set them.

use domain::{DeviceId, tag::Tag};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{ErrorNotice, Field},
};

/// The tags; `known` are the site's, to choose from.
pub(super) fn card(
    id: DeviceId,
    tags: &[Tag],
    known: Vec<Tag>,
    may_set: bool,
    form: FormState,
) -> AnyView {
    let i18n = use_i18n();
    let none = tags.is_empty();
    let links = tags
        .iter()
        .map(|tag| {
            view! { <a class="tag" href=format!("/devices?q=tag:{tag}")>{tag.to_string()}</a> }
        })
        .collect_view();
    let written: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    let written = written.join(", ");
    let others: Vec<String> = known
        .into_iter()
        .filter(|tag| !tags.contains(tag))
        .take(12)
        .map(String::from)
        .collect();
    view! {
        <section class="card tags-of">
            <header>
                <h2>{tu_string!(i18n, finding.tags)}</h2>
            </header>
            <div class="pad">
                <p class="row">
                    {links}
                    {none
                        .then(|| {
                            view! {
                                <span class="mut">{tu_string!(i18n, finding.untagged)}</span>
                            }
                        })}
                </p>
                {may_set
                    .then(|| {
                        view! {
                            <details open=form.error.get_untracked().is_some()>
                                <summary>{tu_string!(i18n, finding.edit_tags)}</summary>
                                <ErrorNotice error=form.other_error(&["tags"])/>
                                <PostForm form class="form">
                                    <input type="hidden" name="id" value=id.to_string()/>
                                    <Field
                                        name="tags"
                                        label=tu_string!(i18n, finding.tags)
                                        hint=tu_string!(i18n, finding.tags_hint)
                                        form
                                        value=written
                                        required=false
                                        maxlength=800
                                    />
                                    {(!others.is_empty())
                                        .then(|| {
                                            view! {
                                                <p class="xs mut">
                                                    {tu_string!(i18n, finding.other_tags)} " "
                                                    {others.join(", ")}
                                                </p>
                                            }
                                        })}
                                    <div class="row">
                                        <button class="btn" type="submit">
                                            {tu_string!(i18n, frame.save)}
                                        </button>
                                    </div>
                                </PostForm>
                            </details>
                        }
                    })}
            </div>
        </section>
    }
    .into_any()
}
