//! One table for each object of the wire. From it come the type, its reader and its list of fields.

/// What a table says of its object.
pub trait WireObject {
    /// The object's name in the specification.
    const NAME: &'static str;
    /// The keys of its fields, without `ext`, which every object has.
    const FIELDS: &'static [&'static str];

    /// Appends the object as JSON with all that was kept of it: fields, then unknown members and `ext` as they were
    /// sent. A changed copy of [`ext`](crate::User::ext) is not written where the sent one was kept.
    fn write_json(&self, out: &mut Vec<u8>);

    /// Appends the object as JSON with its fields only, and the members of `ext` that have a table.
    fn write_fields(&self, out: &mut Vec<u8>);
}

/// A hash of a key, so that a known key is found by a few integer comparisons and one of strings.
pub(crate) const fn key_hash(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let (head, tail) = if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64)
    } else {
        match bytes {
            [a, b, c] => (*a as u64, (*b as u64) << 8 | *c as u64),
            [a, b] => (*a as u64, *b as u64),
            [a] => (*a as u64, 0),
            _ => (0, 0),
        }
    };
    (head ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ tail.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
}

/// The key of a field: its own name unless the wire's name is no Rust identifier.
macro_rules! wire_key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $key:literal) => {
        $key
    };
}

/// `ext` of an object: one with a table of its own is read as a field is, unless it is no object (nobody has promised
/// one); any other is stepped over. Its bytes are kept anyway.
macro_rules! read_ext {
    ($reader:ident, $object:ident, $ext:ident) => {
        match $reader.peek_object() {
            Some(_) => $reader.member(&mut $object.ext, "ext")?,
            None => $reader.skip(),
        }
    };
    ($reader:ident, $object:ident,) => {
        $reader.skip()
    };
}

macro_rules! write_ext {
    ($object:ident, $self:ident, $whole:ident, $ext:ident) => {
        crate::write::write_field(&mut $object, "ext", &$self.ext, $whole)
    };
    ($object:ident, $self:ident, $whole:ident,) => {};
}

/// Declares a wire object, how it is read and how it is written. Up to 63 fields beside `ext`; a field's type is anything that is `Member`.
///
/// `wire_object! { 'a; Name = "NameOfTheSpecification" [limit imps] [ext NameExt] { field: Type, renamed = "type": Type } }`
macro_rules! wire_object {
    ($life:lifetime; $(#[$meta:meta])* $name:ident $(= $wire:literal)? $([limit $limit:ident])? $([ext $ext:ident])? {
        $($(#[$field_meta:meta])* $field:ident $(= $key:literal)? : $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $name<$life> {
            $($(#[$field_meta])* pub $field: $type,)*
            $(
                /// The members of `ext` that have a meaning here.
                pub ext: Option<&$life $ext<$life>>,
            )?
            /// Unknown members, and `ext` as it was sent: where the whole body is kept only.
            pub rest: Option<&$life crate::rest::Rest<$life>>,
        }

        impl crate::table::WireObject for $name<'_> {
            const NAME: &'static str = crate::table::wire_key!($name $(, $wire)?);
            const FIELDS: &'static [&'static str] = &[$(crate::table::wire_key!($field $(, $key)?)),*];

            fn write_json(&self, out: &mut Vec<u8>) {
                crate::write::WriteValue::write_value(self, out, true);
            }

            fn write_fields(&self, out: &mut Vec<u8>) {
                crate::write::WriteValue::write_value(self, out, false);
            }
        }

        impl crate::write::WriteValue for $name<'_> {
            fn write_value(&self, out: &mut Vec<u8>, whole: bool) {
                let mut object = crate::encode::ObjectWriter::new(out);
                $(crate::write::write_field(
                    &mut object,
                    crate::table::wire_key!($field $(, $key)?),
                    &self.$field,
                    whole,
                );)*
                if !(whole && crate::write::write_rest(&mut object, self.rest)) {
                    crate::table::write_ext!(object, self, whole, $($ext)?);
                }
                object.finish();
            }
        }

        impl<$life> crate::read::Object<$life> for $name<$life> {}

        impl<$life> crate::read::Element<$life> for $name<$life> {
            const IS_OBJECT: bool = true;

            fn read_element<const KEEP: bool>(
                &mut self,
                reader: &mut crate::read::Reader<'_, $life, KEEP>,
            ) -> Result<(), crate::fault::Fault> {
                #[allow(non_camel_case_types, reason = "named as the fields are")]
                enum Field { $($field,)* ext }
                struct Hash;
                #[allow(non_upper_case_globals, reason = "named as the fields are")]
                impl Hash {
                    $(const $field: u64 = crate::table::key_hash(crate::table::wire_key!($field $(, $key)?));)*
                    const ext: u64 = crate::table::key_hash("ext");
                }
                let mut seen = 0u64;
                let mut rest = crate::read::RestSoFar::default();
                let members = reader.object()?;
                for _ in 0..members {
                    let key = reader.key()?;
                    match crate::table::key_hash(key) {
                        $(Hash::$field if key == crate::table::wire_key!($field $(, $key)?) => {
                            let name = crate::table::wire_key!($field $(, $key)?);
                            reader.once(&mut seen, Field::$field as u32, name)?;
                            reader.member(&mut self.$field, name)?;
                        })*
                        Hash::ext if key == "ext" => {
                            reader.once(&mut seen, Field::ext as u32, "ext")?;
                            reader.keep_ext(&mut rest);
                            crate::table::read_ext!(reader, self, $($ext)?);
                        }
                        _ => reader.unknown(members, &mut rest),
                    }
                }
                self.rest = reader.rest(rest);
                Ok(())
            }

            $(fn list_limit(limits: &crate::decode::Limits) -> usize { limits.$limit })?
        }
    };
}

pub(crate) use {read_ext, wire_key, wire_object, write_ext};
