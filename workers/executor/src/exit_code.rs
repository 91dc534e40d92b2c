//! Exit codes of a result.
//!
//! A program's own exit codes are 0 and above. The negative ones below are reserved for ends that the program did not
//! choose; they are results like any other, the same on every machine.

/// The program trapped: an `unreachable` instruction (which `abort` and failed assertions compile to), an access
/// outside of its memory, a division by zero, a stack overflow and the like.
pub const TRAP: i32 = -1;
/// The program used up its fuel. Its units are the job's `max_units`.
pub const OUT_OF_FUEL: i32 = -2;
/// The program's initial memory or tables are larger than the job allows. (A program that asks for more later is told
/// that there is no more memory, and goes on.)
pub const MEMORY_LIMIT: i32 = -3;
/// What the program wrote does not fit into the job's `max_output`.
pub const OUTPUT_LIMIT: i32 = -4;
/// The program is not a valid WASI preview 1 command, or uses a feature of WebAssembly that jobs may not use.
pub const INVALID_MODULE: i32 = -5;

/// A built-in kernel's input does not have the roots or commitments that the job names, so that the chain could not judge any
/// product. Nothing was computed, and nothing is paid for it: nobody but the one worker has seen it, which could say so of
/// every input. A requester that names wrong roots gets no product and has its money back; it can harm nobody else.
pub const INPUT_MISMATCH: i32 = -6;

/// What a program that exits with a code above `i32::MAX` (a negative number for it) is recorded with: reserved codes
/// cannot be forged, and a failure stays a failure.
pub const CLAMPED: i32 = 255;

/// The exit code that is recorded for `proc_exit(code)`.
pub fn of_program(code: u32) -> i32 {
	i32::try_from(code).unwrap_or(CLAMPED)
}

/// What a reserved exit code means, for people. `None` for a program's own codes.
pub fn describe(code: i32) -> Option<&'static str> {
	match code {
		TRAP => Some("the program trapped (abort, bad memory access, stack overflow ...)"),
		OUT_OF_FUEL => Some("the program used up max_units; raise it or make the job smaller"),
		MEMORY_LIMIT => Some("the program needs more memory to start than max_memory; raise it"),
		OUTPUT_LIMIT => Some("the program wrote more than max_output; raise it"),
		INVALID_MODULE => Some("the program is not a WASI preview 1 command that workers can run"),
		INPUT_MISMATCH => Some("the input is not the one that the job's roots or commitments name"),
		_ => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_clamp_exit_codes_when_they_look_reserved() {
		assert_eq!(of_program(0), 0);
		assert_eq!(of_program(3), 3);
		assert_eq!(of_program(i32::MAX as u32), i32::MAX);
		let reserved =
			[TRAP, OUT_OF_FUEL, MEMORY_LIMIT, OUTPUT_LIMIT, INVALID_MODULE, INPUT_MISMATCH];
		for code in reserved {
			assert_eq!(of_program(code as u32), CLAMPED);
			assert!(describe(code).is_some());
		}
		assert_eq!(of_program(i32::MIN as u32), CLAMPED);
	}
}
