//! Messages of the mesh.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::mesh_wire(bytes));
