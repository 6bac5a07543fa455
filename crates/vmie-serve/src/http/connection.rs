//! Connections: how many, how long, and how they end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::patient::Patient;
use super::{House, Tls, route};

/// Accepts connections until it is told to stop, and returns when the last of them has ended or had
/// its time.
pub(crate) async fn listen(
    listener: TcpListener,
    tls: Option<Tls>,
    house: Arc<House>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(house.limits.connections));
    let acceptor = tls.map(|tls| TlsAcceptor::from(tls.config));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stopped(&mut stop) => break,
        };
        let (stream, place) = match accepted {
            Ok(both) => both,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // The process may have too many open files: they do not get fewer by trying.
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (house, acceptor, stop) = (Arc::clone(&house), acceptor.clone(), stop.clone());
        tokio::spawn(async move {
            house.metrics.connections.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = serve(stream, acceptor, &house, stop).await {
                tracing::debug!(%error, "a connection broke");
            }
            house.metrics.connections.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }
    drop(listener);
    let all = u32::try_from(house.limits.connections).unwrap_or(u32::MAX);
    if timeout(house.limits.farewell, places.acquire_many(all))
        .await
        .is_err()
    {
        tracing::warn!("connections did not end in time");
    }
}

/// Returns when it is time to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // When nobody can tell any more, it is time, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Whoever comes when all places are taken waits in the system's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    house: &Arc<House>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Patient::new(stream, house.limits.read_time);
    let Some(acceptor) = acceptor else {
        return speak(stream, house, stop).await;
    };
    let greeting = timeout(house.limits.head_time, acceptor.accept(stream)).await;
    let stream = greeting.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    speak(stream, house, stop).await
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    house: &Arc<House>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let service =
        service_fn(|request| async { Ok::<_, Infallible>(route::answer(house, request).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(house.limits.head_time)
        .max_headers(house.limits.headers)
        .max_buf_size(house.limits.head.max(8192))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            // What is under way is answered; nothing more is taken.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.map_err(io::Error::other)
}
