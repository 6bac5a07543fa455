//! Which operating system is inside a set of disks, and whether it may be imported.
