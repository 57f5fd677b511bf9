//! What stands alone: sizes, texts and codes, and what const code lacks.

pub(crate) mod bisection;
pub(crate) mod code;
pub(crate) mod consts;
pub(crate) mod escape;
pub(crate) mod raise;
pub(crate) mod size;
pub(crate) mod size_read;
pub(crate) mod size_shown;
pub(crate) mod text;
pub(crate) mod variable;
