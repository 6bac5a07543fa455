//! What reading may cost, and files that end too early.

use super::*;

#[test]
fn a_file_cut_anywhere_gives_an_error_or_a_right_part() {
    let disk = disk();
    let file = Arc::new(Builder::dynamic(&disk).build());
    let whole = file.len();
    let places = [
        0,
        8,
        64 << 10,
        68 << 10,
        128 << 10,
        192 << 10,
        256 << 10,
        320 << 10,
    ]
    .into_iter()
    .chain([LOG, METADATA, ITEMS, BAT, BLOCKS, BLOCKS + MIB].map(|at| at as u64))
    .chain([whole]);
    let near = places.flat_map(|at| at.saturating_sub(130)..(at + 130).min(whole));
    // The smallest file is of six mebibytes: really every byte takes minutes, optimised.
    let step = match std::env::var_os("VMIE_EVERY_BYTE") {
        Some(_) => 1,
        None => 7919,
    };
    for len in near.chain((0..whole).step_by(step)) {
        let cut = Window::new(Arc::clone(&file), 0, len).unwrap();
        let Ok(image) = vhdx::open(Arc::new(cut), &OpenOptions::new()) else {
            continue;
        };
        for at in (0..disk.len() - 512).step_by(300_001) {
            let mut buf = [0xa5; 512];
            match image.read_exact_at(&mut buf, at as u64) {
                Ok(()) => assert!(buf == disk[at..at + 512]),
                Err(error) => assert_eq!(error_of(error).cause(), Cause::VhdxOffset),
            }
        }
    }
}

#[test]
fn opening_costs_few_requests() {
    // A disk of 2 GiB, as it is and with a log.
    for with_log in [false, true] {
        let mut file = Builder::dynamic(&[7; 512]).block_mib(32).log().build();
        if !with_log {
            file = Builder::dynamic(&[7; 512]).block_mib(32).build();
        }
        put(&mut file, ITEMS + 16, &(2u64 << 30).to_le_bytes());
        if with_log {
            let table = file[BAT..BAT + 4096].to_vec();
            let bytes = entry(1, 0, vec![Change::Data(BAT as u64, table)]).bytes();
            put_log(&mut file, 0, &bytes);
        }
        let meter = Meter::new();
        let source = Metered::new(file, meter.clone());
        let disk = OpenOptions::new().open_disk(Arc::new(source)).unwrap();
        assert_eq!(disk.len(), 2 << 30);
        assert!(meter.reads() <= 12, "{} reads", meter.reads());
        assert!(meter.bytes() <= 2 << 20, "{} bytes", meter.bytes());
        let before = meter.reads();
        assert_eq!(disk.allocated().unwrap(), 32 << 20);
        assert_eq!(meter.reads() - before, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Whatever the layout, what is read is what was written, over a parent, too.
    #[test]
    fn any_layout_reads_back(
        len in 1usize..2_500_000,
        states in prop::collection::vec(0u64..4, 4),
        runs in prop::collection::vec(1usize..3000, 20),
        reverse in any::<bool>(),
        big in any::<bool>(),
    ) {
        let disk = sample_disk(len);
        let sector = if big { 4096 } else { 512 };
        let shape = |mut builder: Builder| {
            builder = builder.sector(sector);
            if reverse { builder.reverse() } else { builder }
        };
        let mut parent = shape(Builder::dynamic(&disk));
        for (block, state) in states.iter().enumerate() {
            if *state != 0 {
                parent = parent.state(block, *state);
            }
        }
        let image = open(&parent.build()).unwrap();
        conformance::read_at(&image, &parent.disk());
        let flips = runs.iter().enumerate();
        let present: Vec<bool> = flips.flat_map(|(i, n)| vec![i % 2 == 0; *n]).collect();
        let changes = vec![0x5a; len];
        let child = shape(Builder::differencing(&changes, &present));
        let image = open_over(&child.build(), "parent.vhdx", &parent.build()).unwrap();
        conformance::read_at(&image, &child.over(&parent.disk()));
    }
}
