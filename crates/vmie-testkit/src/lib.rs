//! What the tests of several crates share: builders of test images that need no outside tool, and
//! the conformance suites that every implementation of a trait runs. Not published. It panics where
//! a test would.

pub mod conformance;
pub mod fsimage;
pub mod hive;
pub mod ldm;
pub mod linux;
pub mod lvm;
pub mod md;
pub mod ova;
pub mod pe;
pub mod qcow2;
pub mod sparse;
pub mod table;
pub mod vdi;
pub mod vhd;
pub mod vhdx;
pub mod vmdk;
pub mod windows;
