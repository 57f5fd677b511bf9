//! The macros that make a struct of the keys of a table.

/// Makes a struct of keys of a table with one row for each: its name and the type of its value.
macro_rules! table {
    (
        $(#[$doc:meta])* $name:ident $(<$life:lifetime>)? {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)+
        }
        $(tables { $($(#[$table_doc:meta])* $table:ident: $keys:ty,)+ })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* pub $field: crate::setting::key::Key<$type>,)+
            $($($(#[$table_doc])* pub $table: $keys,)+)?
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// Nothing said.
            pub const EMPTY: Self = Self {
                $($field: None,)+
                $($($table: <$keys>::EMPTY,)+)?
            };

            /// The keys in the order of the documentation, and the tables below them.
            pub const NAMES: &'static [&'static str] =
                &[$(stringify!($field),)+ $($(stringify!($table),)+)?];

            /// The keys in the order of the documentation, and what each takes.
            #[cfg(feature = "file")]
            pub(crate) const KINDS: &'static [(&'static str, crate::setting::kind::ValueKind)] =
                &[$((stringify!($field), <$type as crate::setting::key::Described>::KIND),)+];

            /// Reads one key by its name; `false` if there is none of this name.
            #[cfg(feature = "file")]
            pub(crate) fn read<R>(&mut self, name: &str, reader: &mut R) -> bool
            where
                $(R: crate::setting::key::Read<$type>,)+
            {
                match name {
                    $(stringify!($field) => {
                        self.$field = crate::setting::key::Read::<$type>::read(reader);
                    })+
                    _ => return false,
                }
                true
            }
        }
    };
}

/// Makes such a struct whose keys may be said in several layers. A later layer wins.
macro_rules! keys {
    (
        $(#[$doc:meta])* $name:ident $(<$life:lifetime>)? {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)+
        }
        $(tables { $($(#[$table_doc:meta])* $table:ident: $keys:ty,)+ })?
    ) => {
        crate::setting::table::table! {
            $(#[$doc])* $name $(<$life>)? { $($(#[$field_doc])* $field: $type,)+ }
            $(tables { $($(#[$table_doc])* $table: $keys,)+ })?
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// Where the first of these keys is said, in the order of the documentation; `None` if none is.
            #[must_use]
            pub const fn first(&self) -> Option<crate::setting::key::FilePlace> {
                $(if let Some(setting) = &self.$field {
                    return Some(setting.place);
                })+
                $($(if let Some(place) = self.$table.first() {
                    return Some(place);
                })+)?
                None
            }

            /// Writes each key that is said, in the order of the documentation.
            #[cfg(feature = "file")]
            pub(crate) fn write<W>(&self, writer: &mut W)
            where
                $(W: crate::setting::key::Write<$type>,)+
            {
                $(if let Some(setting) = &self.$field {
                    writer.write(stringify!($field), setting);
                })+
            }

            /// These keys, and over them those that a later layer says.
            #[must_use]
            pub const fn then(self, later: Self) -> Self {
                Self {
                    $($field: match later.$field {
                        Some(setting) => Some(setting),
                        None => self.$field,
                    },)+
                    $($($table: self.$table.then(later.$table),)+)?
                }
            }
        }
    };
}
pub(crate) use {keys, table};
