//! Tables of a document whose keys are asked for one by one; a key that nobody asked for is an error.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{LoadCause, LoadError};
use crate::Date;

/// A value, and where it stands.
#[derive(Clone)]
pub(super) struct Value<'t> {
    text: &'t str,
    value: &'t DeValue<'t>,
    at: usize,
    key: String,
}

/// A table, and which of its keys were asked for.
pub(super) struct Table<'t> {
    text: &'t str,
    table: &'t DeTable<'t>,
    at: usize,
    key: String,
    asked: Vec<&'static str>,
}

/// An error at a byte of the document.
pub(super) fn error(text: &str, at: usize, key: String, cause: LoadCause) -> LoadError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let in_line = before.rsplit('\n').next().unwrap_or_default();
    LoadError {
        cause,
        key,
        line,
        column: in_line.chars().count().saturating_add(1),
    }
}

impl<'t> Value<'t> {
    pub(super) fn error(&self, cause: LoadCause) -> LoadError {
        error(self.text, self.at, self.key.clone(), cause)
    }

    fn of_type(&self, wanted: &'static str) -> LoadError {
        let found = self.value.type_str();
        self.error(LoadCause::Type { wanted, found })
    }

    /// A text with something in it.
    pub(super) fn text(&self) -> Result<&'t str, LoadError> {
        match self.value.as_str() {
            None => Err(self.of_type("a string")),
            Some("") => Err(self.error(LoadCause::Empty)),
            Some(text) => Ok(text),
        }
    }

    /// The text, when it is one.
    pub(super) fn as_text(&self) -> Option<&'t str> {
        self.value.as_str()
    }

    pub(super) fn boolean(&self) -> Result<bool, LoadError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.of_type("a boolean"))
    }

    pub(super) fn integer(&self) -> Result<i64, LoadError> {
        let integer = self.value.as_integer();
        let integer = integer.ok_or_else(|| self.of_type("an integer"))?;
        // No number of a matrix comes near the ends.
        Ok(i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i64::MAX))
    }

    pub(super) fn number<N: TryFrom<i64>>(&self, wanted: &'static str) -> Result<N, LoadError> {
        let found = self.integer()?;
        N::try_from(found).map_err(|_| self.error(LoadCause::OutOfRange { wanted, found }))
    }

    pub(super) fn day(&self) -> Result<Date, LoadError> {
        let moment = self.value.as_datetime();
        let moment = moment.ok_or_else(|| self.of_type("a date"))?;
        let day = match (moment.date, moment.time, moment.offset) {
            (Some(day), None, None) => Date::new(day.year, day.month, day.day),
            _ => None,
        };
        day.ok_or_else(|| self.error(LoadCause::NotADay))
    }

    pub(super) fn list(&self) -> Result<Vec<Value<'t>>, LoadError> {
        let array = self
            .value
            .as_array()
            .ok_or_else(|| self.of_type("an array"))?;
        let values = array.iter().enumerate().map(|(index, one)| Value {
            text: self.text,
            value: one.get_ref(),
            at: one.span().start,
            key: format!("{}[{index}]", self.key),
        });
        Ok(values.collect())
    }

    /// The list, when it is one.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn table(&self) -> Result<Table<'t>, LoadError> {
        let table = self
            .value
            .as_table()
            .ok_or_else(|| self.of_type("a table"))?;
        Ok(Table {
            text: self.text,
            table,
            at: self.at,
            key: self.key.clone(),
            asked: Vec::new(),
        })
    }
}

impl<'t> Table<'t> {
    /// The document itself.
    pub(super) fn document(text: &'t str, table: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            text,
            table: table.get_ref(),
            at: 0,
            key: String::new(),
            asked: Vec::new(),
        }
    }

    fn key_of(&self, name: &str) -> String {
        match self.key.as_str() {
            "" => name.to_string(),
            key => format!("{key}.{name}"),
        }
    }

    /// The value of a key that may be there.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Value<'t>> {
        self.asked.push(name);
        let value = self.table.get(name)?;
        Some(Value {
            text: self.text,
            value: value.get_ref(),
            at: value.span().start,
            key: self.key_of(name),
        })
    }

    /// The value of a key that must be there.
    pub(super) fn need(&mut self, name: &'static str) -> Result<Value<'t>, LoadError> {
        let key = self.key_of(name);
        let missing = error(self.text, self.at, key, LoadCause::Missing);
        self.get(name).ok_or(missing)
    }

    /// What a function makes of each value of a list that may be there.
    pub(super) fn each<T>(
        &mut self,
        name: &'static str,
        make: impl Fn(&Value<'t>) -> Result<T, LoadError>,
    ) -> Result<Vec<T>, LoadError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => value.list()?.iter().map(make).collect(),
        }
    }

    /// What a function makes of each value of a list that must be there and have some.
    pub(super) fn some<T>(
        &mut self,
        name: &'static str,
        make: impl Fn(&Value<'t>) -> Result<T, LoadError>,
    ) -> Result<Vec<T>, LoadError> {
        let value = self.need(name)?;
        let made = self.each(name, make)?;
        match made.is_empty() {
            true => Err(value.error(LoadCause::Empty)),
            false => Ok(made),
        }
    }

    /// An error about the table itself.
    pub(super) fn error(&self, cause: LoadCause) -> LoadError {
        error(self.text, self.at, self.key.clone(), cause)
    }

    /// Refuses the keys that nobody asked for.
    pub(super) fn finish(self) -> Result<(), LoadError> {
        let strange = self
            .table
            .keys()
            .filter(|key| !self.asked.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        match strange {
            None => Ok(()),
            Some(key) => {
                let name = self.key_of(key.get_ref());
                Err(error(
                    self.text,
                    key.span().start,
                    name,
                    LoadCause::UnknownKey,
                ))
            }
        }
    }
}
