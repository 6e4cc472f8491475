//! Templates: arrays of CK_ATTRIBUTE, read for creation and search, written by C_GetAttributeValue
//! (PKCS#11 3.1, 5.7.5).

use hsmsim_partition::api::AttributeResult;
use hsmsim_types::{
    Attribute, AttributeKind, AttributeValue, Error, Result, SecretBytes, Template,
    attribute::kind,
    ck::{
        CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BYTE, CK_RV, CK_ULONG, CK_UNAVAILABLE_INFORMATION,
        CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID,
        CKR_ATTRIBUTE_VALUE_INVALID, CKR_BUFFER_TOO_SMALL, CKR_HOST_MEMORY,
    },
    error::fail,
    names,
};

use super::slices::{bytes, owned};

/// The most attributes that are believed to be in one template, nested ones counted with it: an
/// array that contains itself must not be copied for ever.
pub(crate) const MAX_ATTRIBUTES: usize = 4096;

/// How deep templates may stand within templates: an unwrap template may hold a derive template,
/// and nobody has been seen to go further.
const MAX_DEPTH: usize = 4;

const ATTRIBUTE_LEN: usize = size_of::<CK_ATTRIBUTE>();
const ULONG_LEN: usize = size_of::<CK_ULONG>();

/// How many attributes stand at `ptr`.
fn checked_count(ptr: *const CK_ATTRIBUTE, count: CK_ULONG, rv: CK_RV) -> Result<usize> {
    match usize::try_from(count) {
        Ok(0) => Ok(0),
        Ok(count) if count <= MAX_ATTRIBUTES && !ptr.is_null() => Ok(count),
        Ok(count) if count <= MAX_ATTRIBUTES => {
            fail(rv, format!("template is NULL with {count} attributes"))
        }
        _ => fail(rv, format!("template of {count} attributes is out of all reason")),
    }
}

/// A template that is read.
pub(crate) struct TemplateIn {
    ptr: *const CK_ATTRIBUTE,
    count: CK_ULONG,
}

impl TemplateIn {
    /// # Safety
    /// `ptr` is NULL or points at `count` attributes whose values are NULL or hold as many bytes as
    /// they say (values of array attributes likewise); all of it stays readable and unchanged while
    /// this value lives.
    pub(crate) unsafe fn new(ptr: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Self {
        Self { ptr, count }
    }

    /// An owned copy, in the caller's order.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for a NULL or absurd array, CKR_ATTRIBUTE_VALUE_INVALID for a value that
    /// cannot be what the attribute is made of.
    pub(crate) fn read(&self) -> Result<Template> {
        let count = checked_count(self.ptr, self.count, CKR_ARGUMENTS_BAD)?;
        let mut reader = Reader { budget: MAX_ATTRIBUTES };
        // SAFETY: the promise given to `new` covers `count` attributes and their values.
        unsafe { reader.template(self.ptr, count, 0) }
    }
}

/// Reads templates within templates, up to a number of attributes in all.
struct Reader {
    budget: usize,
}

impl Reader {
    /// # Safety
    /// As [`TemplateIn::new`].
    unsafe fn template(
        &mut self,
        ptr: *const CK_ATTRIBUTE,
        count: usize,
        depth: usize,
    ) -> Result<Template> {
        self.budget = self.budget.checked_sub(count).ok_or_else(|| {
            Error::new(CKR_ATTRIBUTE_VALUE_INVALID, "templates within templates are too many")
        })?;
        // Collecting results would make room for four, and again for what is more.
        let mut list = Vec::with_capacity(count);
        for index in 0..count {
            // SAFETY: `index` is below the promised count, and the value is as promised.
            list.push(unsafe { self.attribute(&ptr.add(index).read_unaligned(), depth) }?);
        }
        Ok(Template(list))
    }

    /// # Safety
    /// The attribute's value is as promised to [`TemplateIn::new`].
    unsafe fn attribute(&mut self, raw: &CK_ATTRIBUTE, depth: usize) -> Result<Attribute> {
        let name = || names::or_hex(names::attribute, raw.type_);
        let invalid =
            |why: &str| Error::new(CKR_ATTRIBUTE_VALUE_INVALID, format!("{}: {why}", name()));
        // SAFETY: the value is NULL or holds `ulValueLen` bytes, by the promise.
        let value = unsafe {
            bytes(
                raw.pValue.cast::<CK_BYTE>(),
                raw.ulValueLen,
                CKR_ATTRIBUTE_VALUE_INVALID,
                "value",
            )
        }
        .map_err(|error| invalid(error.rule()))?;
        let value = match kind(raw.type_) {
            AttributeKind::Bool => match value {
                [0] => AttributeValue::Bool(false),
                [1] => AttributeValue::Bool(true),
                [_] => return Err(invalid("neither CK_TRUE nor CK_FALSE")),
                _ => return Err(invalid("CK_BBOOL is one byte")),
            },
            AttributeKind::Ulong => {
                let number = value.try_into().map_err(|_| invalid("CK_ULONG is eight bytes"))?;
                AttributeValue::Ulong(u64::from_ne_bytes(number))
            }
            AttributeKind::Date if !matches!(value.len(), 0 | 8) => {
                return Err(invalid("CK_DATE is eight bytes or none"));
            }
            AttributeKind::Date | AttributeKind::Bytes => {
                AttributeValue::Bytes(SecretBytes::new(owned(value)?))
            }
            AttributeKind::Mechanisms => {
                let (numbers, rest) = value.as_chunks::<ULONG_LEN>();
                if !rest.is_empty() || numbers.len() > MAX_ATTRIBUTES {
                    return Err(invalid("no array of CK_MECHANISM_TYPE"));
                }
                AttributeValue::Mechanisms(
                    numbers.iter().copied().map(u64::from_ne_bytes).collect(),
                )
            }
            AttributeKind::Template => {
                let count = value.len() / ATTRIBUTE_LEN;
                if value.len() % ATTRIBUTE_LEN != 0 || count > MAX_ATTRIBUTES {
                    return Err(invalid("no array of CK_ATTRIBUTE"));
                }
                if depth == MAX_DEPTH {
                    return Err(invalid("templates within templates go too deep"));
                }
                // SAFETY: the bytes are the caller's array of attributes, with values as promised.
                let nested = unsafe { self.template(raw.pValue.cast(), count, depth + 1) }
                    .map_err(|error| {
                        Error::new(error.rv(), format!("{}: {}", name(), error.rule()))
                    })?;
                AttributeValue::Template(Box::new(nested))
            }
        };
        Ok(Attribute { kind: raw.type_, value })
    }
}

/// The template of C_GetAttributeValue: asks by its types, is answered in place.
pub(crate) struct TemplateOut {
    ptr: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
}

impl TemplateOut {
    /// # Safety
    /// `ptr` is NULL or points at `count` attributes that stay readable and writable while this
    /// value lives, whose values are NULL or have room for as many bytes as they say (values of
    /// array attributes are themselves such templates); nobody else uses them meanwhile.
    pub(crate) unsafe fn new(ptr: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Self {
        Self { ptr, count }
    }

    /// Which attributes are asked for, in the caller's order.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for a NULL or absurd array.
    pub(crate) fn kinds(&self) -> Result<Vec<CK_ATTRIBUTE_TYPE>> {
        let count = checked_count(self.ptr, self.count, CKR_ARGUMENTS_BAD)?;
        // SAFETY: every index is below the promised count.
        Ok((0..count).map(|at| unsafe { self.ptr.add(at).read_unaligned() }.type_).collect())
    }

    /// Whether only lengths are asked for: every place for a value is NULL.
    pub(crate) fn asks_lengths(&self) -> bool {
        let count = checked_count(self.ptr, self.count, CKR_ARGUMENTS_BAD).unwrap_or(0);
        // SAFETY: every index is below the promised count.
        let value = |at| unsafe { self.ptr.add(at).read_unaligned() }.pValue;
        count > 0 && (0..count).all(|at| value(at).is_null())
    }

    /// Writes the answers, all that can be written, whatever becomes of the others.
    ///
    /// # Errors
    /// The first of CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL that
    /// applies; each attribute concerned then has the length CK_UNAVAILABLE_INFORMATION.
    pub(crate) fn write(&self, results: &[AttributeResult]) -> Result<()> {
        let count = checked_count(self.ptr, self.count, CKR_ARGUMENTS_BAD)?;
        let mut outcome = Ok(());
        for index in 0..count {
            let result = results.get(index).unwrap_or(&AttributeResult::Invalid);
            // SAFETY: below the promised count, with a value as promised.
            let written = unsafe { answer(self.ptr.add(index), result) };
            outcome = outcome.and(written);
        }
        outcome
    }
}

/// Writes one answer into one attribute.
///
/// # Safety
/// As [`TemplateOut::new`], for one attribute.
unsafe fn answer(place: *mut CK_ATTRIBUTE, result: &AttributeResult) -> Result<()> {
    // SAFETY: the attribute is readable by the promise.
    let mut raw = unsafe { place.read_unaligned() };
    let refused =
        |rv, why: &str| fail(rv, format!("{}: {why}", names::or_hex(names::attribute, raw.type_)));
    let (len, outcome) = match result {
        AttributeResult::Sensitive => {
            (CK_UNAVAILABLE_INFORMATION, refused(CKR_ATTRIBUTE_SENSITIVE, "not to be shown"))
        }
        AttributeResult::Invalid => {
            (CK_UNAVAILABLE_INFORMATION, refused(CKR_ATTRIBUTE_TYPE_INVALID, "no such attribute"))
        }
        AttributeResult::Value(value) => {
            let needed = len_of(value) as CK_ULONG;
            if raw.pValue.is_null() {
                (needed, Ok(()))
            } else if raw.ulValueLen < needed {
                (CK_UNAVAILABLE_INFORMATION, refused(CKR_BUFFER_TOO_SMALL, "the room is too small"))
            } else {
                // SAFETY: the value has room for `ulValueLen` bytes, which is enough.
                (needed, unsafe { write_value(raw.pValue.cast(), value) })
            }
        }
    };
    raw.ulValueLen = len;
    // SAFETY: the attribute is writable by the promise.
    unsafe { place.write_unaligned(raw) };
    outcome
}

/// Bytes that a value takes in the caller's memory.
fn len_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Bool(_) => 1,
        AttributeValue::Ulong(_) => ULONG_LEN,
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Template(template) => template.0.len() * ATTRIBUTE_LEN,
        AttributeValue::Mechanisms(numbers) => numbers.len() * ULONG_LEN,
    }
}

/// # Safety
/// `to` has room for [`len_of`] bytes; for a template it holds attributes as promised to
/// [`TemplateOut::new`].
unsafe fn write_value(to: *mut CK_BYTE, value: &AttributeValue) -> Result<()> {
    // SAFETY: the room is promised by the caller of this function.
    let copy = |bytes: &[u8]| unsafe { to.copy_from(bytes.as_ptr(), bytes.len()) };
    match value {
        AttributeValue::Bool(flag) => copy(&[u8::from(*flag)]),
        AttributeValue::Ulong(number) => copy(&number.to_ne_bytes()),
        AttributeValue::Bytes(bytes) => copy(bytes),
        AttributeValue::Mechanisms(numbers) => {
            let mut list = Vec::new();
            list.try_reserve_exact(numbers.len() * ULONG_LEN)
                .map_err(|_| Error::new(CKR_HOST_MEMORY, "no memory for a list of mechanisms"))?;
            numbers.iter().for_each(|number| list.extend_from_slice(&number.to_ne_bytes()));
            copy(&list);
        }
        AttributeValue::Template(template) => {
            let mut outcome = Ok(());
            for (index, attribute) in template.0.iter().enumerate() {
                // SAFETY: room for all attributes is promised, and what their values point at.
                let written = unsafe {
                    let place = to.cast::<CK_ATTRIBUTE>().add(index);
                    let mut raw = place.read_unaligned();
                    raw.type_ = attribute.kind;
                    place.write_unaligned(raw);
                    answer(place, &AttributeResult::Value(attribute.value.clone()))
                };
                outcome = outcome.and(written);
            }
            return outcome;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
