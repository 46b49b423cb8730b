//! A browser or program that asks over one connection.

use anyhow::{Context, Result, ensure};
use app::session::SESSION_COOKIE;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// One keep-alive connection.
pub(crate) struct Visitor {
    sender: http1::SendRequest<Full<Bytes>>,
    host: String,
    cookie: String,
}

/// What it was answered.
pub(crate) struct Answer {
    /// The status.
    pub status: u16,
    /// As it travelled, unless the encoding was `identity`.
    pub body: Bytes,
}

impl Visitor {
    /// Connects to this address, as the person of a session where there is one.
    pub(crate) async fn at(http: &str, session: Option<&str>) -> Result<Self> {
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

    /// A page or file that is there, as text.
    pub(crate) async fn text(&mut self, path: &str) -> Result<String> {
        let answer = self.get(path, "identity").await?;
        ensure!(answer.status == 200, "{path} answered {}", answer.status);
        String::from_utf8(answer.body.to_vec()).with_context(|| path.to_owned())
    }

    /// Asks for a path in an encoding.
    pub(crate) async fn get(&mut self, path: &str, encoding: &str) -> Result<Answer> {
        let request = Request::get(path)
            .header(header::HOST, &self.host)
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT, "text/html,*/*")
            .header(header::ACCEPT_ENCODING, encoding)
            .header(header::ACCEPT_LANGUAGE, "ko")
            .body(Full::default())?;
        self.send(request).await
    }

    /// Posts this and reads what is answered, both JSON.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let request = Request::post(path)
            .header(header::HOST, &self.host)
            .header(header::ORIGIN, format!("http://{}", self.host))
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(serde_json::to_vec(body)?))?;
        let answer = self.send(request).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let done = (200..300).contains(&answer.status);
        ensure!(done, "{path} answered {}: {text}", answer.status);
        serde_json::from_str(&text).with_context(|| path.to_owned())
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}
