//! Reading fields of raw documents: each absence or wrong type is a corruption that names document and field. And the command that
//! changes one of them.

use mongodb::bson::{RawArrayBuf, RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use protocol::SessionId;
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as WordError};

use crate::StoreError;

/// Changes the document that the filter matches. With `upsert` it is made where there is none.
pub(crate) fn update_one(name: &str, filter: RawDocumentBuf, change: RawDocumentBuf, upsert: bool) -> RawDocumentBuf {
    let mut update = RawDocumentBuf::new();
    update.append(cstr!("q"), filter);
    update.append(cstr!("u"), change);
    update.append(cstr!("upsert"), upsert);
    let mut updates = RawArrayBuf::new();
    updates.push(update);
    let mut command = RawDocumentBuf::new();
    command.append(cstr!("update"), name);
    command.append(cstr!("updates"), updates);
    command
}

/// A stored document with the words that say where it is.
pub(crate) struct Fields<'a> {
    pub(crate) document: &'a RawDocument,
    pub(crate) session: Option<&'a SessionId>,
    pub(crate) place: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn text(&self, key: &str) -> Result<&'a str, StoreError> {
        self.optional_text(key)?.ok_or_else(|| self.fault(key, "is missing"))
    }

    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<&'a str>, StoreError> {
        match self.get(key)? {
            None | Some(RawBsonRef::Null) => Ok(None),
            Some(RawBsonRef::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(key, "is not a string")),
        }
    }

    /// A time or a count: any BSON integer that is not negative.
    pub(crate) fn unsigned(&self, key: &str) -> Result<u64, StoreError> {
        let number = match self.get(key)? {
            Some(RawBsonRef::Int64(number)) => u64::try_from(number).ok(),
            Some(RawBsonRef::Int32(number)) => u64::try_from(number).ok(),
            _ => None,
        };
        number.ok_or_else(|| self.fault(key, "is not a whole number from 0"))
    }

    pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &str) -> Result<T, StoreError> {
        self.text(key)?.parse().map_err(|error| self.fault(key, format!("cannot be read: {error}")))
    }

    pub(crate) fn optional_parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.optional_text(key)?.map(|text| text.parse().map_err(|error| self.fault(key, format!("cannot be read: {error}")))).transpose()
    }

    /// One word of a closed list, as its serde form spells it.
    pub(crate) fn word<T: DeserializeOwned>(&self, key: &str) -> Result<T, StoreError> {
        self.read_word(key, self.text(key)?)
    }

    pub(crate) fn optional_word<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.optional_text(key)?.map(|text| self.read_word(key, text)).transpose()
    }

    pub(crate) fn fault(&self, key: &str, fault: impl std::fmt::Display) -> StoreError {
        StoreError::corrupt(self.session, self.place, format!("field {key} {fault}"))
    }

    fn read_word<T: DeserializeOwned>(&self, key: &str, text: &str) -> Result<T, StoreError> {
        T::deserialize(text.into_deserializer()).map_err(|error: WordError| self.fault(key, format!("cannot be read: {error}")))
    }

    fn get(&self, key: &str) -> Result<Option<RawBsonRef<'a>>, StoreError> {
        self.document.get(key).map_err(|error| self.fault(key, format!("cannot be read: {error}")))
    }
}
