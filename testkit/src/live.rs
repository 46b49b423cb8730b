//! A client of the live connection: says and hears its frames.

use domain::live::{ClientFrame, ServerFrame};
use futures::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::{
    app::{App, Person},
    device::PATIENCE,
};

/// A live connection.
#[derive(Debug)]
pub struct Live(WebSocketStream<TcpStream>);

impl Live {
    /// Connects with this person's session, as a browser of the site does.
    pub async fn open(app: &App, person: &Person) -> Self {
        let (own, address) = (app.url(""), app.url("/live").replace("http://", "ws://"));
        let mut request = address.into_client_request().expect("a request");
        let cookie = format!("{}={}", server::SESSION_COOKIE, person.session);
        let headers = request.headers_mut();
        headers.insert("cookie", cookie.parse().expect("a cookie"));
        headers.insert("origin", own.parse().expect("an origin"));
        let host = own.trim_start_matches("http://");
        let stream = TcpStream::connect(host).await.expect("a connection");
        let (socket, _) = client_async(request, stream).await.expect("let in");
        Self(socket)
    }

    /// Says this.
    pub async fn say(&mut self, frame: &ClientFrame) {
        let text = serde_json::to_string(frame).expect("JSON");
        self.0.send(Message::text(text)).await.expect("sent");
    }

    /// The next frame from the server.
    pub async fn next(&mut self) -> ServerFrame {
        let hearing = async {
            loop {
                let message = self.0.next().await.expect("a connection");
                if let Message::Text(text) = message.expect("a message") {
                    return serde_json::from_str(&text).expect("a frame");
                }
            }
        };
        timeout(PATIENCE, hearing).await.expect("a frame in time")
    }
}
