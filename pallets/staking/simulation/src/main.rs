//! See the README.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use io_staking_simulation::{
	parameters as p, plots,
	stats::Estimate,
	strategies::{Row, Rules, Strategy},
	supply::{self, Point},
};
use serde_json::{json, Value};
use sp_runtime::Perbill;

/// What honest work and each way of cheating earn, and how the supply moves, by pallet-io-staking itself
#[derive(Parser)]
#[command(version)]
struct Arguments {
	/// Runs of each strategy, with different seeds
	#[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(2..=10_000))]
	seeds: u64,
	/// Eras of a run, of four hours each, after ten in which the market settles
	#[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
	eras: u32,
	/// Years of the supply's curve
	#[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
	years: u32,
	/// Only strategies whose name contains this
	#[arg(long)]
	strategy: Option<String>,
	/// Certified operations that a burnt unit of fees counts as in the election; that of a new chain if it is left out
	#[arg(long)]
	work_per_burnt: Option<u128>,
	/// Per cent of a slash that the operator pays alone; those of a new chain if it is left out
	#[arg(long, value_parser = clap::value_parser!(u32).range(0..=100))]
	first_loss: Option<u32>,
	/// Folder for the plots and for `simulation.json`
	#[arg(long, default_value = "simulation")]
	out: PathBuf,
}

fn main() -> ExitCode {
	match run(Arguments::parse()) {
		Ok(true) => ExitCode::SUCCESS,
		Ok(false) => {
			eprintln!("a strategy that must not pay is not below honest work");
			ExitCode::FAILURE
		},
		Err(message) => {
			eprintln!("error: {message}");
			ExitCode::from(2)
		},
	}
}

/// Whether everything that must not pay does not pay.
fn run(arguments: Arguments) -> Result<bool, String> {
	let wanted = arguments.strategy.unwrap_or_default();
	let strategies: Vec<_> =
		Strategy::ALL.into_iter().filter(|strategy| strategy.name().contains(&wanted)).collect();
	if strategies.is_empty() {
		let names: Vec<_> = Strategy::ALL.iter().map(Strategy::name).collect();
		return Err(format!("no strategy is called `{wanted}`; there are: {}", names.join("; ")));
	}
	let out = &arguments.out;
	fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;

	println!(
		"{:34} {:>20} {:>20} {:>22}   IO an era of 4 h, {} seeds, {} eras",
		"strategy", "profit", "honest work", "difference", arguments.seeds, arguments.eras
	);
	let mut rules = Rules::default();
	if let Some(work) = arguments.work_per_burnt {
		rules.election.work_per_burnt = work;
	}
	if let Some(percent) = arguments.first_loss {
		rules.first_loss = Perbill::from_percent(percent);
	}
	let mut rows = Vec::new();
	for strategy in strategies {
		let row = Row::of(strategy, rules, arguments.seeds, arguments.eras);
		let verdict = match (strategy.is_deterred(), row.is_below()) {
			(true, true) => "",
			(true, false) => "PAYS",
			(false, _) => "(see README)",
		};
		println!(
			"{:34} {:>20} {:>20} {:>22}   {verdict}",
			strategy.name(),
			cell(row.profit),
			cell(row.honest),
			cell(row.gain),
		);
		rows.push(row);
	}
	plots::strategies(&out.join("strategies.svg"), &rows)?;

	let points = supply::run(arguments.years, 1);
	println!(
		"\n{:>6} {:>12} {:>8} {:>10} {:>8} {:>16}",
		"year", "supply, M IO", "staked", "inflation", "yield", "work, k IO a year"
	);
	for point in points.iter().filter(|point| point.year.fract() == 0.0) {
		println!(
			"{:>6} {:>12.2} {:>7.1}% {:>9.2}% {:>7.2}% {:>16.1}",
			point.year,
			point.supply,
			100.0 * point.staked,
			100.0 * point.inflation,
			100.0 * point.stake_yield,
			point.work,
		);
	}
	plots::supply(&out.join("supply.svg"), &points)?;
	plots::yields(&out.join("yields.svg"), &points)?;

	let json = json!({
		"seeds": arguments.seeds,
		"eras": arguments.eras,
		"era_hours": p::ERA_MILLIS / 3_600_000,
		"strategies": rows.iter().map(row_json).collect::<Vec<_>>(),
		"supply": points.iter().map(point_json).collect::<Vec<_>>(),
	});
	let file = out.join("simulation.json");
	let text = serde_json::to_string_pretty(&json).map_err(|error| error.to_string())?;
	fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
	println!("\nplots and numbers: {}", out.display());
	Ok(rows.iter().all(|row| !row.strategy.is_deterred() || row.is_below()))
}

fn cell(estimate: Estimate) -> String {
	format!("{:.2} ± {:.2}", estimate.mean, estimate.error)
}

fn estimate_json(estimate: Estimate) -> Value {
	json!({ "mean": estimate.mean, "error_95": estimate.error })
}

fn row_json(row: &Row) -> Value {
	json!({
		"strategy": row.strategy.name(),
		"profit": estimate_json(row.profit),
		"honest": estimate_json(row.honest),
		"difference": estimate_json(row.gain),
		"below_honest": row.is_below(),
	})
}

fn point_json(point: &Point) -> Value {
	json!({
		"year": point.year,
		"supply_millions": point.supply,
		"staked": point.staked,
		"inflation": point.inflation,
		"stake_yield": point.stake_yield,
		"work_thousands_per_operator": point.work,
	})
}
