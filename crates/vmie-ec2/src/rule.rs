//! What a declaration says of a member apart from its name.

/// A rule of a member. The type says the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// The values that it takes, without regard to case (SVC-TASK-10); any if there are none.
    pub(crate) one_of: &'static [&'static str],
    /// Members that the structure does not have here, by their first names.
    pub(crate) without: &'static [&'static str],
    /// A request must have it.
    pub(crate) required: bool,
    /// A reply has its list even if that is empty.
    pub(crate) always: bool,
    /// A whole number that is written as a double.
    pub(crate) double: bool,
    /// A number of 64 bits; others have 32.
    pub(crate) long: bool,
    /// A moment to the millisecond, whatever it has behind that.
    pub(crate) millis: bool,
}

impl Rule {
    /// Nothing in particular.
    pub(crate) const PLAIN: Self = Self {
        one_of: &[],
        without: &[],
        required: false,
        always: false,
        double: false,
        long: false,
        millis: false,
    };

    /// A member of a reply: moments have milliseconds there.
    pub(crate) const REPLY: Self = Self {
        millis: true,
        ..Self::PLAIN
    };

    pub(crate) const fn one_of(self, one_of: &'static [&'static str]) -> Self {
        Self { one_of, ..self }
    }

    pub(crate) const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }

    pub(crate) const fn required(self) -> Self {
        let required = true;
        Self { required, ..self }
    }

    pub(crate) const fn always(self) -> Self {
        let always = true;
        Self { always, ..self }
    }

    pub(crate) const fn double(self) -> Self {
        let double = true;
        Self { double, ..self }
    }

    pub(crate) const fn long(self) -> Self {
        let long = true;
        Self { long, ..self }
    }

    /// Whether a structure has the member here.
    pub(crate) fn has(&self, name: &str) -> bool {
        !self.without.contains(&first(name))
    }
}

/// The first part of a member's name: `DiskContainer` of `DiskContainer.N`.
pub(crate) fn first(name: &str) -> &str {
    split(name).0
}

/// The first part of a member's name, and what follows.
pub(crate) fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}
