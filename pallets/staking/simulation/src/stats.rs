//! Means and how sure they are.

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
const STUDENT: [f64; 30] = [
	12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
	2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
	2.052, 2.048, 2.045, 2.042,
];

/// A mean with its 95 % confidence interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Estimate {
	/// The mean.
	pub mean: f64,
	/// Half of the interval's width.
	pub error: f64,
}

impl Estimate {
	/// Of independent samples; the error of fewer than two is infinite.
	pub fn of(samples: &[f64]) -> Self {
		let count = samples.len() as f64;
		let mean = samples.iter().sum::<f64>() / count;
		if samples.len() < 2 {
			return Self { mean, error: f64::INFINITY };
		}
		let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
		let quantile = STUDENT.get(samples.len() - 2).copied().unwrap_or(1.96);
		Self { mean, error: quantile * (squares / (count - 1.0) / count).sqrt() }
	}

	/// Upper end of the interval.
	pub fn upper(&self) -> f64 {
		self.mean + self.error
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_give_mean_and_interval() {
		let estimate = Estimate::of(&[1.0, 2.0, 3.0]);
		assert_eq!(estimate.mean, 2.0);
		assert!((estimate.error - 4.303 / 3f64.sqrt()).abs() < 1e-9);
		assert!(Estimate::of(&[1.0]).error.is_infinite());
	}
}
