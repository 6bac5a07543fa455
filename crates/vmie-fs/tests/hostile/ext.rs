//! Damaged ext filesystems.

use super::*;

/// Damage that the superblock shows by itself.
#[test]
fn superblocks_that_cannot_be() {
    let image = fixture("ext2-1k");
    let cases: [(u64, &[u8], Cause, &str); 9] = [
        (0x18, &[7], Cause::Value, "s_log_block_size"),
        (0x18, &[0xff; 4], Cause::Value, "s_log_block_size"),
        (0x4, &[0; 4], Cause::Value, "s_blocks_count"),
        (0x4, &[0xff; 4], Cause::VolumeTooShort, "s_blocks_count"),
        (0x20, &[0; 4], Cause::Value, "s_blocks_per_group"),
        (0x28, &[0; 4], Cause::Value, "s_inodes_per_group"),
        (0x28, &[0xff; 4], Cause::Value, "s_inodes_per_group"),
        (0x0, &[0xff; 4], Cause::Value, "s_inodes_count"),
        (0x58, &[0x81, 0], Cause::Value, "s_inode_size"),
    ];
    for (at, bytes, cause, field) in cases {
        let error = refused(Patched::new(image.clone()).with(1024 + at, bytes));
        is(&error, cause, field, 1024 + at);
    }
    let error = refused(Patched::new(image.clone()).with(1024 + 0x60, [0x01, 0, 0, 0]));
    is(&error, Cause::Feature, "s_feature_incompat", 1024 + 0x60);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = refused(Patched::new(image).with(1024 + 0x60, [0x08, 0, 0, 0]));
    assert_eq!(error.cause(), Cause::NotRead(FsKind::ExtJournal));
}

#[test]
fn checksums_are_verified_everywhere() {
    let image = fixture("ext4-4k");
    let flip = |at: u64| Patched::new(image.clone()).with(at, [!image[at as usize]]);
    // The superblock: still known for what it is, but not opened.
    let volume = flip(1024 + 0x88);
    assert_eq!(vmie_fs::probe(&volume).unwrap().unwrap().kind, FsKind::Ext4);
    is(
        &refused(volume),
        Cause::Checksum,
        "s_checksum",
        1024 + 0x3fc,
    );
    // The descriptor of the first group, in block 1.
    let root = GuestPath::root();
    let error = open(flip(4096 + 0x10))
        .unwrap()
        .metadata(&root)
        .unwrap_err();
    is(&error, Cause::Checksum, "bg_checksum", 4096);
    // The root's inode, second of the table whose block the descriptor names.
    let table = u64::from(u32::from_le_bytes(
        image[4096 + 8..4096 + 12].try_into().unwrap(),
    ));
    let inode = table * 4096 + 256;
    let error = open(flip(inode + 0x10))
        .unwrap()
        .metadata(&root)
        .unwrap_err();
    is(&error, Cause::Checksum, "i_checksum", inode);
    // The root's only block, which its first extent names.
    let extent = inode as usize + 0x28 + 12;
    let block = u64::from(u32::from_le_bytes(
        image[extent + 8..extent + 12].try_into().unwrap(),
    ));
    let error = open(flip(block * 4096 + 100))
        .unwrap()
        .read_dir(&root)
        .unwrap_err();
    is(&error, Cause::Checksum, "det_checksum", block * 4096 + 4084);
}

/// The inode of a path on the image without checksums, where it stands.
fn inode_at(image: &[u8], number: u64) -> u64 {
    // Blocks of 1 KiB, one group, its descriptor in block 2.
    let table = u32::from_le_bytes(image[2048 + 8..2048 + 12].try_into().unwrap());
    let size = u64::from(u16::from_le_bytes(
        image[1024 + 0x58..1024 + 0x5a].try_into().unwrap(),
    ));
    u64::from(table) * 1024 + (number - 1) * size
}

/// Finds the inode whose size is this; sizes in the fixtures are told apart by that.
fn inode_of_size(image: &[u8], size: u32) -> u64 {
    (11..400)
        .map(|number| inode_at(image, number))
        .find(|at| image[*at as usize + 4..*at as usize + 8] == size.to_le_bytes())
        .unwrap()
}

fn read_mid(volume: Patched) -> Result<usize, Error> {
    let fs = open(volume)?;
    let mut file = fs.open(&"/data/mid".into())?;
    let mut buf = vec![0; 70_000];
    let first = file.read_at(&mut buf, 0);
    // An error stays an error.
    let again = file.read_at(&mut buf, 0);
    assert_eq!(first.is_ok(), again.is_ok());
    first
}

#[test]
fn extended_attributes_of_every_kind() {
    let image = fixture("ext4-attr");
    let of = |volume: Patched, path: &str| -> Result<Vec<vmie_fs::Xattr>, Error> {
        let fs = open(volume)?;
        let mut found = fs.xattrs(fs.find(&path.into())?)?;
        found.sort();
        Ok(found)
    };
    let sound = || Patched::new(image.clone());
    let entry = |id: u32, tag: u8, mode: u8| [&[tag, 0, mode, 0][..], &id.to_le_bytes()].concat();
    let none = u32::MAX;
    let acl = [
        vec![2, 0, 0, 0],
        entry(none, 1, 6),
        entry(1000, 2, 4),
        entry(none, 4, 4),
        entry(none, 0x10, 4),
        entry(none, 0x20, 4),
    ];
    let pair = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
    let expected = [
        pair("system.posix_acl_access", &acl.concat()),
        pair("trusted.other", b""),
        pair("user.short", b"value"),
    ];
    assert_eq!(of(sound(), "/one").unwrap(), expected);
    let long: Vec<u8> = (0..9000u32).map(|i| (i % 251) as u8).collect();
    let expected = [
        pair("security.selinux", b"label"),
        pair("user.block", &[b'b'; 700]),
        pair("user.long", &long),
    ];
    assert_eq!(of(sound(), "/two").unwrap(), expected);
    assert!(of(sound(), "/lost+found").unwrap().is_empty());
    // The block of /two, by what stands in it: a change is noticed.
    let value = image.windows(700).rposition(|w| w == [b'b'; 700]).unwrap();
    let block = value as u64 / 1024 * 1024;
    let error = of(sound().with(value as u64, b"c"), "/two").unwrap_err();
    is(&error, Cause::Checksum, "h_checksum", block);
    let error = of(sound().with(block, [1]), "/two").unwrap_err();
    is(&error, Cause::Magic, "h_magic", block);
    let error = of(sound().with(block + 8, [2]), "/two").unwrap_err();
    is(&error, Cause::Value, "h_blocks", block);
}

/// Attributes that cannot be, where no checksum stands before them.
#[test]
fn damaged_attributes_are_named() {
    let image = fixture("ext4-1k");
    let inode = inode_of_size(&image, 70_000);
    // In a block that is made here.
    let entry = |name_len: u8, index: u8, offset: u16, inum: u32, size: u32| {
        let mut bytes = vec![name_len, index];
        bytes.extend(offset.to_le_bytes());
        bytes.extend(inum.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(b"name");
        bytes
    };
    let number = 900u32;
    let block = u64::from(number) * 1024;
    let with = |entries: &[u8]| {
        let mut bytes = 0xea02_0000u32.to_le_bytes().to_vec();
        bytes.extend([1, 0, 0, 0, 1, 0, 0, 0]);
        bytes.resize(32, 0);
        bytes.extend(entries);
        bytes.resize(1024, 0);
        let volume = Patched::new(image.clone())
            .with(inode + 0x68, number.to_le_bytes())
            .with(block, bytes);
        let fs = open(volume).unwrap();
        fs.xattrs(fs.find(&"/data/mid".into()).unwrap())
    };
    let name = b"user.name".to_vec();
    assert_eq!(with(&entry(4, 1, 0, 0, 0)).unwrap(), [(name, Vec::new())]);
    // Not shown: what is the filesystem's own.
    assert!(with(&entry(4, 7, 900, 0, 10)).unwrap().is_empty());
    let cases = [
        (entry(4, 1, 1000, 0, 30), Cause::Attribute, "e_value_offs"),
        (entry(4, 1, 0, 0, 70_000), Cause::Attribute, "e_value_size"),
        (entry(4, 2, 0, 0, 8), Cause::Attribute, "a_version"),
        // Two values that cannot both have room here.
        (
            [entry(4, 1, 0, 0, 1000), entry(4, 1, 0, 0, 1000)].concat(),
            Cause::Attribute,
            "e_value_size",
        ),
    ];
    for (entries, cause, field) in cases {
        is(&with(&entries).unwrap_err(), cause, field, block);
    }
    // An inode that is no value.
    let error = with(&entry(4, 1, 0, 2, 30)).unwrap_err();
    is(&error, Cause::Attribute, "i_flags", inode_at(&image, 2));
    let error = with(&entry(4, 1, 0, 0xffff_ffff, 30)).unwrap_err();
    assert_eq!(error.cause(), Cause::OutOfRange);
}

#[test]
fn extent_trees_that_cannot_be() {
    let image = fixture("ext4-1k");
    let inode = inode_of_size(&image, 70_000);
    let root = inode + 0x28;
    let with = |at: u64, bytes: &[u8]| Patched::new(image.clone()).with(at, bytes);
    assert_eq!(read_mid(Patched::new(image.clone())).unwrap(), 70_000);
    let cases: [(u64, &[u8], Cause, &str, u64); 7] = [
        (0, &[0, 0], Cause::Magic, "eh_magic", root),
        (2, &[5, 0], Cause::Value, "eh_entries", root),
        (4, &[5, 0], Cause::Value, "eh_max", root),
        (6, &[6, 0], Cause::Value, "eh_depth", inode),
        (12 + 4, &[0, 0], Cause::Value, "ee_len", root + 12),
        (12 + 6, &[0xff, 0xff], Cause::OutOfRange, "i_block", inode),
        (
            12 + 6,
            &[0, 0, 0, 0, 0, 0],
            Cause::OutOfRange,
            "i_block",
            inode,
        ),
    ];
    for (at, bytes, cause, field, offset) in cases {
        let error = read_mid(with(root + at, bytes)).unwrap_err();
        is(&error, cause, field, offset);
    }
    // A second extent that starts where the first one is not over.
    let mut two = image[root as usize..root as usize + 36].to_vec();
    two[2] = 2;
    let second: Vec<u8> = two[12..24].to_vec();
    two[24..36].copy_from_slice(&second);
    two[24] = 1;
    is(
        &read_mid(with(root, &two)).unwrap_err(),
        Cause::Order,
        "ee_len",
        root + 12,
    );
    // A tree whose node is itself: the depth does not fall.
    let mut index = image[root as usize..root as usize + 24].to_vec();
    index[6] = 1;
    let block = 40u32;
    index[16..20].copy_from_slice(&block.to_le_bytes());
    index[20..22].fill(0);
    let volume = with(root, &index).with(u64::from(block) * 1024, index.clone());
    is(
        &read_mid(volume).unwrap_err(),
        Cause::Value,
        "eh_depth",
        u64::from(block) * 1024,
    );
}

/// Four billion paths through five blocks, each of which leads to nothing.
#[test]
fn a_tree_that_never_comes_to_data_is_cut() {
    let image = fixture("ext4-1k");
    let node = |entries: u16, depth: u16, child: u64| {
        let mut bytes = vec![0x0a, 0xf3];
        for field in [entries, entries, depth, 0, 0] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for first in 0..u32::from(entries) {
            bytes.extend_from_slice(&first.to_le_bytes());
            bytes.extend_from_slice(&child.to_le_bytes());
        }
        bytes
    };
    let root = inode_of_size(&image, 70_000) + 0x28;
    let mut volume = Patched::new(image).with(root, node(4, 5, 904));
    for depth in 1..5u16 {
        let child = 900 + u64::from(depth) - 1;
        volume = volume.with((child + 1) * 1024, node(84, depth, child));
    }
    // Leaves of extents without a length.
    let volume = volume.with(900 * 1024, node(84, 0, 0));
    let error = read_mid(volume).unwrap_err();
    is(&error, Cause::Value, "ee_len", 900 * 1024 + 12);
}

#[test]
fn block_maps_that_cannot_be() {
    let image = fixture("ext2-1k");
    let inode = inode_of_size(&image, 70_000);
    let with = |at: u64, bytes: &[u8]| Patched::new(image.clone()).with(at, bytes);
    let outside = 5000u32.to_le_bytes();
    let error = read_mid(with(inode + 0x28, &outside)).unwrap_err();
    is(&error, Cause::OutOfRange, "i_block", inode);
    let error = read_mid(with(inode + 0x28 + 48, &outside)).unwrap_err();
    assert_eq!(error.cause(), Cause::OutOfRange);
    assert_eq!(error.structure(), "ext block map");
    // A missing block of numbers is a hole, not damage.
    assert_eq!(read_mid(with(inode + 0x28 + 48, &[0; 4])).unwrap(), 70_000);
    // A size that no map of this block size reaches.
    let fs = open(with(inode + 0x6c, &[0xff, 0, 0, 0])).unwrap();
    let mut file = fs.open(&"/data/mid".into()).unwrap();
    let end = file.len();
    let error = file.read_at(&mut [0; 10], end - 10).unwrap_err();
    is(&error, Cause::OutOfRange, "i_size", inode);
}

#[test]
fn directories_that_cannot_be() {
    let image = fixture("ext2-1k");
    let inode = inode_at(&image, 2);
    let block = |inode: u64| {
        let at = inode as usize + 0x28;
        u64::from(u32::from_le_bytes(image[at..at + 4].try_into().unwrap())) * 1024
    };
    let root = block(inode);
    // The third entry is lost+found, after `.` and `..` of 12 bytes each.
    let cases: [(u64, &[u8], &str); 5] = [
        (4, &[8, 0], "rec_len"),
        (4, &[13, 0], "rec_len"),
        (4, &[0, 8], "rec_len"),
        (0, &[0xff; 4], "inode"),
        (8, b"lo/t", "name"),
    ];
    for (at, bytes, field) in cases {
        let volume = Patched::new(image.clone()).with(root + 24 + at, bytes);
        let error = open(volume)
            .unwrap()
            .read_dir(&GuestPath::root())
            .unwrap_err();
        is(&error, Cause::DirEntry, field, root + 24);
    }
    // A directory that is its own child is endless only for who wants it.
    let mut entry = image[root as usize + 24..root as usize + 28].to_vec();
    entry.copy_from_slice(&2u32.to_le_bytes());
    let fs = open(Patched::new(image.clone()).with(root + 24, entry)).unwrap();
    let deep = GuestPath::new("lost+found/".repeat(100));
    assert_eq!(fs.metadata(&deep).unwrap().kind, FileKind::Directory);
}

#[test]
fn a_directory_without_end_is_stopped() {
    // 4 GiB of holes: nothing is there to be listed, and nothing is read.
    let image = fixture("ext2-1k");
    let inode = inode_at(&image, 2);
    let holes = Patched::new(image.clone())
        .with(inode + 4, [0xff; 4])
        .with(inode + 0x28, [0; 60]);
    assert!(
        open(holes)
            .unwrap()
            .read_dir(&GuestPath::root())
            .unwrap()
            .is_empty()
    );
    // All of its blocks the same: each is charged.
    let at = inode as usize + 0x28;
    let one = image[at..at + 4].to_vec();
    let volume = Patched::new(image.clone())
        .with(inode + 4, [0xff; 4])
        .with(inode + 0x28, one.repeat(12));
    let limits = Limits::default().with_work(20);
    let fs = vmie_fs::open(Arc::new(volume), &limits).unwrap();
    let error = fs.read_dir(&GuestPath::root()).unwrap_err();
    assert_eq!(error.cause(), Cause::Limit);
    // And a directory of honest size, when memory is short.
    let limits = Limits::default().with_memory((1 << 20) + 1000);
    let fs = vmie_fs::open(image, &limits).unwrap();
    let error = fs.read_dir(&"/many".into()).unwrap_err();
    assert_eq!(error.cause(), Cause::Limit);
}

#[test]
fn symbolic_links_that_cannot_be() {
    let image = fixture("ext2-1k");
    for (size, path) in [(17, "/data/fast"), (301, "/data/slow")] {
        let inode = inode_of_size(&image, size);
        for bad in [0u32, 4097, u32::MAX] {
            let volume = Patched::new(image.clone()).with(inode + 4, bad.to_le_bytes());
            let error = open(volume).unwrap().read_link(&path.into()).unwrap_err();
            is(&error, Cause::Value, "i_size", inode);
        }
    }
    let inode = inode_of_size(&image, 17);
    let volume = Patched::new(image.clone()).with(inode + 4, [60]);
    let error = open(volume)
        .unwrap()
        .read_link(&"/data/fast".into())
        .unwrap_err();
    is(&error, Cause::Value, "i_size", inode);
}

/// Where the journal's first block is, with checksums and without.
fn journal_start(image: &[u8]) -> u64 {
    let magic = [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4];
    (0..image.len() / 1024)
        .find(|block| image[block * 1024..][..8] == magic)
        .unwrap() as u64
        * 1024
}

#[test]
fn journals_that_cannot_be_replayed() {
    let image = fixture("ext3-journal");
    let start = journal_start(&image);
    let with = |at: u64, bytes: &[u8]| Patched::new(image.clone()).with(start + at, bytes);
    let cases: [(u64, &[u8], Cause, &str); 7] = [
        (0, &[0], Cause::Journal, "h_magic"),
        (0xc, &[0, 0, 8, 0], Cause::Journal, "s_blocksize"),
        (0x10, &[0xff; 4], Cause::Journal, "s_maxlen"),
        (0x14, &[0; 4], Cause::Journal, "s_first"),
        (0x1c, &[0xff; 4], Cause::Journal, "s_start"),
        (0x28, &[0, 1, 0, 0], Cause::Feature, "s_feature_incompat"),
        (0x28, &[0, 0, 0, 4], Cause::Feature, "s_feature_incompat"),
    ];
    for (at, bytes, cause, field) in cases {
        is(&refused(with(at, bytes)), cause, field, start + at);
    }
    // A journal on another device is not there to be replayed.
    let volume = Patched::new(image.clone()).with(1024 + 0xe0, [0; 4]);
    is(
        &refused(volume),
        Cause::MissingDevice,
        "s_journal_uuid",
        1024 + 0xd0,
    );
    // A tag that leads out of the filesystem: it follows the header of the first block.
    let error = refused(with(1024 + 12, &[0xff, 0xff, 0xff, 0xff]));
    assert_eq!(error.cause(), Cause::OutOfRange);
    // With checksums, a changed block is noticed: block 2 of the journal holds the first copy. Its
    // blocks stand together but for the first, which is two before.
    let image = fixture("ext4-journal");
    let start = journal_start(&image);
    let volume = Patched::new(image.clone()).with(start + 3072 + 77, [0]);
    is(&refused(volume), Cause::Journal, "t_checksum", start + 3072);
    let volume = Patched::new(image.clone()).with(start + 0x30, [0]);
    is(&refused(volume), Cause::Journal, "s_checksum", start + 0xfc);
    // A transaction whose commit is damaged did not happen, nor what came after it.
    let volume = Patched::new(image).with(start + 4 * 1024 + 20, [1]);
    let fs = open(volume).unwrap();
    let mut buf = [0];
    let mut file = fs.open(&"/replayed".into()).unwrap();
    file.read_at(&mut buf, 0).unwrap();
    assert_eq!(buf, *b"o");
}
