//! What every limit type returns of the promise that it carries, written once.

/// Gives a type with a field `promise` the constructor for generated code, the questions that need no process,
/// and a short Debug text.
macro_rules! accessors {
    ($type:ident) => {
        impl $type {
            /// The limits of a promise; for generated code.
            #[doc(hidden)]
            #[must_use]
            pub const fn new(promise: poolcfg_core::Promise<'static>) -> Self {
                Self { promise }
            }

            /// The pool's name; empty if the file names none.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                self.promise.name
            }

            /// What is asked.
            #[must_use]
            pub const fn asked(&self) -> poolcfg_core::Limits {
                self.promise.asked
            }

            /// What the build guarantees of it.
            #[must_use]
            pub const fn guaranteed(&self) -> poolcfg_core::Limits {
                self.promise.guaranteed
            }

            /// The fewest instances that are of use.
            #[must_use]
            pub const fn min_instances(&self) -> u32 {
                self.promise.min_instances
            }

            /// Which number stays when the pool shrinks.
            #[must_use]
            pub const fn keep(&self) -> poolcfg_core::Keep {
                self.promise.keep
            }

            /// The page size that the guarantee was computed for.
            #[must_use]
            pub const fn page_size(&self) -> poolcfg_core::Size {
                self.promise.page_size
            }

            /// The VA profile that the guarantee was computed for.
            #[must_use]
            pub const fn va_profile(&self) -> &'static str {
                self.promise.va_profile
            }

            /// The process shape that the guarantee was computed for.
            #[must_use]
            pub const fn shape(&self) -> poolcfg_core::Shape {
                self.promise.shape
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type))
                    .field("pool", &self.name())
                    .field("asked", &self.asked().max_instances)
                    .field("guaranteed", &self.guaranteed().max_instances)
                    .field("min_instances", &self.min_instances())
                    .field("memory_reservation", &self.asked().memory_reservation)
                    .field("va_profile", &self.va_profile())
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use accessors;
