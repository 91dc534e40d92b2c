//! Whole programs: what compilers make, and the job programs that come with this project.

use std::{fs, path::PathBuf};

use crate::support::*;

#[test]
fn should_run_when_the_program_is_cpp() {
	let done = Bench::new().args(&["9"]).input(b"a\nb\n").run(&compiled("modern.cc"));
	assert_eq!(done.exit_code, 9);
	assert_eq!(done.text("stdout"), "7 2 49294 a;b;\n");
	assert_eq!(done.text("out/counts.txt").lines().count(), 100);
}

fn example(name: &str) -> Vec<u8> {
	fs::read(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).join(name)).unwrap()
}

#[test]
fn should_render_a_picture_when_the_path_tracer_runs() {
	let bench =
		Bench::new().args(&["32", "24", "4"]).input(&example("pathtracer/scenes/spheres.scene"));
	let done = bench.run(&example("pathtracer.wasm"));
	assert_eq!(done.exit_code, 0, "{}", done.text("stderr"));
	let image = done.file("out/image.png").unwrap();
	assert_eq!(image[..8], *b"\x89PNG\r\n\x1a\n");
	assert_eq!(done.text("stdout"), "32 x 24 pixels, 4 samples each, 16 objects\n");
}

#[test]
fn should_say_what_is_wrong_when_the_scene_is_not_understood() {
	let bench = Bench::new().args(&["8", "8", "1"]).input(b"diffuse a 1 1 1\nsphere b 0 0 0 1\n");
	let done = bench.run(&example("pathtracer.wasm"));
	assert_eq!(done.exit_code, 2);
	assert_eq!(done.text("stderr"), "pathtracer: line 2 of the scene: no such material\n");
}

#[test]
fn should_sum_up_when_penguins_are_grouped() {
	let bench =
		Bench::new().args(&["Species", "Body Mass (g)"]).input(&example("groupby/penguins.csv"));
	let done = bench.run(&example("groupby.wasm"));
	assert_eq!(done.exit_code, 0, "{}", done.text("stderr"));
	assert_eq!(
		done.text("out/result.csv"),
		"key,count,sum,mean,min,max\n\
		Adelie Penguin (Pygoscelis adeliae),151,558800,3700.6623,2850,4775\n\
		Chinstrap penguin (Pygoscelis antarctica),68,253850,3733.0882,2700,4800\n\
		Gentoo penguin (Pygoscelis papua),123,624350,5076.0163,3950,6300\n"
	);
	assert_eq!(done.text("stdout"), "344 rows, 3 groups, 2 rows without a number\n");
}

#[test]
fn should_keep_quotes_and_decimals_when_a_csv_file_has_them() {
	let csv = b"name,\"the \"\"value\"\"\"\r\n\"a, b\",0.1\r\n\"a, b\",0.2\r\n\"say \"\"hi\"\"\",-1.005\r\nnone,x\r\n\"two\nlines\",1e5\n";
	let bench = Bench::new().args(&["1", "the \"value\""]).input(csv);
	let done = bench.run(&example("groupby.wasm"));
	assert_eq!(done.exit_code, 0, "{}", done.text("stderr"));
	assert_eq!(
		done.text("out/result.csv"),
		"key,count,sum,mean,min,max\n\
		\"a, b\",2,0.300,0.1500000,0.100,0.200\n\
		\"say \"\"hi\"\"\",1,-1.005,-1.0050000,-1.005,-1.005\n"
	);
}

#[test]
fn should_read_digits_when_the_model_and_images_are_given() {
	let mut input = tar::Builder::new(vec![]);
	for name in ["images.csv", "model.int8"] {
		let data = example(&format!("digits/input/{name}"));
		let mut header = tar::Header::new_gnu();
		header.set_size(data.len() as u64);
		input.append_data(&mut header, name, &data[..]).unwrap();
	}
	let done = Bench::new().input(&input.into_inner().unwrap()).run(&example("digits.wasm"));
	assert_eq!(done.exit_code, 0, "{}", done.text("stderr"));
	assert!(done.text("stdout").starts_with("360 images, 350 of 360 right: 97.22 %\n"));
	assert_eq!(done.text("out/predictions.csv").lines().count(), 361);
}
