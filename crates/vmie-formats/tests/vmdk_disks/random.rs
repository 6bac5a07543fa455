//! Disks of random pieces.

use super::*;

/// An extent of a random disk.
#[derive(Clone, Debug)]
struct Piece {
    kind: u8,
    sectors: usize,
    fill: Vec<u8>,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let fill = prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 1..12);
    let piece = (0u8..6, 1usize..80, fill);
    let piece = piece.prop_map(|(kind, sectors, fill)| Piece {
        kind,
        sectors,
        fill,
    });
    prop::collection::vec(piece, 1..7)
}

impl Piece {
    fn disk(&self) -> Vec<u8> {
        let mut disk = vec![0; self.sectors * 512];
        for (chunk, fill) in disk.chunks_mut(8 * 512).zip(self.fill.iter().cycle()) {
            chunk.fill(*fill);
        }
        disk
    }

    /// The line, the file, and what is shown.
    fn build(&self, name: &str) -> (String, Vec<u8>, Vec<u8>) {
        let (disk, n) = (self.disk(), self.sectors);
        let line = |kind: &str| format!("RW {n} {kind} \"{name}\"");
        match self.kind {
            0 => (line("FLAT") + " 0", disk.clone(), disk),
            1 => (line("SPARSE"), extent(&disk), disk),
            2 => {
                let packed = small(Builder::stream(&disk)).short_last_grain(n % 2 == 0);
                (line("SPARSE"), packed.build().bytes, disk)
            }
            3 => (line("VMFSSPARSE"), cowd(&disk, 4), disk),
            4 => (line("SESPARSE"), sesparse(&disk, 1, n % 2 == 0), disk),
            _ => (format!("RW {n} ZERO"), Vec::new(), vec![0; disk.len()]),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Any extents in any order are the disk that they should be.
    #[test]
    fn any_layout_comes_back(pieces in pieces(), reads in prop::collection::vec(any::<(prop::sample::Index, u16)>(), 8)) {
        let mut files = Files::default();
        let (mut lines, mut want) = (Vec::new(), Vec::new());
        for (number, piece) in pieces.iter().enumerate() {
            let name = format!("part {number}");
            let (line, file, shown) = piece.build(&name);
            files.add(&name, Arc::new(file));
            lines.push(line);
            want.extend_from_slice(&shown);
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let text = descriptor_file("custom", &lines);
        let image = open_in(&Arc::new(files), text.as_bytes()).unwrap();
        prop_assert!(read_all(&image).unwrap() == want);
        for (start, len) in reads {
            let start = start.index(want.len());
            let len = usize::from(len).min(want.len() - start);
            let mut buf = vec![0xa5; len];
            image.read_exact_at(&mut buf, start as u64).unwrap();
            prop_assert!(buf == want[start..start + len]);
        }
        let mut end = 0;
        for extent in image.extents(0..image.len()) {
            let extent = extent.unwrap();
            prop_assert_eq!(extent.start, end);
            end = extent.end();
            let part = &want[extent.start as usize..end as usize];
            prop_assert!(extent.kind == ExtentKind::Data || part.iter().all(|b| *b == 0));
        }
        prop_assert_eq!(end, want.len() as u64);
    }

    /// A chain of up to four layers shows of each grain the topmost.
    #[test]
    fn any_chain_comes_back(
        layers in prop::collection::vec((0u8..4, prop::collection::vec(prop::option::of(0u8..3), 9)), 1..5),
    ) {
        const GRAIN: usize = 8 * 512;
        let mut files = Files::default();
        let mut want = vec![0; 9 * GRAIN];
        let mut top = String::new();
        for (number, (kind, grains)) in layers.iter().enumerate() {
            let mut own = vec![0; want.len()];
            for (index, fill) in grains.iter().enumerate() {
                // No zeroes: a grain of them is left out, and shows what is below.
                let Some(fill) = fill else { continue };
                own[index * GRAIN..][..GRAIN].fill(fill + 1);
                want[index * GRAIN..][..GRAIN].fill(fill + 1);
            }
            let (line, file) = match kind {
                0 => ("RW 72 SPARSE", extent(&own)),
                1 => ("RW 72 VMFSSPARSE", cowd(&own, 8)),
                2 => ("RW 72 SESPARSE", sesparse(&own, 1, false)),
                _ => ("RW 72 SPARSE", small(Builder::stream(&own)).build().bytes),
            };
            files.add(&format!("d{number}"), Arc::new(file));
            top = descriptor_file("custom", &[&format!("{line} \"d{number}\"")]);
            if number > 0 {
                top = child_of(&top, &format!("{}.vmdk", number - 1));
            }
            files.add(&format!("{number}.vmdk"), Arc::new(top.clone().into_bytes()));
        }
        let image = open_in(&Arc::new(files), top.as_bytes()).unwrap();
        conformance::read_at(&image, &want);
    }
}
