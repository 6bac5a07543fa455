//! The variants that qemu-img writes.

use std::fmt;

/// A variant of a format.
pub(crate) struct Variant {
    /// qemu-img's name of the format.
    pub(crate) format: &'static str,
    /// qemu-img's options.
    pub(crate) options: &'static str,
    /// Whether its data are compressed (`-c`).
    pub(crate) compressed: bool,
    /// Our name of the variant.
    pub(crate) ours: Option<&'static str>,
    /// The smallest disk, in bytes, of which qemu-img writes an image that it reads again itself.
    pub(crate) smallest: u64,
    /// The largest one.
    pub(crate) largest: u64,
}

impl Variant {
    /// What its image is called.
    pub(crate) fn file_name(&self) -> String {
        format!("image.{}", self.format)
    }

    /// Whether the options have this one.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|known| known == option)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compressed = if self.compressed { " compressed" } else { "" };
        write!(f, "{}{compressed} {}", self.format, self.options)
    }
}

const TIB: u64 = 1 << 40;

const fn variant(format: &'static str, ours: &'static str, options: &'static str) -> Variant {
    Variant {
        format,
        options,
        compressed: false,
        ours: Some(ours),
        smallest: 0,
        largest: 2 * TIB,
    }
}

impl Variant {
    const fn compressed(mut self) -> Self {
        self.compressed = true;
        self
    }

    const fn from(mut self, bytes: u64) -> Self {
        self.smallest = bytes;
        self
    }

    const fn to(mut self, bytes: u64) -> Self {
        self.largest = bytes;
        self
    }
}

const fn vhd(ours: &'static str, options: &'static str) -> Variant {
    // A header counts blocks of 2 MiB up to 2040 GiB.
    variant("vpc", ours, options).to(2040 << 30)
}

const fn vmdk(subformat: &'static str, options: &'static str) -> Variant {
    // Of an empty disk qemu-img writes a descriptor with no extent, and refuses or crashes reading it.
    variant("vmdk", subformat, options).from(512)
}

/// Every variant.
pub(crate) const VARIANTS: &[Variant] = &[
    Variant {
        ours: None,
        ..variant("raw", "", "")
    },
    vhd("dynamic", "subformat=dynamic,force_size=off"),
    vhd("dynamic", "subformat=dynamic,force_size=on"),
    // qemu-img reads no fixed VHD of its own that is empty.
    vhd("fixed", "subformat=fixed,force_size=off").from(512),
    vhd("fixed", "subformat=fixed,force_size=on").from(512),
    variant("vhdx", "dynamic", "subformat=dynamic"),
    variant("vhdx", "dynamic", "subformat=dynamic,block_size=1M"),
    variant(
        "vhdx",
        "dynamic",
        "subformat=dynamic,block_size=8M,log_size=4M",
    ),
    // Of an empty disk with such blocks qemu-img fails to write the table.
    variant("vhdx", "dynamic", "subformat=dynamic,block_size=256M").from(512),
    variant("vhdx", "fixed", "subformat=fixed"),
    variant(
        "vhdx",
        "fixed",
        "subformat=fixed,block_size=1M,block_state_zero=off",
    ),
    vmdk("monolithicSparse", "subformat=monolithicSparse"),
    vmdk(
        "monolithicSparse",
        "subformat=monolithicSparse,zeroed_grain=on",
    ),
    vmdk(
        "monolithicSparse",
        "subformat=monolithicSparse,compat6=on,adapter_type=lsilogic",
    ),
    vmdk("monolithicFlat", "subformat=monolithicFlat"),
    vmdk(
        "monolithicFlat",
        "subformat=monolithicFlat,adapter_type=legacyESX",
    ),
    vmdk("twoGbMaxExtentSparse", "subformat=twoGbMaxExtentSparse"),
    vmdk("twoGbMaxExtentFlat", "subformat=twoGbMaxExtentFlat"),
    vmdk("streamOptimized", "subformat=streamOptimized"),
    variant("qcow2", "v2", "compat=0.10"),
    variant("qcow2", "v2", "compat=0.10").compressed(),
    // A first table of at most 32 MiB.
    variant("qcow2", "v2", "compat=0.10,cluster_size=512").to(128 << 30),
    variant("qcow2", "v3", "compat=1.1"),
    variant("qcow2", "v3", "compat=1.1,cluster_size=512").to(128 << 30),
    variant("qcow2", "v3", "compat=1.1,cluster_size=4k"),
    variant("qcow2", "v3", "compat=1.1,cluster_size=2M"),
    variant("qcow2", "v3", "compat=1.1,compression_type=zlib").compressed(),
    variant("qcow2", "v3", "compat=1.1,compression_type=zstd").compressed(),
    variant(
        "qcow2",
        "v3",
        "compat=1.1,compression_type=zstd,cluster_size=2M",
    )
    .compressed(),
    variant(
        "qcow2",
        "v3",
        "compat=1.1,compression_type=zlib,cluster_size=512",
    )
    .compressed()
    .to(128 << 30),
    variant("qcow2", "v3", "compat=1.1,extended_l2=on"),
    variant("qcow2", "v3", "compat=1.1,extended_l2=on,cluster_size=16k"),
    variant("qcow2", "v3", "compat=1.1,extended_l2=on,cluster_size=2M"),
    variant(
        "qcow2",
        "v3",
        "compat=1.1,extended_l2=on,compression_type=zstd",
    )
    .compressed(),
    variant("qcow2", "v3", "compat=1.1,refcount_bits=1"),
    variant(
        "qcow2",
        "v3",
        "compat=1.1,refcount_bits=64,lazy_refcounts=on",
    ),
    variant("qcow2", "v3", "compat=1.1,preallocation=metadata").to(10 << 30),
    variant("vdi", "dynamic", "static=off"),
    variant("vdi", "fixed", "static=on"),
];
