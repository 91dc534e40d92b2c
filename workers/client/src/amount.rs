//! Amounts of IO Coin: exact, in decimal digits, never through floating point.

use io_primitives::Balance;

/// Decimals of IO Coin.
pub const DECIMALS: u32 = 12;
/// The smallest units of one IO.
pub const UNIT: Balance = 10u128.pow(DECIMALS);

/// Why a text is not an amount.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AmountError {
	/// Not a decimal number.
	#[error("{0:?} is not an amount of IO; write it like 12 or 1.5")]
	NotANumber(String),
	/// Finer than the smallest unit.
	#[error("{0:?} has more than 12 decimals; the smallest amount is 0.000000000001 IO")]
	TooFine(String),
	/// More than can be counted.
	#[error("{0:?} is more IO than there can be")]
	TooLarge(String),
}

/// Reads an amount of IO, such as `1.5`; the result is in the smallest unit.
pub fn parse(text: &str) -> Result<Balance, AmountError> {
	let trimmed = text.trim();
	let number = trimmed.strip_suffix("IO").map_or(trimmed, str::trim_end);
	let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
	let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
	let bare = whole.is_empty() && fraction.is_empty();
	if bare || !digits(whole) || !digits(fraction) || number.ends_with('.') {
		return Err(AmountError::NotANumber(text.to_owned()));
	}
	let fraction = fraction.trim_end_matches('0');
	if fraction.len() > DECIMALS as usize {
		return Err(AmountError::TooFine(text.to_owned()));
	}
	let too_large = || AmountError::TooLarge(text.to_owned());
	let value = |part: &str| match part {
		"" => Ok(0),
		part => part.parse::<Balance>().map_err(|_| too_large()),
	};
	let scale = 10u128.pow(DECIMALS - fraction.len() as u32);
	value(whole)?
		.checked_mul(UNIT)
		.and_then(|whole| whole.checked_add(value(fraction).ok()? * scale))
		.ok_or_else(too_large)
}

/// An amount in IO without superfluous zeros: `1.5`.
pub fn format(amount: Balance) -> String {
	let (whole, fraction) = (amount / UNIT, amount % UNIT);
	if fraction == 0 {
		return whole.to_string();
	}
	let fraction = format!("{fraction:012}");
	format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// An amount with its symbol: `1.5 IO`.
pub fn display(amount: Balance) -> String {
	format!("{} IO", format(amount))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_be_exact_when_amount_has_decimals() {
		for (text, amount) in [
			("0", 0),
			("1", UNIT),
			("1.5", UNIT * 3 / 2),
			("1.500000000000000", UNIT * 3 / 2),
			("0.000000000001", 1),
			(".25", UNIT / 4),
			("007", 7 * UNIT),
			(" 2 IO ", 2 * UNIT),
			("0.1", UNIT / 10),
			("340282366920938463463374607.431768211455", u128::MAX),
		] {
			assert_eq!(parse(text), Ok(amount), "{text}");
		}
	}

	#[test]
	fn should_refuse_text_when_it_is_no_decimal_number() {
		for text in ["", ".", "1.", "-1", "+1", "1e3", "1,5", "0x10", "1.5.2", "IO", "٣", "1 000"]
		{
			assert!(matches!(parse(text), Err(AmountError::NotANumber(_))), "{text}");
		}
	}

	#[test]
	fn should_refuse_amount_when_it_is_finer_than_the_smallest_unit() {
		assert!(matches!(parse("0.0000000000001"), Err(AmountError::TooFine(_))));
	}

	#[test]
	fn should_refuse_amount_when_it_overflows() {
		for text in [
			"340282366920938463463374607.431768211456",
			"340282366920938463463374608",
			"99999999999999999999999999999999999999999999",
		] {
			assert!(matches!(parse(text), Err(AmountError::TooLarge(_))), "{text}");
		}
	}

	#[test]
	fn should_read_back_what_it_writes() {
		for amount in [0, 1, 10, UNIT - 1, UNIT, UNIT + 1, 123 * UNIT / 100, u128::MAX] {
			assert_eq!(parse(&format(amount)), Ok(amount));
		}
		assert_eq!(display(UNIT * 5 / 4), "1.25 IO");
	}
}
