//! `madang-bench pages`: the server-rendered device list, and what a first visit loads.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use axum::serve::ListenerExt as _;
use clap::Args;
use tokio::task::JoinSet;

use crate::{
    figures::{Figures, count, micros, say},
    program::{Addresses, Program},
    site::Site,
    visitor::Visitor,
};

/// One page of 50 rows out of all, filtered and sorted.
const LIST: &str = "/devices?q=%EC%98%A8%EC%8B%A4&sort=name";

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder with the interface's files.
    #[arg(long)]
    site_dir: PathBuf,
    /// Sizes of the list.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    devices: Vec<usize>,
    /// Connections that ask again as soon as they were answered.
    #[arg(long, default_value_t = 24)]
    connections: usize,
    /// Seconds of asking.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
}

/// Runs every measurement.
pub(crate) async fn run(options: &Options, figures: Figures) -> Result<()> {
    for devices in &options.devices {
        let site = Site::make(0, *devices).await?;
        let (data, any) = (site.data(), Addresses::default());
        let (madang, at) = Program::madang(&data, Some(&options.site_dir), &any).await?;
        if devices == &options.devices[0] {
            first_visits(&at.http, &site.session, figures).await?;
        }
        for encoding in ["identity", "br"] {
            say(&format!(
                "{devices} devices, {} connections, {encoding}",
                options.connections
            ));
            list(
                options,
                &at.http,
                &site.session,
                *devices,
                encoding,
                figures,
            )
            .await?;
        }
        figures.tell(
            &format!("memory_{devices}"),
            count(madang.memory()?) / 1e6,
            "MB",
        )?;
        madang.stop().await?;
    }
    Ok(())
}

async fn list(
    options: &Options,
    http: &str,
    session: &str,
    devices: usize,
    encoding: &'static str,
    figures: Figures,
) -> Result<()> {
    let mut visitor = Visitor::at(http, Some(session)).await?;
    let page = visitor.get(LIST, encoding).await?.body;
    let limit = ReadyMade::of(page).await?;
    let (most, _) = ask(options, &limit.at, None, encoding).await?;
    drop(limit);
    let (per_second, mut waits) = ask(options, http, Some(session), encoding).await?;
    let name = format!("device_list_{devices}_{encoding}");
    figures.tell_beside(&name, per_second, "requests/s", most)?;
    figures.tell_waits(&name, &mut waits)
}

/// Asks for the list over all connections; gives the requests per second and how long each took, in microseconds.
async fn ask(
    options: &Options,
    http: &str,
    session: Option<&str>,
    encoding: &'static str,
) -> Result<(f64, Vec<u32>)> {
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let mut asking = JoinSet::new();
    for _ in 0..options.connections {
        let mut visitor = Visitor::at(http, session).await?;
        asking.spawn(async move {
            let mut waits = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                let page = visitor.get(LIST, encoding).await?;
                waits.push(micros(began.elapsed()));
                ensure!(page.status == 200, "{LIST} answered {}", page.status);
            }
            anyhow::Ok(waits)
        });
    }
    let began = Instant::now();
    let mut waits = Vec::new();
    while let Some(asked) = asking.join_next().await {
        waits.extend(asked??);
    }
    let per_second = count(waits.len() as u64) / began.elapsed().as_secs_f64();
    Ok((per_second, waits))
}

/// The bytes of a page, given ready-made by axum: what this machine, the network and the asking allow.
struct ReadyMade {
    at: String,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl ReadyMade {
    async fn of(page: bytes::Bytes) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let at = listener.local_addr()?.to_string();
        let listener = listener.tap_io(|stream| {
            // As the server itself does; where it cannot be set, the limit is lower.
            let _ = stream.set_nodelay(true);
        });
        let router = axum::Router::new().fallback(move || std::future::ready(page.clone()));
        let serving = tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { at, serving })
    }
}

impl Drop for ReadyMade {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What a browser without a cache loads for each page until it is alive, in bytes as they travel, beside
/// the budget.
async fn first_visits(http: &str, session: &str, figures: Figures) -> Result<()> {
    let mut visitor = Visitor::at(http, Some(session)).await?;
    let list = visitor.text(LIST).await?;
    let rows = list.matches("<tr").count();
    ensure!(rows > 50, "{LIST} has {rows} rows");
    let device = list
        .split('"')
        .find(|word| word.starts_with("/devices/") && word.len() > 40)
        .context("no device is listed")?;
    let [debug, wifi] = ["debug", "wifi"].map(|page| format!("{device}/{page}"));
    let pages = [
        ("overview", "/"),
        ("device_list", LIST),
        ("device", device),
        ("debug", &debug),
        ("wifi", &wifi),
        ("preregister", "/devices/new"),
        ("import", "/devices/import"),
        ("claim", "/claim"),
        ("charts", "/charts"),
        ("job_list", "/jobs"),
        ("catalog", "/catalog"),
        ("identity", "/identity"),
        ("notices", "/notices"),
        ("users", "/users"),
        ("account", "/account"),
    ];
    let parts = Parts::of(&mut visitor).await?;
    for (page, path) in pages {
        first_visit(&mut visitor, &parts, page, path, figures).await?;
    }
    let mut stranger = Visitor::at(http, None).await?;
    first_visit(&mut stranger, &parts, "sign_in", "/sign-in", figures).await?;
    first_visit(&mut stranger, &parts, "register", "/register", figures).await
}

async fn first_visit(
    visitor: &mut Visitor,
    parts: &Parts,
    page: &str,
    path: &str,
    figures: Figures,
) -> Result<()> {
    let text = visitor.text(path).await?;
    let html = visitor.get(path, "br").await?.body.len();
    let mut files = own_files(&text);
    let scripts: Vec<_> = files
        .iter()
        .filter(|file| {
            Path::new(file.as_str())
                .extension()
                .is_some_and(|e| e == "js")
        })
        .cloned()
        .collect();
    for script in scripts {
        files.extend(imports(&visitor.text(&script).await?));
    }
    files.extend(parts.of_page(page)?);
    let mut sums = [
        ("code", &[".wasm", ".js"][..], 350.0, 0),
        ("css", &[".css"], 20.0, 0),
        ("fonts", &[".woff2"], 150.0, 0),
    ];
    for path in files {
        let Some((.., sum)) = sums
            .iter_mut()
            .find(|(_, ends, ..)| ends.iter().any(|end| path.ends_with(end)))
        else {
            continue;
        };
        let file = visitor.get(&path, "br").await?;
        ensure!(file.status == 200, "{path} answered {}", file.status);
        *sum += file.body.len();
    }
    let name = |kind| format!("first_visit_{page}_{kind}");
    figures.tell_beside(&name("html"), kilobytes(html), "kB", 40.0)?;
    for (kind, _, budget, sum) in sums {
        figures.tell_beside(&name(kind), kilobytes(sum), "kB", budget)?;
    }
    Ok(())
}

/// Which files hold each part of the interface, as the build wrote it down.
struct Parts(BTreeMap<String, Vec<String>>);

impl Parts {
    async fn of(visitor: &mut Visitor) -> Result<Self> {
        let list = visitor.text("/pkg/__wasm_split_manifest.json").await?;
        Ok(Self(
            serde_json::from_str(&list).context("the list of parts")?,
        ))
    }

    /// The files that a page loads before it is alive; `page` is its name in `app/src/pages.rs`.
    fn of_page(&self, page: &str) -> Result<Vec<String>> {
        let (_, files) = self
            .0
            .iter()
            .find(|(part, _)| part.starts_with(&format!("__{page}_view_")))
            .with_context(|| format!("no part is called {page}"))?;
        Ok(files
            .iter()
            .map(|file| format!("/pkg/{file}.wasm"))
            .collect())
    }
}

/// The paths of files that a page names and its browser loads at once.
fn own_files(html: &str) -> BTreeSet<String> {
    html.split(['"', '\'', '(', ')'])
        .filter(|word| word.starts_with('/') && !word.starts_with("//"))
        .filter(|word| {
            [".wasm", ".js", ".css", ".woff2"]
                .iter()
                .any(|end| word.ends_with(end))
        })
        .map(ToOwned::to_owned)
        .collect()
}

/// The paths of scripts that a script in `/pkg` imports.
fn imports(script: &str) -> BTreeSet<String> {
    script
        .split("from \"./")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| format!("/pkg/{name}"))
        .collect()
}

fn kilobytes(bytes: usize) -> f64 {
    count(bytes as u64) / 1e3
}

#[cfg(test)]
mod tests {
    use super::{imports, own_files};

    #[test]
    fn only_files_of_this_origin_count() {
        let html = r#"<link href="/pkg/madang.css"><script>import('/pkg/madang.js')</script>
            <a href="/devices">x</a><img src="//elsewhere.example/a.js">"#;
        let found: Vec<_> = own_files(html).into_iter().collect();
        assert_eq!(found, ["/pkg/madang.css", "/pkg/madang.js"]);
    }

    #[test]
    fn what_a_script_imports_counts() {
        let script = r#"import * as import1 from "./__wasm_split.js"
            import * as import2 from "./__wasm_split.js"
            export function load() {}"#;
        let found: Vec<_> = imports(script).into_iter().collect();
        assert_eq!(found, ["/pkg/__wasm_split.js"]);
    }
}
