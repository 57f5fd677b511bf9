//! The program that embeds Wasmtime, built with the features that a test asks for.
