//! A filesystem seen from one of its directories.

use crate::{
    DirEntry, Error, FileRead, Filesystem, Identity, Metadata, Node, Space, State, Subvolume, Xattr,
};

/// A filesystem whose paths begin at another of its directories: a subvolume, as the mount option
/// `subvol` shows it.
pub struct Rooted {
    files: Box<dyn Filesystem>,
    root: Node,
}

impl Rooted {
    /// The same files, with paths that begin at `root`.
    #[must_use]
    pub fn new(files: Box<dyn Filesystem>, root: Node) -> Self {
        Self { files, root }
    }

    /// The filesystem as it was before.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn Filesystem> {
        self.files
    }
}

impl std::fmt::Debug for Rooted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rooted").field(&self.root).finish()
    }
}

impl Filesystem for Rooted {
    fn identity(&self) -> &Identity {
        self.files.identity()
    }

    fn state(&self) -> State {
        self.files.state()
    }

    fn space(&self) -> Option<Space> {
        self.files.space()
    }

    fn root(&self) -> Node {
        self.root
    }

    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        self.files.lookup(dir, name)
    }

    fn stat(&self, node: Node) -> Result<Metadata, Error> {
        self.files.stat(node)
    }

    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error> {
        self.files.entries(dir)
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        self.files.link_target(node)
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        self.files.open_node(node)
    }

    fn xattrs(&self, node: Node) -> Result<Vec<Xattr>, Error> {
        self.files.xattrs(node)
    }

    fn subvolumes(&self) -> Result<Vec<Subvolume>, Error> {
        self.files.subvolumes()
    }
}
