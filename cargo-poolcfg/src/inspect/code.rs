//! The code of a module: whether it handles objects of a collected heap.

use std::collections::HashSet;
use std::io::{Read, Seek};

use wasmparser::{Catch, FunctionBody, Operator};

use super::stream::{Stream, Unreadable, damaged};

/// The bytes of a function that engines take at most. Source: `MAX_WASM_FUNCTION_SIZE` of wasmparser, and
/// https://webassembly.github.io/spec/js-api/#limits.
const FUNCTION: u64 = 7_654_321;

/// The tables of a module and the globals that it imports whose values are collected, by their index. Globals of its own
/// need a heap anyway.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    pub(super) tables: HashSet<u32>,
    pub(super) globals: HashSet<u32>,
}

/// Whether a function does what Wasmtime compiles with access to a heap. What only passes references on, tests or casts
/// them does without. Reads the section of code up to `end`, or passes over the rest once such a function is found.
///
/// Source: who calls `gc_compiler`, and the builtins that set `needs_gc_heap`, in crates/cranelift/src/func_environ.rs
/// and crates/cranelift/src/func_environ/gc (v36, v48).
pub(super) fn needs_heap<F: Read + Seek>(
    stream: &mut Stream<F>,
    end: u64,
    collected: &Collected,
) -> Result<bool, Unreadable> {
    let count = stream.number(end)?;
    for _ in 0..count {
        let at = stream.at();
        let size = u64::from(stream.number(end)?);
        if size > FUNCTION {
            return Err(Unreadable::Impossible(format!(
                "a function of {size} bytes, which is more than any engine takes"
            )));
        }
        let body_end = stream.at() + size;
        if body_end > end {
            let text = "a function goes beyond the end of the code".to_owned();
            return Err(Unreadable::Damaged(text, at));
        }
        let body = stream.function(body_end)?;
        let operators = FunctionBody::new(body.reader())
            .get_operators_reader()
            .map_err(|error| damaged(&error))?;
        let mut reach = Reach::default();
        for operator in operators {
            let operator = operator.map_err(|error| damaged(&error))?;
            if reach.is_compiled(&operator) && collected.are_handled(&operator) {
                stream.skip(end - stream.at(), end)?;
                return Ok(true);
            }
        }
    }
    match stream.at() < end {
        true => Err(Unreadable::Damaged(
            "code goes on behind the last function".to_owned(),
            stream.at(),
        )),
        false => Ok(false),
    }
}

/// Which operators of a function are compiled. What follows a `return` or a branch is not, up to the end of its block.
/// Wasmtime goes further, and leaves out what follows a block that nothing leaves: that counts as compiled here.
///
/// Source: `translate_unreachable_operator` in crates/cranelift/src/translate/code_translator.rs (v36, v48).
#[derive(Debug, Default)]
struct Reach {
    /// Behind such an operator, how many blocks begin there and have not ended.
    dead: Option<u32>,
}

impl Reach {
    /// Whether the next operator is.
    fn is_compiled(&mut self, operator: &Operator<'_>) -> bool {
        let begins = matches!(
            operator,
            Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. }
                | Operator::Try { .. }
        );
        let Some(blocks) = &mut self.dead else {
            let leaves = matches!(
                operator,
                Operator::Unreachable
                    | Operator::Return
                    | Operator::Br { .. }
                    | Operator::BrTable { .. }
                    | Operator::ReturnCall { .. }
                    | Operator::ReturnCallIndirect { .. }
                    | Operator::ReturnCallRef { .. }
            );
            self.dead = leaves.then_some(0);
            return true;
        };
        let ends = matches!(operator, Operator::End | Operator::Delegate { .. });
        let parts = matches!(
            operator,
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll
        );
        match *blocks {
            0 if ends || parts => self.dead = None,
            _ if ends => *blocks -= 1,
            _ if begins => *blocks += 1,
            _ => {}
        }
        false
    }
}

impl Collected {
    /// Whether an operator handles an object, or a place of these.
    fn are_handled(&self, operator: &Operator<'_>) -> bool {
        let is_catch = |catch: &Catch| matches!(catch, Catch::One { .. } | Catch::OneRef { .. });
        match operator {
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                self.globals.contains(global_index)
            }
            Operator::TableGet { table }
            | Operator::TableSet { table }
            | Operator::TableGrow { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. }
            | Operator::TableCopy {
                dst_table: table, ..
            } => self.tables.contains(table),
            // What is caught, and was thrown with values, is an object.
            Operator::TryTable { try_table } => try_table.catches.iter().any(is_catch),
            Operator::Throw { .. } | Operator::ResumeThrow { .. } => true,
            _ => is_of_object(operator),
        }
    }
}

/// Whether an operator makes, reads or writes a struct or an array.
const fn is_of_object(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::StructNew { .. }
            | Operator::StructNewDefault { .. }
            | Operator::StructGet { .. }
            | Operator::StructGetS { .. }
            | Operator::StructGetU { .. }
            | Operator::StructSet { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewFixed { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. }
            | Operator::ArrayGet { .. }
            | Operator::ArrayGetS { .. }
            | Operator::ArrayGetU { .. }
            | Operator::ArraySet { .. }
            | Operator::ArrayLen
            | Operator::ArrayFill { .. }
            | Operator::ArrayCopy { .. }
            | Operator::ArrayInitData { .. }
            | Operator::ArrayInitElem { .. }
    )
}
