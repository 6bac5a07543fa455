//! A binary without the standard library that runs the rules and the task engine.
//!
//! It has a panic handler and a global allocator of its own. If the standard library came in
//! through any dependency, the panic handler would be there twice and nothing would link.
//! It runs, too: the exit code is 0 if the engine answers as it should.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::ToString;
use alloc::vec;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

use vmie_rules::Date;
use vmie_rules::matrix::{Architecture, Edition, LinuxQuery, Matrix, Mode};
use vmie_tasks::{
    Action, ApiCall, Caller, Config, DiskContainer, Engine, ImportImageRequest, Output, SourceUrl,
    Timestamp,
};

/// 4 MiB that are given away piece by piece and never taken back.
const ARENA: usize = 4 << 20;

struct Bump {
    arena: UnsafeCell<[u8; ARENA]>,
    used: AtomicUsize,
}

// SAFETY: each byte of the arena is given away at most once, by an atomic counter.
unsafe impl Sync for Bump {}

// SAFETY: `alloc` gives disjoint, aligned pieces of a static, or null.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(size) = layout.size().checked_add(layout.align()) else {
            return core::ptr::null_mut();
        };
        let start = self.used.fetch_add(size, Ordering::Relaxed);
        if start.checked_add(size).is_none_or(|end| end > ARENA) {
            return core::ptr::null_mut();
        }
        let base = self.arena.get().cast::<u8>().wrapping_add(start);
        base.wrapping_add(base.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Bump = Bump {
    arena: UnsafeCell::new([0; ARENA]),
    used: AtomicUsize::new(0),
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the C library's abort has no requirements.
    unsafe { abort() }
}

// The C library brings the start-up code, `abort` and the memory functions that the compiler
// calls; it is no part of the Rust standard library.
#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

// The library `alloc` comes compiled for unwinding and names this; with `panic = "abort"`
// nothing ever calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() {}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    i32::from(!(rules() && tasks()))
}

fn rules() -> bool {
    let matrix = Matrix::edition(Edition::E2026);
    let guest = LinuxQuery {
        id: "debian",
        version: Some("12.15"),
        service_pack: None,
        kernel: Some("6.1.0-56-cloud-amd64"),
        architecture: Some(Architecture::X86_64),
        as_of: Date::DEPRECATION_2026,
    };
    let practical = matrix.match_linux(&guest, Mode::Practical);
    practical.accepted() && !matrix.match_linux(&guest, Mode::Strict).accepted()
}

fn tasks() -> bool {
    let mut engine = Engine::new(Config::default(), 42);
    let request = ImportImageRequest {
        disk_containers: vec![DiskContainer {
            format: Some("ova".to_string()),
            url: Some(SourceUrl::new("s3://images/server.ova")),
            ..DiskContainer::default()
        }],
        ..ImportImageRequest::default()
    };
    let caller = Caller {
        account: "111122223333".to_string(),
        region: "eu-central-1".to_string(),
    };
    let call = ApiCall {
        caller,
        action: Action::ImportImage(request),
    };
    engine.request(Timestamp::from_secs(1_790_000_000), call);
    matches!(engine.poll(), Output::Commit(_))
        && matches!(engine.poll(), Output::Reply { reply: Ok(_), .. })
        && matches!(engine.poll(), Output::Begin(_))
        && matches!(engine.poll(), Output::Idle { .. })
}
