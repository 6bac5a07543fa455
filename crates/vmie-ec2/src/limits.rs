//! What an input may cost.

/// Bounds on what comes from outside. Passing one is an answer, not a failure of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest form, in bytes.
    pub form_bytes: usize,
    /// The most parameters of a form.
    pub parameters: usize,
    /// The most items of a list of a form.
    pub items: usize,
    /// The longest value of a parameter, in bytes. The longest that there is a use for are UEFI
    /// variables: 64 KiB in Base64.
    pub value_bytes: usize,
    /// The longest document, in bytes.
    pub xml_bytes: usize,
    /// The most elements of a document. A page of 1000 tasks with 21 disks each has some 250 000.
    pub xml_elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            form_bytes: 1 << 20,
            parameters: 10_000,
            items: 1_000,
            value_bytes: 128 << 10,
            xml_bytes: 32 << 20,
            xml_elements: 500_000,
        }
    }
}
