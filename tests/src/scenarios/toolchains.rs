//! Programs that were not written for us, or by other toolchains.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{
	worker::Options,
	world::{World, arguments},
};

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
	let interpreter = compile(world, "clang", "interpreter.c", INTERPRETER, &[]).await?;
	let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workers/examples");
	let path_tracer = find(&examples, ".wasm", "pathtracer")
		.context("workers/examples has no pathtracer.wasm")?;
	let scene = find(&examples, ".scene", "").context("workers/examples has no scene")?;

	let cases: [(&str, PathBuf, &[&str], Option<Vec<u8>>); 4] = [
		("a C program that writes a file", c, &["--verbose", "3"], None),
		("a C++ program with the standard library", cpp, &["--verbose", "3"], None),
		("an interpreter that runs the script in its input", interpreter, &[], Some(SCRIPT.into())),
		("our path tracer", path_tracer, &["48", "36", "4"], Some(std::fs::read(&scene)?)),
	];
	for (i, (what, path, args, input)) in cases.into_iter().enumerate() {
		let program = std::fs::read(&path)?;
		let size = program.len();
		let mut spec = world.spec(market.class, &format!("toolchain-{i}.wasm"), program)?;
		(spec.quorum, spec.max_units, spec.max_memory) = (3, 50, 256);
		spec.args = arguments(args)?;
		if let Some(input) = input {
			world.with_input(&mut spec, &format!("toolchain-{i}.input"), input)?;
		}
		let job = world.submit(&spec, &market.requester).await?;
		let outcome = world.wait_end(job, world.job_limit(60)).await?;
		world.check_settled(&spec, &outcome, 0)?;
		ensure!(outcome.payees.len() == 3, "not all agreed");
		world.step(format!("{what} ({size} bytes) is settled with one digest from all three"));
	}
	Ok(())
}

/// A file with this ending whose name contains `part`, at any depth.
fn find(dir: &Path, ending: &str, part: &str) -> Option<PathBuf> {
	let mut entries: Vec<_> = std::fs::read_dir(dir).ok()?.flatten().map(|e| e.path()).collect();
	entries.sort();
	entries.into_iter().find_map(|path| {
		if path.is_dir() {
			return find(&path, ending, part);
		}
		let name = path.file_name()?.to_str()?;
		(name.ends_with(ending) && name.contains(part)).then_some(path)
	})
}

/// A reverse Polish calculator with loops; it fails unless the script's last value is 5050.
const INTERPRETER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static long stack[64], variables[26];
static int depth;
static char words[256][16];
int main(void) {
	int count = 0;
	while (count < 256 && scanf("%15s", words[count]) == 1) count++;
	for (int at = 0; at < count; at++) {
		char *word = words[at];
		if (word[0] >= '0' && word[0] <= '9') stack[depth++] = atol(word);
		else if (!strcmp(word, "+")) depth--, stack[depth - 1] += stack[depth];
		else if (!strcmp(word, "-")) depth--, stack[depth - 1] -= stack[depth];
		else if (word[0] == '!') variables[word[1] - 'a'] = stack[--depth];
		else if (word[0] == '@') stack[depth++] = variables[word[1] - 'a'];
		else if (!strcmp(word, "again?")) { if (stack[--depth]) for (at--; strcmp(words[at], "loop"); at--); }
		else if (!strcmp(word, "print")) printf("%ld\n", stack[--depth]);
		else if (strcmp(word, "loop")) return 2;
	}
	return variables['s' - 'a'] == 5050 ? 0 : 1;
}
"#;

const SCRIPT: &str = "100 !i 0 !s loop @s @i + !s @i 1 - !i @i again? @s print\n";

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
