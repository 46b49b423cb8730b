//! One part of the catalog: what was found, the open form, and what can be brought back. A browser loads it
//! after the page.

use domain::AppError;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    fields::Refused,
    forms::{RuleForm, TypeForm, VariantForm, VersionForm},
    query::{CatalogQuery, Part},
    rows::{Hardware, Rules, Types},
    server_fns::{
        DeleteEntry, Gone, RestoreEntry, SaveRule, SaveType, SaveVariant, SaveVersion, Shown,
        read_catalog,
    },
};
use crate::{
    Failure,
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, Icon, Mark, SearchForm, status_mark::Shape},
    reading::read_again,
};

/// The forms of this page.
#[derive(Clone, Copy)]
pub(super) struct Forms {
    pub(super) kind: FormState,
    pub(super) version: FormState,
    pub(super) variant: FormState,
    pub(super) rule: FormState,
    pub(super) delete: FormState,
}

/// The content, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn content(query: Box<Memo<CatalogQuery>>) -> AnyView {
    drawn(*query).await
}

/// The content. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn content(query: Box<Memo<CatalogQuery>>) -> AnyView {
    drawn(*query).await
}

async fn drawn(query: Memo<CatalogQuery>) -> AnyView {
    let forms = Forms {
        kind: FormState::of::<SaveType>(),
        version: FormState::of::<SaveVersion>(),
        variant: FormState::of::<SaveVariant>(),
        rule: FormState::of::<SaveRule>(),
        delete: FormState::of::<DeleteEntry>(),
    };
    let restore = FormState::of::<RestoreEntry>();
    let asked = Memo::new(move |_| {
        let all = [
            forms.kind,
            forms.version,
            forms.variant,
            forms.rule,
            forms.delete,
            restore,
        ];
        let done: u32 = all.iter().map(FormState::times_done).sum();
        (query.get(), done)
    });
    let known = asked.get_untracked();
    let shown = RwSignal::new((known.0.clone(), Shown::default()));
    let failed = RwSignal::new(None::<AppError>);
    let take = move |query: CatalogQuery, answer| match answer {
        Ok(found) => {
            shown.set((query, found));
            failed.set(None);
        }
        Err(Failure(error)) => failed.set(Some(error)),
    };
    take(known.0.clone(), read_catalog(known.0.clone()).await);
    read_again(
        asked,
        Some(known),
        |(query, _)| read_catalog(query),
        move |(query, _), answer| take(query, answer),
    );
    view! {
        <ErrorNotice error=failed/>
        <Refused form=forms.delete/>
        <Refused form=restore/>
        <BroughtBack delete=forms.delete restore/>
        {move || {
            let (query, found) = shown.get();
            view! { <Found query found forms/> }
        }}
    }
    .into_any()
}

/// Says what was deleted, and offers to bring it back; without a script, too.
#[component]
fn BroughtBack(delete: FormState, restore: FormState) -> impl IntoView {
    let i18n = use_i18n();
    let undone = RwSignal::new(restore.times_done());
    Effect::new(move || undone.set(restore.times_done()));
    let last = RwSignal::new(0);
    // A deletion after the last one that was brought back is offered again.
    Effect::new(move || {
        let _ = delete.times_done();
        last.set(restore.times_done());
    });
    view! {
        <div role="status">
            {move || {
                let brought_back = undone.get() > last.get_untracked();
                delete.outcome::<Gone>().filter(|_| !brought_back).map(|gone| {
                    view! {
                        <PostForm form=restore class="banner good">
                            <Shape mark=Mark::Done/>
                            <span>{tu_string!(i18n, catalog.deleted, name = gone.name).to_string()}</span>
                            <input type="hidden" name="what" value=gone.what/>
                            <input type="hidden" name="id" value=gone.id/>
                            <button class="btn sm push" type="submit">{tu_string!(i18n, frame.undo)}</button>
                        </PostForm>
                    }
                })
            }}
        </div>
    }
}

#[component]
fn Found(query: CatalogQuery, found: Shown, forms: Forms) -> impl IntoView {
    let i18n = use_i18n();
    let part = query.part;
    let form = open_form(&query, &found, forms);
    let search = (part != Part::Hardware).then(|| search(&query, &found));
    let add = match part {
        Part::Types => vec![(query.editing("new"), tu_string!(i18n, catalog.add_type))],
        Part::Hardware => vec![
            (
                query.editing("version:new"),
                tu_string!(i18n, catalog.add_version),
            ),
            (
                query.editing("variant:new"),
                tu_string!(i18n, catalog.add_variant),
            ),
        ],
        Part::Rules => vec![(query.editing("new"), tu_string!(i18n, catalog.add_rule))],
    };
    let Shown {
        types,
        rules,
        versions,
        variants,
        ..
    } = found;
    view! {
        <div class="filters">
            {search}
            <span class="tools">
                {add
                    .into_iter()
                    .map(|(href, label)| view! { <a class="btn" href=href><Draw icon=Icon::Plus/>{label}</a> })
                    .collect_view()}
            </span>
        </div>
        {form}
        {types.map(|found| view! { <Types query=query.clone() found forms/> })}
        {rules.map(|found| view! { <Rules query=query.clone() found forms/> })}
        {(part == Part::Hardware).then(|| view! { <Hardware query versions variants forms/> })}
    }
    .into_any()
}

fn search(query: &CatalogQuery, found: &Shown) -> impl IntoView + use<> {
    let i18n = use_i18n();
    let models = (query.part == Part::Rules).then(|| {
        let chosen = query.version.clone();
        let every = (String::new(), tu_string!(i18n, catalog.every_version).to_owned());
        let models = found.versions.iter().map(|v| (v.version.clone(), v.name.clone()));
        let options = std::iter::once(every)
            .chain(models)
            .map(|(of, words)| {
                let selected = of == chosen;
                view! { <option value=of selected=selected>{words}</option> }
            })
            .collect_view();
        view! {
            <select class="in" name="version" aria-label=tu_string!(i18n, catalog.version)>{options}</select>
        }
    });
    let part = query.part.as_str();
    view! {
        <SearchForm action="/catalog" find=tu_string!(i18n, catalog.find) value=query.search.clone()>
            <input type="hidden" name="tab" value=part/>
            {models}
        </SearchForm>
    }
}

fn open_form(query: &CatalogQuery, found: &Shown, forms: Forms) -> Option<AnyView> {
    let back = query.editing("");
    let edit = query.edit.as_str();
    match query.part {
        _ if edit.is_empty() => None,
        Part::Types => {
            let known = found.editing.clone();
            (edit == "new" || known.is_some())
                .then(|| view! { <TypeForm form=forms.kind known back/> }.into_any())
        }
        Part::Rules => {
            let known = found.editing_rule.clone();
            (edit == "new" || known.is_some()).then(|| {
                let (versions, variants) = (found.versions.clone(), found.variants.clone());
                let (kinds, version) = (found.kinds.clone(), query.version.clone());
                view! { <RuleForm form=forms.rule known back versions variants kinds version/> }
                    .into_any()
            })
        }
        Part::Hardware => match edit.split_once(':')? {
            ("version", of) => {
                let known = found.versions.iter().find(|v| v.version == of).cloned();
                (of == "new" || known.is_some())
                    .then(|| view! { <VersionForm form=forms.version known back/> }.into_any())
            }
            ("variant", of) => {
                let known = found
                    .variants
                    .iter()
                    .find(|v| v.id.to_string() == of)
                    .cloned();
                (of == "new" || known.is_some())
                    .then(|| view! { <VariantForm form=forms.variant known back/> }.into_any())
            }
            _ => None,
        },
    }
}
