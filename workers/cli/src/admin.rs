//! `io admin`: what the chain's admin decides, through `Sudo` on networks that have it.

use clap::{Args, Subcommand, ValueEnum};
use codec::{Compact, Encode};
use io_primitives::{Accelerator, ClassId, ClassInfo, Engine};
use serde_json::json;

use crate::{
	App,
	error::{Error, Result},
	keys::KeyArgs,
	output,
};

#[derive(Subcommand, Debug)]
pub(crate) enum AdminCommand {
	/// Add, change or remove a hardware class
	SetClass(ClassArgs),
	/// Give a pending slash back to its operator
	CancelSlash {
		/// The slash's number: see `io operator slashes`
		id: u64,
		#[command(flatten)]
		key: KeyArgs,
		/// Do not ask
		#[arg(long, short)]
		yes: bool,
	},
}

#[derive(Args, Debug)]
pub(crate) struct ClassArgs {
	/// The class
	class: ClassId,
	/// Memory that each job can count on, in MiB
	#[arg(long, value_name = "MIB", required_unless_present = "remove")]
	min_memory: Option<u32>,
	/// GPU memory, in MiB
	#[arg(long, value_name = "MIB", default_value_t = 0)]
	min_vram: u32,
	/// What executes programs
	#[arg(long, value_enum, default_value_t = EngineArg::Wasm)]
	engine: EngineArg,
	/// What accelerates
	#[arg(long, value_enum, default_value_t = AcceleratorArg::None)]
	accelerator: AcceleratorArg,
	/// Take the class away
	#[arg(long, conflicts_with_all = ["min_memory", "min_vram", "engine", "accelerator"])]
	remove: bool,
	/// Do not ask
	#[arg(long, short)]
	yes: bool,
	#[command(flatten)]
	key: KeyArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum EngineArg {
	Wasm,
	Kernel,
	Oci,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum AcceleratorArg {
	None,
	Cuda,
}

pub(crate) async fn run(command: AdminCommand, app: &App) -> Result<()> {
	match command {
		AdminCommand::SetClass(args) => {
			let info = args.min_memory.filter(|_| !args.remove).map(|min_memory| ClassInfo {
				engine: match args.engine {
					EngineArg::Wasm => Engine::Wasm,
					EngineArg::Kernel => Engine::Kernel,
					EngineArg::Oci => Engine::Oci,
				},
				min_memory,
				min_vram: args.min_vram,
				accelerator: match args.accelerator {
					AcceleratorArg::None => Accelerator::None,
					AcceleratorArg::Cuda => Accelerator::Cuda,
				},
			});
			let what = if info.is_some() { "set" } else { "remove" };
			let question = format!("{what} class {} for the whole network?", args.class);
			let call = ("IoJobs", "set_class", (args.class, info).encode());
			sudo(call, &question, args.yes, &args.key, app).await
		},
		AdminCommand::CancelSlash { id, key, yes } => {
			let call = ("IoStaking", "cancel_slash", Compact(id).encode());
			sudo(call, &format!("cancel slash {id}?"), yes, &key, app).await
		},
	}
}

/// Encoded arguments are their own encoding.
pub(crate) struct Raw(pub(crate) Vec<u8>);

impl Encode for Raw {
	fn encode_to<T: codec::Output + ?Sized>(&self, output: &mut T) {
		output.write(&self.0);
	}
}

async fn sudo(
	(pallet, name, arguments): (&str, &str, Vec<u8>),
	question: &str,
	yes: bool,
	key: &KeyArgs,
	app: &App,
) -> Result<()> {
	let (client, signer) = key.connect(app).await?;
	let runtime = client.runtime().await?;
	if !runtime.has_pallet("Sudo") {
		return Err(Error::Chain(format!(
			"this chain has no Sudo; {pallet}.{name} has to go through its governance"
		)));
	}
	let call = runtime.call(pallet, name, Raw(arguments))?;
	let call = runtime.call("Sudo", "sudo", Raw(call))?;
	app.output.confirm(question, yes)?;
	let included = client.submit(&call, &signer).await?.in_block().await?;
	let json = json!({
		"call": format!("{pallet}.{name}"),
		"block": included.block.number,
		"extrinsic": output::hash(&included.hash),
	});
	app.output.result(&json, || format!("done in block {}", included.block.number))
}
