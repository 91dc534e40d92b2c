//! Programs that were not written for us, or by other toolchains.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{worker::Options, world::World};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("toolchains", 3).await?;
	let mut workers = Vec::new();
	for (i, operator) in market.operators.iter().enumerate() {
		let options = Options { capacity: 4, ..Options::default() };
		let worker =
			world.real_worker(&format!("toolchains-{i}"), operator, market.class, options).await?;
		workers.push(worker);
	}
	let keys: Vec<_> = workers.iter().map(|w| w.key()).collect();
	world.wait_online(&keys).await?;

	let c = compile(world, "clang", "hello.c", C_SOURCE, &[]).await?;
	let cpp = compile(world, "clang++", "sort.cpp", CPP_SOURCE, &["-std=c++17", "-fno-exceptions"])
		.await?;
	for (what, path) in [("C", c), ("C++", cpp)] {
		let program = std::fs::read(&path)?;
		let size = program.len();
		let mut spec = world.spec(market.class, &format!("toolchain-{what}.wasm"), program)?;
		spec.quorum = 3;
		let args = ["--verbose", "3"].map(|a| a.as_bytes().to_vec().try_into());
		let args =
			args.into_iter().collect::<Result<Vec<_>, _>>().ok().context("long arguments")?;
		spec.args = args.try_into().ok().context("too many arguments")?;
		let job = world.submit(&spec, &market.requester).await?;
		let outcome = world.wait_end(job, world.job_limit(60)).await?;
		world.check_settled(&spec, &outcome, 0)?;
		ensure!(outcome.payees.len() == 3, "not all agreed");
		world.step(format!("{what} program of {size} bytes, compiled by clang: settled"));
	}
	Ok(())
}

const C_SOURCE: &str = r#"
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
	if (argc != 3 || strcmp(argv[1], "--verbose")) return 2;
	FILE *f = fopen("/out/result.txt", "w");
	if (!f) return 3;
	for (int i = 0; i < 10; i++) fprintf(f, "%d squared is %d\n", i, i * i);
	return fclose(f) ? 4 : 0;
}
"#;

const CPP_SOURCE: &str = r#"
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>
int main(int argc, char **argv) {
	std::vector<int> numbers;
	for (int i = 0; i < 1000; i++) numbers.push_back(i * 7919 % 1009);
	std::sort(numbers.begin(), numbers.end());
	std::map<std::string, int> counts;
	for (int n : numbers) counts[std::to_string(n % 10)]++;
	for (auto &[digit, count] : counts) std::printf("%s: %d\n", digit.c_str(), count);
	return argc == 3 && std::is_sorted(numbers.begin(), numbers.end()) ? 0 : 1;
}
"#;

async fn compile(
	world: &World,
	compiler: &str,
	name: &str,
	source: &str,
	extra: &[&str],
) -> Result<PathBuf> {
	let input = world.dir.join(name);
	let output = input.with_extension("wasm");
	std::fs::write(&input, source)?;
	let mut args = vec!["--target=wasm32-wasi".to_owned(), "--sysroot=/usr".into(), "-O2".into()];
	args.extend(extra.iter().map(|a| (*a).to_owned()));
	args.extend([input.display().to_string(), "-o".into(), output.display().to_string()]);
	let limit = std::time::Duration::from_secs(60);
	let path = find_in_path(compiler)
		.with_context(|| format!("{compiler} is not installed; scripts/setup.sh installs it"))?;
	crate::process::run(&path, &args, limit).await?.ok(compiler)?;
	Ok(output)
}

fn find_in_path(name: &str) -> Option<PathBuf> {
	std::env::split_paths(&std::env::var_os("PATH")?)
		.map(|dir: PathBuf| dir.join(name))
		.find(|path: &PathBuf| Path::new(path).is_file())
}
