//! Nodes that are kept in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::TreeNode;

/// Nodes by their logical addresses, in two halves: what is used moves to the young half, and when
/// that is full the old half is given up. So what is used stays, at the cost of one lookup.
pub(super) struct NodeCache {
    young: HashMap<u64, Arc<TreeNode>>,
    old: HashMap<u64, Arc<TreeNode>>,
    /// Nodes of one half, at least one.
    half: usize,
}

impl NodeCache {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: nodes.checked_div(2).unwrap_or(0).max(1),
        }
    }

    pub(super) fn get(&mut self, bytenr: u64) -> Option<Arc<TreeNode>> {
        if let Some(node) = self.young.get(&bytenr) {
            return Some(Arc::clone(node));
        }
        let node = self.old.remove(&bytenr)?;
        self.put(bytenr, Arc::clone(&node));
        Some(node)
    }

    pub(super) fn put(&mut self, bytenr: u64, node: Arc<TreeNode>) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(bytenr, node);
    }
}
