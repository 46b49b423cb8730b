//! `madang-bench pages`: the server-rendered device list, and what a first visit loads.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use app::session::SESSION_COOKIE;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    figures::{Figures, count, micros, say},
    program::{Addresses, Program},
    site::Site,
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
        let first = Visitor::at(&at.http, Some(&site.session)).await?;
        first_visit(first, figures, *devices).await?;
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
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let mut asking = JoinSet::new();
    for _ in 0..options.connections {
        let mut visitor = Visitor::at(http, Some(session)).await?;
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
    let name = format!("device_list_{devices}_{encoding}");
    figures.tell(&name, per_second, "requests/s")?;
    figures.tell_waits(&name, &mut waits)
}

/// The bytes that a browser without a cache loads to show the list, as they travel.
async fn first_visit(mut visitor: Visitor, figures: Figures, devices: usize) -> Result<()> {
    let plain = visitor.get(LIST, "identity").await?;
    let text = String::from_utf8(plain.body.to_vec()).context("the page")?;
    let rows = text.matches("<tr").count();
    ensure!(
        plain.status == 200 && rows > 50,
        "{LIST}: {} with {rows} rows",
        plain.status
    );
    let page = visitor.get(LIST, "br").await?;
    figures.tell(
        &format!("first_visit_html_{devices}"),
        kilobytes(page.body.len()),
        "kB",
    )?;
    let mut sums = [("wasm", 0), ("js", 0), ("css", 0), ("woff2", 0)];
    for path in own_files(&text) {
        let kind = path.rsplit('.').next().unwrap_or_default();
        if let Some((_, sum)) = sums.iter_mut().find(|(known, _)| *known == kind) {
            let file = visitor.get(&path, "br").await?;
            ensure!(file.status == 200, "{path} answered {}", file.status);
            *sum += file.body.len();
        }
    }
    for (kind, sum) in sums {
        figures.tell(
            &format!("first_visit_{kind}_{devices}"),
            kilobytes(sum),
            "kB",
        )?;
    }
    Ok(())
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

fn kilobytes(bytes: usize) -> f64 {
    count(bytes as u64) / 1e3
}

/// One keep-alive connection.
struct Visitor {
    sender: http1::SendRequest<Empty<Bytes>>,
    host: String,
    cookie: String,
}

struct Answer {
    status: u16,
    body: Bytes,
}

impl Visitor {
    async fn at(http: &str, session: Option<&str>) -> Result<Self> {
        let stream = TcpStream::connect(http).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: http.to_owned(),
            cookie: session
                .map(|token| format!("{SESSION_COOKIE}={token}"))
                .unwrap_or_default(),
        })
    }

    async fn get(&mut self, path: &str, encoding: &str) -> Result<Answer> {
        let request = Request::get(path)
            .header(header::HOST, &self.host)
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT, "text/html,*/*")
            .header(header::ACCEPT_ENCODING, encoding)
            .header(header::ACCEPT_LANGUAGE, "ko")
            .body(Empty::new())?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}

#[cfg(test)]
mod tests {
    use super::own_files;

    #[test]
    fn only_files_of_this_origin_count() {
        let html = r#"<link href="/pkg/madang.css"><script>import('/pkg/madang.js')</script>
            <a href="/devices">x</a><img src="//elsewhere.example/a.js">"#;
        let found: Vec<_> = own_files(html).into_iter().collect();
        assert_eq!(found, ["/pkg/madang.css", "/pkg/madang.js"]);
    }
}
