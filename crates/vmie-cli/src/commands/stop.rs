//! Stopping in an orderly way.

use vmie::io::CancelToken;

/// A switch that SIGINT, SIGTERM and SIGHUP throw. Thrown a second time, they end the process.
#[cfg(unix)]
pub(super) fn on_signals() -> CancelToken {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let stop = CancelToken::new();
    let thrown = stop.clone();
    // Without handlers the signals end the process at once, which loses nothing but time.
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if thrown.is_cancelled() {
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
                thrown.cancel();
            }
        });
    }
    stop
}

#[cfg(not(unix))]
pub(super) fn on_signals() -> CancelToken {
    CancelToken::new()
}
