//! What a declaration becomes.
//!
//! ```text
//! request! { Type { "Name.On.The.Wire" member: rule, rule("word"); … } }
//! reply!   { Type { "nameOnTheWire" member: rule; … } }
//! both!    { Type { "Name" "name" member; … } }
//! ```
//!
//! A member's type decides how it is read; rules are those of [`Rule`](crate::rule::Rule).

/// A rule and what the declaration says more.
macro_rules! rule {
    ($base:ident $($rule:ident $(($($word:literal),+))?),*) => {
        $crate::rule::Rule::$base$(.$rule($(&[$($word),+])?))*
    };
}

/// A structure of requests.
macro_rules! request {
    ($type:ident { $(
        $name:literal $field:ident $(: $($rule:ident $(($($word:literal),+))?),+)?;
    )+ }) => {
        impl $crate::form::FormValue for $type {
            fn read(
                mut node: $crate::form::Node<'_>,
                at: &$crate::form::At<'_>,
                outer: &$crate::rule::Rule,
            ) -> Result<Self, vmie_tasks::ApiError> {
                node.has_no_value(at)?;
                $(
                    let $field = {
                        let rule = &rule!(PLAIN $($($rule $(($($word),+))?),+)?);
                        if outer.has($name) {
                            $crate::form::FormField::fetch(&mut node, $name, at, rule)?
                        } else {
                            let mut nothing = $crate::form::Node::default();
                            $crate::form::FormField::fetch(&mut nothing, $name, at, rule)?
                        }
                    };
                )+
                node.is_empty(at)?;
                Ok(Self { $($field),+ })
            }

            fn write(&self, outer: &$crate::rule::Rule, out: &mut $crate::form::FormWriter) {
                $(
                    if outer.has($name) {
                        let rule = &rule!(PLAIN $($($rule $(($($word),+))?),+)?);
                        $crate::form::FormField::put(&self.$field, $name, rule, out);
                    }
                )+
            }

            fn list(
                prefix: &str,
                outer: &$crate::rule::Rule,
                entries: &mut Vec<$crate::table::Entry>,
            ) {
                $(
                    if outer.has($name) {
                        let rule = &rule!(PLAIN $($($rule $(($($word),+))?),+)?);
                        list_form(|this: &Self| &this.$field, $name, prefix, rule, entries);
                    }
                )+
            }
        }

        sample! { $type { $($name $field (rule!(PLAIN $($($rule $(($($word),+))?),+)?));)+ } }
    };
}

/// A structure of replies.
macro_rules! reply {
    ($type:ident { $(
        $name:literal $field:ident $(: $($rule:ident $(($($word:literal),+))?),+)?;
    )+ }) => {
        reply! { @codec $type { $($name $field $(: $($rule $(($($word),+))?),+)?;)+ } }
        sample! { $type { $($name $field (rule!(REPLY $($($rule $(($($word),+))?),+)?));)+ } }
    };
    (@codec $type:ident { $(
        $name:literal $field:ident $(: $($rule:ident $(($($word:literal),+))?),+)?;
    )+ }) => {
        impl $crate::xml::XmlValue for $type {
            fn read(
                element: &$crate::xml::Element,
                outer: &$crate::rule::Rule,
            ) -> Result<Self, $crate::xml::XmlError> {
                Ok(Self {
                    $($field: {
                        let rule = &rule!(REPLY $($($rule $(($($word),+))?),+)?);
                        if outer.has($name) {
                            $crate::xml::XmlField::fetch(element, $name, rule)?
                        } else {
                            let nothing = $crate::xml::Element::default();
                            $crate::xml::XmlField::fetch(&nothing, $name, rule)?
                        }
                    },)+
                })
            }

            fn write(&self, outer: &$crate::rule::Rule, out: &mut $crate::xml::XmlWriter) {
                $(
                    if outer.has($name) {
                        let rule = &rule!(REPLY $($($rule $(($($word),+))?),+)?);
                        $crate::xml::XmlField::put(&self.$field, $name, rule, out);
                    }
                )+
            }

            fn list(
                prefix: &str,
                outer: &$crate::rule::Rule,
                entries: &mut Vec<$crate::table::Entry>,
            ) {
                $(
                    if outer.has($name) {
                        let rule = &rule!(REPLY $($($rule $(($($word),+))?),+)?);
                        list_xml(|this: &Self| &this.$field, $name, prefix, rule, entries);
                    }
                )+
            }
        }
    };
}

/// A structure of both, whose members have two names.
macro_rules! both {
    ($type:ident { $(
        $form:literal $xml:literal $field:ident $(: $($rule:ident $(($($word:literal),+))?),+)?;
    )+ }) => {
        request! { $type { $($form $field $(: $($rule $(($($word),+))?),+)?;)+ } }
        reply! { @codec $type { $($xml $field;)+ } }
    };
}

/// Random values of a structure: at least one member is there.
macro_rules! sample {
    ($type:ident { $($name:literal $field:ident ($rule:expr);)+ }) => {
        #[cfg(any(test, feature = "samples"))]
        impl $crate::sample::Sample for $type {
            fn sample(dice: &mut $crate::sample::Dice, outer: &$crate::rule::Rule) -> Self {
                let names = [$($name),+];
                let names: Vec<_> = names.into_iter().filter(|name| outer.has(name)).collect();
                let lucky = dice.pick(&names).unwrap_or_default();
                Self {
                    $($field: if outer.has($name) {
                        $crate::sample::Sample::member(dice, &$rule, lucky == $name)
                    } else {
                        $crate::sample::Sample::absent(dice, &$rule)
                    },)+
                }
            }
        }
    };
}

/// Actions with the types of their requests.
macro_rules! actions {
    ($($action:ident $request:ident)+) => {
        /// The actions by their names.
        pub const ACTIONS: &[&str] = &[$(stringify!($action)),+];

        pub(crate) fn read_action(
            name: &str,
            node: $crate::form::Node<'_>,
            at: &$crate::form::At<'_>,
        ) -> Result<Action, vmie_tasks::ApiError> {
            match name {
                $(name if name == stringify!($action) => {
                    <$request as FormValue>::read(node, at, &Rule::PLAIN).map(Action::$action)
                })+
                _ => Err(crate::form::invalid_action(name)),
            }
        }

        pub(crate) fn write_action(action: &Action, out: &mut FormWriter) -> Result<(), NotOnTheWire> {
            match action {
                $(Action::$action(request) => {
                    out.plain("Action", stringify!($action));
                    out.plain("Version", VERSION);
                    request.write(&Rule::PLAIN, out);
                    Ok(())
                })+
                _ => Err(NotOnTheWire),
            }
        }

        /// What an action takes, as a table; empty for a name that is no action's.
        #[must_use]
        pub fn parameters(action: &str) -> Vec<Entry> {
            let mut entries = Vec::new();
            match action {
                $(name if name == stringify!($action) => {
                    <$request as FormValue>::list("", &Rule::PLAIN, &mut entries);
                })+
                _ => {}
            }
            entries
        }

        /// A random request of an action.
        #[cfg(any(test, feature = "samples"))]
        #[must_use]
        pub fn sample_action(name: &str, dice: &mut Dice) -> Option<Action> {
            match name {
                $(name if name == stringify!($action) => {
                    Some(Action::$action(Sample::sample(dice, &Rule::PLAIN)))
                })+
                _ => None,
            }
        }
    };
}

/// Replies, in one of four shapes:
/// - `whole(Type without "a", "b")`: the members of a structure;
/// - `inside("name" Type)`: a structure in an element of its own;
/// - `members { "name" member: rule; … }`: members that have no structure;
/// - `done { … }`: the same, behind `<return>true</return>`.
macro_rules! replies {
    ($($action:ident $shape:ident $args:tt;)+) => {
        pub(crate) fn write_reply(
            reply: &Reply,
            request_id: &str,
            out: &mut XmlWriter,
        ) -> Result<(), NotOnTheWire> {
            $(shape! { write $action $shape $args reply request_id out })+
            Err(NotOnTheWire)
        }

        pub(crate) fn read_reply(name: &str, root: &Element) -> Result<Reply, XmlError> {
            $(shape! { read $action $shape $args name root })+
            Err(root.error(XmlCause::Root))
        }

        /// What the reply to an action has, as a table; empty for a name that is no action's.
        #[must_use]
        pub fn fields(action: &str) -> Vec<Entry> {
            let mut entries = Vec::new();
            $(shape! { list $action $shape $args action entries })+
            entries
        }

        /// A random reply to an action.
        #[cfg(any(test, feature = "samples"))]
        #[must_use]
        pub fn sample_reply(name: &str, dice: &mut Dice) -> Option<Reply> {
            $(shape! { sample $action $shape $args name dice })+
            None
        }
    };
}

/// One direction of one shape.
macro_rules! shape {
    (write $action:ident whole ($type:ident $(without $($not:literal),+)?) $reply:ident $id:ident $out:ident) => {
        if let Reply::$action(value) = $reply {
            let rule = &rule!(REPLY $(without($($not),+))?);
            $out.reply(stringify!($action), $id, |out| value.write(rule, out));
            return Ok(());
        }
    };
    (read $action:ident whole ($type:ident $(without $($not:literal),+)?) $name:ident $root:ident) => {
        if $name == stringify!($action) {
            let rule = &rule!(REPLY $(without($($not),+))?);
            return <$type as XmlValue>::read($root, rule).map(Reply::$action);
        }
    };
    (list $action:ident whole ($type:ident $(without $($not:literal),+)?) $name:ident $entries:ident) => {
        if $name == stringify!($action) {
            let rule = &rule!(REPLY $(without($($not),+))?);
            <$type as XmlValue>::list("", rule, &mut $entries);
        }
    };
    (sample $action:ident whole ($type:ident $(without $($not:literal),+)?) $name:ident $dice:ident) => {
        if $name == stringify!($action) {
            let rule = &rule!(REPLY $(without($($not),+))?);
            return Some(Reply::$action(Sample::sample($dice, rule)));
        }
    };

    (write $action:ident inside ($element:literal $type:ident) $reply:ident $id:ident $out:ident) => {
        if let Reply::$action(value) = $reply {
            $out.reply(stringify!($action), $id, |out| {
                XmlField::put(value, $element, &Rule::REPLY, out);
            });
            return Ok(());
        }
    };
    (read $action:ident inside ($element:literal $type:ident) $name:ident $root:ident) => {
        if $name == stringify!($action) {
            let value = <$type as XmlField>::fetch($root, $element, &Rule::REPLY);
            return value.map(Reply::$action);
        }
    };
    (list $action:ident inside ($element:literal $type:ident) $name:ident $entries:ident) => {
        if $name == stringify!($action) {
            <$type as XmlField>::list($element, "", &Rule::REPLY, &mut $entries);
        }
    };
    (sample $action:ident inside ($element:literal $type:ident) $name:ident $dice:ident) => {
        if $name == stringify!($action) {
            return Some(Reply::$action(Sample::sample($dice, &Rule::REPLY)));
        }
    };

    (write $action:ident members { $($tag:literal $field:ident: $type:ty $(, $rule:ident $(($($word:literal),+))?)*;)+ }
     $reply:ident $id:ident $out:ident) => {
        if let Reply::$action { $($field),+ } = $reply {
            $out.reply(stringify!($action), $id, |out| {
                $(XmlField::put($field, $tag, &rule!(REPLY $($rule $(($($word),+))?),*), out);)+
            });
            return Ok(());
        }
    };
    (read $action:ident members { $($tag:literal $field:ident: $type:ty $(, $rule:ident $(($($word:literal),+))?)*;)+ }
     $name:ident $root:ident) => {
        if $name == stringify!($action) {
            return Ok(Reply::$action {
                $($field: XmlField::fetch($root, $tag, &rule!(REPLY $($rule $(($($word),+))?),*))?,)+
            });
        }
    };
    (list $action:ident members { $($tag:literal $field:ident: $type:ty $(, $rule:ident $(($($word:literal),+))?)*;)+ }
     $name:ident $entries:ident) => {
        if $name == stringify!($action) {
            $(<$type as XmlField>::list($tag, "", &rule!(REPLY $($rule $(($($word),+))?),*), &mut $entries);)+
        }
    };
    (sample $action:ident members { $($tag:literal $field:ident: $type:ty $(, $rule:ident $(($($word:literal),+))?)*;)+ }
     $name:ident $dice:ident) => {
        if $name == stringify!($action) {
            return Some(Reply::$action {
                $($field: Sample::member($dice, &rule!(REPLY $($rule $(($($word),+))?),*), false),)+
            });
        }
    };

    (write $action:ident done {} $reply:ident $id:ident $out:ident) => {
        if let Reply::$action = $reply {
            $out.reply(stringify!($action), $id, |out| out.leaf("return", "true"));
            return Ok(());
        }
    };
    (read $action:ident done {} $name:ident $root:ident) => {
        if $name == stringify!($action) {
            returned($root)?;
            return Ok(Reply::$action);
        }
    };
    (list $action:ident done {} $name:ident $entries:ident) => {
        if $name == stringify!($action) {
            <bool as XmlField>::list("return", "", &Rule::REPLY, &mut $entries);
        }
    };
    (sample $action:ident done {} $name:ident $dice:ident) => {
        if $name == stringify!($action) {
            return Some(Reply::$action);
        }
    };

    (write $action:ident done { $($tag:literal $field:ident: $type:ty;)+ } $reply:ident $id:ident $out:ident) => {
        if let Reply::$action { $($field),+ } = $reply {
            $out.reply(stringify!($action), $id, |out| {
                out.leaf("return", "true");
                $(XmlField::put($field, $tag, &Rule::REPLY, out);)+
            });
            return Ok(());
        }
    };
    (read $action:ident done { $($tag:literal $field:ident: $type:ty;)+ } $name:ident $root:ident) => {
        if $name == stringify!($action) {
            returned($root)?;
            return Ok(Reply::$action {
                $($field: XmlField::fetch($root, $tag, &Rule::REPLY)?,)+
            });
        }
    };
    (list $action:ident done { $($tag:literal $field:ident: $type:ty;)+ } $name:ident $entries:ident) => {
        if $name == stringify!($action) {
            <bool as XmlField>::list("return", "", &Rule::REPLY, &mut $entries);
            $(<$type as XmlField>::list($tag, "", &Rule::REPLY, &mut $entries);)+
        }
    };
    (sample $action:ident done { $($tag:literal $field:ident: $type:ty;)+ } $name:ident $dice:ident) => {
        if $name == stringify!($action) {
            return Some(Reply::$action {
                $($field: Sample::member($dice, &Rule::REPLY, false),)+
            });
        }
    };
}
