(module
  ;; 2 MiB, and a table as large as it is by default.
  (memory (export "memory") 32)
  (table $table 20000 funcref)
  (elem declare func $write)
  (func $write (export "write")
    (memory.fill (i32.const 0) (i32.const 0x5a) (i32.const 0x200000))
    (table.fill $table (i32.const 0) (ref.func $write) (i32.const 20000)))
  ;; How many elements are not null.
  (func (export "elements") (result i32) (local $at i32) (local $count i32)
    (loop $next
      (local.set $count
        (i32.add
          (local.get $count)
          (i32.eqz (ref.is_null (table.get $table (local.get $at))))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 20000))))
    (local.get $count)))
