//! The operators of conditions.

use core::fmt;

/// How many values of a key must satisfy a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// The key has one value.
    Single,
    /// `ForAllValues:` the key has several, and all must. Not evaluated.
    All,
    /// `ForAnyValue:` the key has several, and one must. Not evaluated.
    Any,
}

/// An operator with its prefix and suffix: `ForAllValues:StringLikeIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operator {
    /// Its prefix.
    pub quantity: Quantity,
    /// The comparison itself.
    pub comparison: Comparison,
    /// Whether it holds where the key is absent: the suffix `IfExists`.
    pub if_exists: bool,
}

macro_rules! comparisons {
    ($($variant:ident)+) => {
        /// A comparison of a condition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Comparison {
            $(#[doc = concat!("`", stringify!($variant), "`.")] $variant,)+
        }

        impl Comparison {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }
        }
    };
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
comparisons! {
    StringEquals StringNotEquals StringEqualsIgnoreCase StringNotEqualsIgnoreCase
    StringLike StringNotLike
    ArnEquals ArnNotEquals ArnLike ArnNotLike
    Bool Null
    NumericEquals NumericNotEquals NumericLessThan NumericLessThanEquals
    NumericGreaterThan NumericGreaterThanEquals
    DateEquals DateNotEquals DateLessThan DateLessThanEquals DateGreaterThan DateGreaterThanEquals
    IpAddress NotIpAddress BinaryEquals
}

impl Comparison {
    /// Whether [`evaluate`](super::evaluate) can tell if it holds.
    #[must_use]
    pub const fn is_evaluated(self) -> bool {
        matches!(
            self,
            Self::StringEquals
                | Self::StringNotEquals
                | Self::StringEqualsIgnoreCase
                | Self::StringNotEqualsIgnoreCase
                | Self::StringLike
                | Self::StringNotLike
                | Self::ArnEquals
                | Self::ArnNotEquals
                | Self::ArnLike
                | Self::ArnNotLike
                | Self::Bool
                | Self::Null
        )
    }

    /// Whether it holds where none of the values fits.
    pub(super) const fn negated(self) -> bool {
        matches!(
            self,
            Self::StringNotEquals
                | Self::StringNotEqualsIgnoreCase
                | Self::StringNotLike
                | Self::ArnNotEquals
                | Self::ArnNotLike
        )
    }
}

impl Operator {
    /// A comparison as it is.
    #[must_use]
    pub const fn of(comparison: Comparison) -> Self {
        Self {
            quantity: Quantity::Single,
            comparison,
            if_exists: false,
        }
    }

    /// The operator of a word; `None` if there is no such operator. Words are taken as IAM takes
    /// them, without regard to case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let (quantity, rest) = match word.split_once(':') {
            None => (Quantity::Single, word),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Quantity::All, rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Quantity::Any, rest),
            Some(_) => return None,
        };
        let find = |word: &str| {
            let mut all = Comparison::ALL.iter().copied();
            all.find(|comparison| comparison.as_str().eq_ignore_ascii_case(word))
        };
        if let Some(comparison) = find(rest) {
            return Some(Self {
                quantity,
                comparison,
                if_exists: false,
            });
        }
        let at = rest.len().checked_sub("IfExists".len())?;
        let (rest, suffix) = rest.split_at_checked(at)?;
        let comparison = find(rest).filter(|comparison| *comparison != Comparison::Null)?;
        suffix.eq_ignore_ascii_case("IfExists").then_some(Self {
            quantity,
            comparison,
            if_exists: true,
        })
    }

    /// Whether [`evaluate`](super::evaluate) can tell if it holds.
    #[must_use]
    pub const fn is_evaluated(self) -> bool {
        matches!(self.quantity, Quantity::Single) && self.comparison.is_evaluated()
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.quantity {
            Quantity::Single => "",
            Quantity::All => "ForAllValues:",
            Quantity::Any => "ForAnyValue:",
        })?;
        f.write_str(self.comparison.as_str())?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}
