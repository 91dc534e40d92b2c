//! What work outside of the program's own instructions costs, in fuel.
//!
//! Fuel is part of the result, so these numbers are the same on every machine: changing one is a change of protocol.
//! Instructions cost what wasmtime charges: one each, and nothing for `nop`, `drop`, `block` and `loop`.

/// Loading a program, per byte of its module.
pub const PROGRAM_BYTE: u64 = 20;
/// Compiling a program, per byte of code; a function of `n` bytes counts as `n + n * n / 32768`. It costs the same if this
/// machine has compiled the program before.
pub const CODE_BYTE: u64 = 1_000;
/// Every whole block of 1,024 bytes (or table elements) that `memory.fill`, `memory.copy`, `memory.init`, `table.fill`,
/// `table.copy`, `table.init` or `table.grow` works on, besides what the instruction itself and a call cost.
pub const BULK_BLOCK: u64 = 256;
/// Every call of a WASI function.
pub const HOST_CALL: u64 = 2_000;
/// Every buffer that is read into or written from, and every further 64 KiB of it: an access to the disk.
pub const ACCESS: u64 = 3_000;
/// Every byte read from or written to a file, and every byte of a name or an argument.
pub const BYTE: u64 = 1;
/// Every byte that a file grows by, besides what is paid for writing it: the packing of the output.
pub const GROWN_BYTE: u64 = 1;
/// Every random byte.
pub const RANDOM_BYTE: u64 = 2;
/// Every component of a path that is looked up, and every step of a search through directories.
pub const PATH_STEP: u64 = 200;
/// Every directory entry that is listed.
pub const DIR_ENTRY: u64 = 100;
/// Every file, directory or link that is created.
pub const CREATE: u64 = 5_000;
/// Every started block of 64 KiB of a file that is given back when the file shrinks or goes away.
pub const FREE_BLOCK: u64 = 100;
