//! An echo on hyper with a layer of tower's in front of it, which sees the request for a WebSocket as it sees any other:
//! below `/private` it asks for a token.
//!
//! `cargo run --release --example tower_echo -- --port 9001`

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use examples::args::{ServerArgs, announce};
use examples::{outcome, stop};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower::{Layer, Service, ServiceBuilder, service_fn};
use ws_tokio::hyper::{HyperStream, upgrade};
use ws_tokio::{Accept, CloseCode, Config, Error, WebSocket};

type Answer = Response<Full<Bytes>>;

#[tokio::main]
async fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()).await)
}

async fn run(args: &ServerArgs) -> io::Result<()> {
    let listener = TcpListener::bind(args.address())
        .await
        .unwrap_or_else(|error| args.exit_unbound(&error));
    announce(listener.local_addr()?);
    let config = Arc::new(args.config());
    let (end, ends) = watch::channel(());
    let service = ServiceBuilder::new()
        .layer(TokenLayer)
        .service(service_fn(move |request| answer(request, config.clone(), ends.clone())));
    let serving = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, most likely: some will come free.
                sleep(PAUSE).await;
                continue;
            };
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Config::default().handshake.timeout)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()))
                .with_upgrades();
            // What goes wrong with one connection is its client's business.
            tokio::spawn(async { drop(connection.await) });
        }
    };
    select! {
        () = serving => {}
        () = stop::requested() => {}
    }
    let _ = end.send(());
    // Until nobody holds a receiver any more.
    drop(service);
    let _ = timeout(GRACE, end.closed()).await;
    Ok(())
}

async fn answer(
    mut request: Request<Incoming>,
    config: Arc<Config>,
    ends: watch::Receiver<()>,
) -> Result<Answer, Infallible> {
    if request.uri().path() == "/health" {
        return Ok(page(StatusCode::OK, "fine\n"));
    }
    Ok(match upgrade(&mut request).config(config).accept(Accept::new()) {
        Ok((response, opening)) => {
            tokio::spawn(async move { echo(opening.await?, ends).await });
            response.map(|()| Full::default())
        }
        Err(refusal) => refusal.map(Full::from),
    })
}

async fn echo(mut ws: WebSocket<HyperStream>, mut ends: watch::Receiver<()>) -> Result<(), Error> {
    loop {
        select! {
            message = ws.recv() => match message? {
                Some(message) => ws.send(message).await?,
                None => return Ok(()),
            },
            _ = ends.changed() => return ws.close(CloseCode::GOING_AWAY, "the server is shutting down").await,
        }
    }
}

fn page(status: StatusCode, text: &'static str) -> Answer {
    let mut page = Response::new(text.into());
    *page.status_mut() = status;
    page
}

/// Lets nobody below `/private` who has no token.
#[derive(Clone)]
struct TokenLayer;

#[derive(Clone)]
struct Token<S>(S);

impl<S> Layer<S> for TokenLayer {
    type Service = Token<S>;

    fn layer(&self, inner: S) -> Token<S> {
        Token(inner)
    }
}

impl<S, B> Service<Request<B>> for Token<S>
where
    S: Service<Request<B>, Response = Answer, Future: Send + 'static>,
{
    type Response = Answer;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let has_token = request.headers().get(AUTHORIZATION).is_some_and(|value| value == TOKEN);
        if request.uri().path().starts_with("/private") && !has_token {
            let refusal = page(StatusCode::UNAUTHORIZED, "not without a token\n");
            return Box::pin(async { Ok(refusal) });
        }
        Box::pin(self.0.call(request))
    }
}

/// For show: a server of yours knows better ones.
const TOKEN: &str = "Bearer secret";

/// How long to wait before accepting again after that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long connections are waited for in the end.
const GRACE: Duration = Duration::from_secs(5);
