//! Plots as SVG files.

use std::path::Path;

use plotters::{coord::Shift, prelude::*};

use crate::{strategies::Row, supply::Point};

type Result<T> = std::result::Result<T, String>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (900, 460);
const FONT: &str = "sans-serif";

fn plain<E: std::fmt::Display>(error: E) -> String {
	error.to_string()
}

fn area(path: &Path) -> Result<Area<'_>> {
	let area = SVGBackend::new(path, SIZE).into_drawing_area();
	area.fill(&WHITE).map_err(plain)?;
	Ok(area)
}

/// Curves over years.
fn curves(
	path: &Path,
	title: &str,
	unit: &str,
	points: &[Point],
	lines: &[(&str, RGBColor, fn(&Point) -> f64)],
) -> Result<()> {
	let area = area(path)?;
	let values = || lines.iter().flat_map(|(.., get)| points.iter().map(get));
	let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
	// From zero, unless all happens far above it.
	let bottom = if least > most / 2.0 { least - (most - least) * 0.2 } else { 0.0 };
	let last = points.last().map_or(1.0, |point| point.year);
	let mut chart = ChartBuilder::on(&area)
		.caption(title, (FONT, 20))
		.margin(14)
		.x_label_area_size(42)
		.y_label_area_size(64)
		.build_cartesian_2d(0.0..last, bottom..most * 1.05)
		.map_err(plain)?;
	chart
		.configure_mesh()
		.x_desc("years")
		.y_desc(unit)
		.label_style((FONT, 14))
		.light_line_style(WHITE)
		.draw()
		.map_err(plain)?;
	for (name, color, get) in lines {
		let color = *color;
		chart
			.draw_series(LineSeries::new(
				points.iter().map(|point| (point.year, get(point))),
				color.stroke_width(2),
			))
			.map_err(plain)?
			.label(*name)
			.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
	}
	chart
		.configure_series_labels()
		.position(SeriesLabelPosition::MiddleRight)
		.border_style(BLACK.mix(0.4))
		.background_style(WHITE)
		.label_font((FONT, 14))
		.draw()
		.map_err(plain)?;
	area.present().map_err(plain)
}

/// Supply over years.
pub fn supply(path: &Path, points: &[Point]) -> Result<()> {
	curves(path, "Supply", "millions of IO", points, &[("supply", BLUE, |point| point.supply)])
}

/// Staked share, inflation and yield over years.
pub fn yields(path: &Path, points: &[Point]) -> Result<()> {
	curves(
		path,
		"Staked share, inflation, yield",
		"per cent",
		points,
		&[
			("staked part of the supply", BLUE, |point| 100.0 * point.staked),
			("inflation of a year", RED, |point| 100.0 * point.inflation),
			("yield of stake in a year, before commission", GREEN, |point| {
				100.0 * point.stake_yield
			}),
		],
	)
}

/// What each strategy earns less or more than honest work.
pub fn strategies(path: &Path, rows: &[Row]) -> Result<()> {
	let area = area(path)?;
	// Losses go from cents to thousands: the cube root shows them all, and keeps the sign.
	let scaled = f64::cbrt;
	let ends = |row: &Row| [row.gain.mean - row.gain.error, row.gain.mean + row.gain.error];
	let least = rows.iter().flat_map(ends).fold(0.0, f64::min);
	let most = rows.iter().flat_map(ends).fold(1.0, f64::max);
	let mut chart = ChartBuilder::on(&area)
		.caption("Profit beside honest work with the same means", (FONT, 20))
		.margin(14)
		.x_label_area_size(42)
		.y_label_area_size(250)
		.build_cartesian_2d(scaled(least) * 1.05..scaled(most) * 1.2, 0.0..rows.len() as f64)
		.map_err(plain)?;
	chart
		.configure_mesh()
		.disable_y_mesh()
		.disable_y_axis()
		.light_line_style(WHITE)
		.y_labels(0)
		.x_desc("IO an era, with 95 % confidence intervals (scale of cube roots)")
		.x_label_formatter(&|root| {
			let value = root.powi(3);
			format!("{value:.*}", usize::from(value.abs() < 10.0 && value != 0.0))
		})
		.label_style((FONT, 14))
		.draw()
		.map_err(plain)?;
	for (index, row) in rows.iter().enumerate() {
		let y = (rows.len() - index) as f64 - 0.5;
		let color = match (row.strategy.is_deterred(), row.is_below()) {
			(true, true) => BLUE,
			(true, false) => RED,
			(false, _) => BLACK,
		};
		let [low, high] = ends(row);
		chart
			.draw_series([Rectangle::new(
				[(0.0, y - 0.3), (scaled(row.gain.mean), y + 0.3)],
				color.mix(0.6).filled(),
			)])
			.map_err(plain)?;
		let whisker = [(scaled(low), y), (scaled(high), y)];
		chart.draw_series([PathElement::new(whisker, BLACK.stroke_width(2))]).map_err(plain)?;
		let (_, height) = chart.plotting_area().get_pixel_range();
		let place = height.start
			+ ((index as f64 + 0.5) / rows.len() as f64 * f64::from(height.end - height.start))
				as i32;
		area.draw(&Text::new(row.strategy.name(), (18, place - 7), (FONT, 14))).map_err(plain)?;
	}
	area.present().map_err(plain)
}
