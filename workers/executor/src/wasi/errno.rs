//! Error numbers of WASI preview 1.

/// Why a call did not work, as programs see it. Only those that can happen here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
#[rustfmt::skip]
pub(crate) enum Errno {
	BadF = 8,
	Exist = 20,
	Fault = 21,
	FBig = 22,
	IlSeq = 25,
	Inval = 28,
	Io = 29,
	IsDir = 31,
	Loop = 32,
	MFile = 33,
	NameTooLong = 37,
	NoEnt = 44,
	NoSpc = 51,
	NotDir = 54,
	NotEmpty = 55,
	NotSock = 57,
	NotSup = 58,
	Overflow = 61,
	Perm = 63,
	Rofs = 69,
	SPipe = 70,
	XDev = 75,
	NotCapable = 76,
}
