/** An error by its code, as `mayfly explain` and docs/reference/errors.md describe it. */
export interface ErrorEntry {
  /** What was found, in sentences. */
  readonly cause: string;
  readonly remedy: string;
  /** The user's input causes it: the command exits with 2 instead of 1. */
  readonly isInput?: true;
  /** The page below docs/ that says more. */
  readonly see?: string;
}

/** Errors that arise in one place, by code. */
export interface ErrorGroup {
  readonly heading: string;
  readonly errors: Readonly<Record<string, ErrorEntry>>;
}

const REPORT = 'Report it: this is a fault of Mayfly.';

const arguments_ = {
  ERR_INVALID_ARGUMENT: {
    cause: 'An option or argument has the wrong type or range. The message names it.',
    remedy: 'Correct it.',
    isInput: true,
  },
  ERR_FILE_NOT_FOUND: {
    cause: 'Nothing is at the path, or the folder has no file of the kind.',
    remedy: 'Check the path.',
    isInput: true,
  },
  ERR_FILE: {
    cause:
      'The file system refused to read or write: a permission, no space, a folder, pipe or device in place of a file, or a file too large to be read whole.',
    remedy: 'Correct what the message names.',
    isInput: true,
  },
  ERR_FILE_EXISTS: {
    cause: 'An export would replace a file or folder, or a folder that holds other files.',
    remedy: 'Give `--overwrite`, or another `--out`.',
    isInput: true,
  },
  ERR_CONFIG: {
    cause:
      "A model's shape makes no sense (heads no multiple of kvHeads, an odd headDim), or is beyond all bounds; a Hugging Face config asks for what this decoder lacks (another architecture, longrope, quantization); or an `adapter_config.json` for what adapters here lack (another method, DoRA, biases, several ranks, `modules_to_save`). The message names the key.",
    remedy: 'Correct the shape, or take a model of a family that is supported.',
    isInput: true,
    see: 'topics/models',
  },
  ERR_CHECKPOINT: {
    cause:
      'A checkpoint, llama2.c or safetensors file is cut, damaged, of another kind or version; a folder holds no whole one; a tensor is missing, of another shape or unknown to the model; or adapters belong to another model.',
    remedy:
      'Take an earlier checkpoint, or copy the file again. Name a whole model by `--model`, and the adapters of that model by `--adapter`.',
    isInput: true,
    see: 'topics/runs#checkpoints',
  },
  ERR_CHECKPOINT_MISMATCH: {
    cause: 'A checkpoint has no section of the size that was asked for.',
    remedy: 'Read it into a model of its own shape.',
    isInput: true,
  },
  ERR_MODEL_VALUES: {
    cause:
      'Values of a model or checkpoint are infinite or NaN, or weights of layers are beyond 65,504, the largest number of fp16. The message names the tensor.',
    remedy: 'Take an earlier checkpoint, or a model whose weights fit fp16.',
    isInput: true,
  },
  ERR_LAYER: {
    cause:
      'A definition of `defineLayer` does not fit together; its gradients are not those of its forward pass; or a run with layers of your own is read without their definitions, or with others. The message names the layer.',
    remedy: "Correct the definition, or give `createTrainer` the run's `layers`.",
    isInput: true,
    see: 'topics/layers',
  },
  ERR_BUDGET: {
    cause:
      "A worker's budget cannot hold its share of the kernels: `--workers` is too few for static weights or LoRA, which have programs for every layer. The message has the number that it takes.",
    remedy:
      'Leave `--workers` out, give more of them, or raise the budget. `mayfly doctor` prints the limits of this machine.',
    isInput: true,
    see: 'internals/lifecycle#budgets',
  },
  ERR_MEMORY: {
    cause:
      'The run needs more memory than the machine, or the cgroup of the process, has. The message has both amounts.',
    remedy:
      'Try `--recompute`, a smaller `--batch` or `--seq`, `--optimizer muon`, or `--freeze`. `mayfly train … --memory` prints the need without a run.',
    isInput: true,
    see: 'topics/training#memory',
  },
  ERR_ARENA_FULL: {
    cause:
      'The arena has no room left, or the system has no memory for it. The message has the amount that is missing.',
    remedy: 'Raise `arenaBytes`, free tensors, or free memory of the system.',
    isInput: true,
  },
  ERR_BLAS: {
    cause:
      '`--precision blas` found no library (Accelerate, OpenBLAS, or the one that `MAYFLY_BLAS` names), the first product of the library is wrong, or a run is resumed with another library.',
    remedy:
      'Install OpenBLAS, name a library by `MAYFLY_BLAS`, or take `--precision exact`; to resume with it, add `--allow-changed-precision`.',
    isInput: true,
    see: 'reference/command-line#precision',
  },
  ERR_DEVICE_UNAVAILABLE: {
    cause: 'This machine or build does not have the device.',
    remedy: 'Take `auto`, or a device that the message names.',
    isInput: true,
  },
} as const satisfies Record<string, ErrorEntry>;

const data = {
  ERR_DATA_FORMAT: {
    cause:
      'A file is neither text (UTF-8), nor whole tokens, nor Parquet; a row is no JSON object with text, messages, or prompt and completion; or masks leave nothing to learn. The message names the file and the row.',
    remedy:
      'Correct the row, name its field by `--data-column` or the format by `--data-format`. `--tokenizer bytes` reads any file as bytes.',
    isInput: true,
    see: 'topics/data',
  },
  ERR_DATA_SHORT: {
    cause: 'A stream is shorter than one window and its last target.',
    remedy: 'Lower `--seq`, or give more data.',
    isInput: true,
  },
  ERR_TOKENIZER: {
    cause:
      "A tokenizer is missing, damaged, of another kind, larger than the model's vocabulary, or has a step that is unknown, does not end or makes texts many times as long.",
    remedy: "Take the model's own tokenizer.",
    isInput: true,
    see: 'topics/models#tokenizers',
  },
  ERR_TOKEN_RANGE: {
    cause: "A token id is not below the model's vocabulary. The message has the first one and its position.",
    remedy: 'Take the tokenizer that belongs to the model.',
    isInput: true,
  },
  ERR_VOCABULARY: {
    cause:
      'A run with `--compact-vocabulary` trains with a part of the token ids, and the data, the prompt or a text has another one. The message names the first.',
    remedy: 'Take the data of the run, or begin a run with `--model` that run: its model has all ids.',
    isInput: true,
    see: 'topics/training#compact-vocabulary',
  },
  ERR_CHAT_TEMPLATE: {
    cause:
      "A tokenizer has no chat template, or one that cannot be read or that refuses the messages. The message has the template's own words.",
    remedy: 'Take a tokenizer with `chat_template.jinja`, or write the messages as the template expects them.',
    isInput: true,
    see: 'topics/data#rows',
  },
} as const satisfies Record<string, ErrorEntry>;

const runs = {
  ERR_RUN_EXISTS: {
    cause: 'A new run would start in a folder that holds a run.',
    remedy: 'Give `--resume` to continue it, `--overwrite` to remove it, or another `--out`.',
    isInput: true,
    see: 'topics/runs#one-run-one-folder',
  },
  ERR_RUN_LOCKED: {
    cause: "Another trainer works in the run's folder. The message names its process.",
    remedy: 'Wait for it to end. If it ran on another host and has ended, remove the lock file that the message names.',
    isInput: true,
  },
  ERR_WATCH_PORT: {
    cause: '`mayfly watch` cannot listen on its port. The message has the reason.',
    remedy: 'Give another `--port`, or none for a free one.',
    see: 'guides/watch#in-a-browser',
  },
  ERR_RUN_FILE: {
    cause: "The folder's `run.yaml` is damaged, or of another version.",
    remedy: 'Put it back, or remove it: then the latest checkpoint counts.',
    isInput: true,
  },
  ERR_CHANGED_INPUT: {
    cause:
      'A run is resumed with another model, data, validation data or tokenizer, by their contents; or the model that a LoRA run adapts has changed or is gone. The message names each.',
    remedy:
      'Give the right one by `--model`, `--data` or `--tokenizer`, or accept the change by `--allow-changed-data`. For a LoRA run, put the files of the model back.',
    isInput: true,
  },
  ERR_DISK_SPACE: {
    cause: 'The file system has no room for the checkpoints and the log of the run. The message has both amounts.',
    remedy: 'Free space, lower `--keep`, or take another `--out`.',
    isInput: true,
  },
  ERR_DIVERGED: {
    cause:
      '`--max-skips` steps in a row could not be used, the parameters are not finite, or the run ended without a finite loss or an update. The message has the step and the layer that overflowed.',
    remedy: 'Continue from the checkpoint that the message names, with a lower learning rate or loss scale.',
    see: 'topics/training#divergence',
  },
  ERR_NOT_FINITE: {
    cause:
      "A model's loss or logits are not finite: the activations of a layer, which the message names, exceed fp16's 65,504. Or a checkpoint was not written because its values are not finite.",
    remedy: 'Take another model: this one cannot run in fp16.',
  },
  ERR_SHAPE: {
    cause: 'A pass was given more tokens than it holds.',
    remedy: 'Give at most as many tokens as the decoder was made for.',
  },
  ERR_CLOSED: {
    cause: 'A stream was read, or a step of a trainer went on, after it was closed.',
    remedy: 'Close it after the last read, or when the step has ended.',
  },
} as const satisfies Record<string, ErrorEntry>;

const programs = {
  ERR_MIL_SYNTAX: { cause: 'The text is not MIL.', remedy: 'Correct the line that the error names.', isInput: true },
  ERR_MIL_TYPE: {
    cause: 'Types, shapes or arguments do not fit, or a name is unknown or taken.',
    remedy: 'Correct the line that the error names.',
    isInput: true,
  },
  ERR_MIL_UNSUPPORTED: {
    cause: 'The device does not have the operation, the dialect, or this form of it.',
    remedy: 'Write the program with other operations. The Neural Engine alone takes it with `unchecked: true`.',
    isInput: true,
    see: 'pool/mil#what-devices-take',
  },
  ERR_WEIGHT_BLOB: {
    cause:
      "A weight file's header, record or data is not what the program names, and the tensor's type and shape alone do not tell how to read it.",
    remedy: 'Write the file with `fillWeightFile`. `mayfly lint --weights DIR` checks it.',
    isInput: true,
    see: 'pool/mil#programs-of-other-generators',
  },
  ERR_CHIP_RULES: {
    cause:
      'The chip would refuse a program of this run, or compute wrong data from it without an error. The message names chip, rule and program.',
    remedy: 'Take the other weight strategy or another shape, or switch the rules off as the message says.',
    isInput: true,
    see: 'reference/lint',
  },
  ERR_NO_VARIANT: {
    cause:
      'The device runs no variant of a half of a layer, or no form of an operation. The message has the reason for each.',
    remedy:
      'Force one by `--variant`; `mayfly doctor --choose` shows what was found. Please open an issue with the message.',
    isInput: true,
    see: 'topics/variants',
  },
  ERR_VARIANT_REFUSED: {
    cause:
      'The device of a rank refused a program in training that it had run before. One process goes on with another variant; several ranks have to change together, since the numbers of variants differ. The message has the half of a layer, and the variant in its place.',
    remedy:
      'Resume the run from its last checkpoint: the refusal is kept on the machine, and all ranks take the other variant. `--restarts` does so by itself.',
    see: 'topics/variants',
  },
  ERR_CHIP_UNKNOWN: {
    cause: 'No chip has this name.',
    remedy: 'Take a name that the message lists, or a profile of your own.',
    isInput: true,
    see: 'reference/lint',
  },
  ERR_CHIP_PROFILE: {
    cause: "A chip's profile makes no sense. The message names the figure.",
    remedy: 'Correct the file.',
    isInput: true,
    see: 'internals/simulator#a-chips-profile',
  },
} as const satisfies Record<string, ErrorEntry>;

const pool = {
  ERR_EVALUATE: {
    cause: 'The device failed to evaluate a kernel, on several workers. The message is the one of the device.',
    remedy: 'Check the program by `mayfly lint`, and the device by `mayfly doctor`.',
  },
  ERR_INPUT_DATA: {
    cause:
      'The inputs of an evaluation hold a value that the program cannot take, such as an index of `gather` beyond its axis. No other worker would do better, so nothing was repeated.',
    remedy: 'Correct the data.',
    isInput: true,
  },
  ERR_DISPATCH: {
    cause:
      'A worker refused a run: an output overlaps another tensor of the run, the worker does not know the program, or an offset lies outside the arena.',
    remedy: 'Give each output a tensor of its own. The other two are faults of Mayfly: report them.',
  },
  ERR_PROGRAM_REFUSED: {
    cause:
      'The device refused a program in the same way on two workers, before it ever worked: its compilation, or every evaluation. No worker is blamed, and the program is not tried again before `pool.recycle()`.',
    remedy:
      'Look at its `cause`, and `mayfly lint` the program. If no program works at all, the device may be stuck: restart its service, `sudo killall aned`.',
  },
  ERR_KERNEL_QUARANTINED: {
    cause: 'A kernel failed on several workers. Other kernels go on.',
    remedy: 'Look at its `cause`. To try again, compile the program again.',
    see: 'internals/lifecycle#faults',
  },
  ERR_KERNEL_DISPOSED: { cause: 'A kernel was called after `dispose`.', remedy: 'Dispose of it after its last call.' },
  ERR_WORKER_EXIT: {
    cause: 'The same work ended several workers. The error has kernel, exit code, signal and the last words on stderr.',
    remedy: 'Look at the last words.',
  },
  ERR_WORKER_LOST: {
    cause: 'Within the pool: a worker ended before it answered, and the work is repeated.',
    remedy: 'None: callers never see it.',
  },
  ERR_POOL_FAILED: {
    cause: 'Workers died in a row, or none could be started. The message has the end of the last one.',
    remedy: 'Correct what ended it, and create another pool. `mayfly doctor` tests the devices.',
  },
  ERR_POOL_CLOSED: {
    cause:
      'A call came after `close`, or was cut short by `destroy`, or by `close` at its deadline (`timeouts.closeMs`).',
    remedy: 'Await the calls before `close`.',
  },
  ERR_QUEUE_FULL: {
    cause: 'More calls at once than `maxQueue`.',
    remedy: 'Wait for the event `drain`: `pool.needsDrain` is true until then.',
  },
  ERR_DEVICE_LIMIT: {
    cause:
      'The device refused a compilation before the budget was reached, and the pool has lowered the budget. `limit` is `compilations` or `livePrograms`, or null where the device does not tell.',
    remedy: 'Lower `budget.compilations` or `budget.livePrograms`, or measure them: `mayfly doctor --probe-limits`.',
    see: 'internals/lifecycle#budgets',
  },
  ERR_DEVICE_STUCK: {
    cause: 'The device fails several programs that it ran before, on fresh workers, too.',
    remedy: 'Do as the message says: restart the service of the engine, or the machine.',
  },
  ERR_PROBE: {
    cause: 'Within `mayfly doctor --probe-limits`: the device behaves so that going on might harm it.',
    remedy: 'None: callers never see it.',
  },
} as const satisfies Record<string, ErrorEntry>;

const engine = {
  ERR_ANE_COMPILE: {
    cause: "The engine's compiler refused the program. The message is its own, with its likely meaning.",
    remedy: '`mayfly lint` the program.',
    see: 'internals/ane#failures',
  },
  ERR_ANE_LOAD: {
    cause: 'The engine did not load the compiled program. The message is its own, with its likely meaning.',
    remedy: '`mayfly lint` the program; load fewer programs a worker (`budget.livePrograms`).',
    see: 'internals/ane#failures',
  },
  ERR_ANE_EVALUATE: {
    cause: 'The engine failed to evaluate the program. The message is its own, with its likely meaning.',
    remedy: 'The pool tries other workers first. If it stays, `mayfly lint` the program.',
    see: 'internals/ane#failures',
  },
  ERR_ANE_UNLOAD: {
    cause: 'The engine did not unload a program. The worker retires.',
    remedy: 'None: another worker takes over.',
    see: 'internals/ane#failures',
  },
  ERR_ANE_REFUSED: {
    cause:
      'The engine does not load the program, and would not in another process: it has several weight files on macOS 27, or is too large.',
    remedy: 'Take one weight file, or a smaller program.',
    see: 'internals/ane#failures',
  },
  ERR_ANE_CLASS: {
    cause: 'The private framework of this macOS has no class of the name in the message.',
    remedy: 'Report it with `mayfly doctor --report`: Mayfly does not know this release of macOS.',
  },
  ERR_ANE_SELECTOR: {
    cause: 'An object of the private framework does not answer a method, or takes other arguments.',
    remedy: 'Report it with `mayfly doctor --report`: Mayfly does not know this release of macOS.',
  },
  ERR_ANE_NIL: {
    cause: 'The private framework gave no object where one was expected.',
    remedy: 'Report it with `mayfly doctor --report`.',
  },
  ERR_ANE_EXCEPTION: {
    cause: 'The private framework threw an exception. The message has its words.',
    remedy: 'Report it with `mayfly doctor --report`.',
  },
  ERR_ANE_PATH: {
    cause: 'API `client` or direct evaluation did not give the known result of a canary.',
    remedy:
      'Leave `MAYFLY_ANE_API` and `MAYFLY_ANE_EVALUATE` out; if a measurement chose `client`, set `MAYFLY_ANE_API=in-memory`.',
    see: 'internals/ane#optional-paths',
  },
  ERR_ANE_PORTS: {
    cause: 'A program with several inputs or outputs did not give the known result of a canary.',
    remedy: 'Write programs with one input and one output.',
    see: 'internals/ane#ports',
  },
  ERR_ANE_SURFACE: {
    cause: 'The system gave no IOSurface, or did not lock one.',
    remedy: 'Free memory, or load fewer programs a worker.',
  },
  ERR_ANE_PROBE: {
    cause: 'The process that compiles canaries did not answer.',
    remedy: 'Run `mayfly doctor`; restart the service of the engine, `sudo killall aned`.',
  },
  ERR_ANE_STAGING: {
    cause: 'Programs could not be written to the folder in which they are compiled.',
    remedy: 'Give space and permissions there.',
    see: 'internals/ane#staged-directories',
  },
} as const satisfies Record<string, ErrorEntry>;

const ranks = {
  ERR_COLLECTIVE: {
    cause:
      "Processes that a launcher started cannot work together: the launcher's library cannot be loaded or is another one, the ranks called different operations, a rank closed the group or gave up, a deadline passed, or MPI reported an error. The message says which.",
    remedy:
      'Look at the first message of any rank. Start all ranks again, from the last checkpoint; the group cannot be used any more.',
    see: 'internals/collective',
  },
  ERR_MPI: {
    cause: 'No `mpirun` of Open MPI or MPICH is on the path, or none of the kind that `--mpi` names.',
    remedy:
      'Install one, on every host: `brew install open-mpi` on a Mac, `apt-get install openmpi-bin` on Debian and Ubuntu.',
    isInput: true,
    see: 'guides/several-macs',
  },
  ERR_RANK: {
    cause:
      'A rank of `mayfly launch` ended with an error, or a signal killed it, and `mpirun` ended the others; or `mpirun` failed before any rank ran, for example because a host cannot be reached. The message has the rank, or the last lines of `mpirun`.',
    remedy:
      'Look at the lines of the rank above the message. Resume with the command that it has, or let `--restarts` do so.',
    see: 'guides/several-macs',
  },
  ERR_RANKS_DIFFER: {
    isInput: true,
    cause:
      'The processes of one training were started with options that differ, or read data, a model or a tokenizer that differ. The message names what, and the rank.',
    remedy: 'Start all ranks with the same options, and copy the same files to every machine.',
    see: 'topics/training',
  },
} as const satisfies Record<string, ErrorEntry>;

const addon = {
  ERR_ADDON_LOAD: {
    cause:
      'No addon for this machine was found, or it does not load. The message has the files and packages that were tried.',
    remedy:
      'Run the command in the message, which compiles it. If optional dependencies were left out, install without `--omit=optional`.',
  },
  ERR_BUNDLED: {
    cause: "A bundler took Mayfly's packages into its output, away from their addon.",
    remedy:
      'Leave them out: `--external:@mayfly/*` (esbuild), `external: [/^@mayfly\\//]` (tsup, Rollup, Vite). Install them beside the bundle.',
  },
  ERR_RUNTIME: {
    cause:
      'The runtime is Bun or Deno, which lack functions of libuv that the addon calls, or Electron, whose V8 has no ArrayBuffer over shared memory.',
    remedy: 'Run the program with Node 20 or later; from Electron, in a process of Node that it starts.',
    see: 'start/install',
  },
  ERR_ARENA_CREATE: {
    cause: 'The system gave no shared mapping.',
    remedy: 'Raise the limits of memory and address space, or lower `arenaBytes`.',
  },
  ERR_ARENA_BOUNDS: {
    cause: 'An offset lies outside the arena, or a view is larger than 4 GiB.',
    remedy: 'Take offsets from tensors of that arena, and views of parts.',
  },
  ERR_ARENA_VIEW: {
    cause: 'The runtime forbids external buffers.',
    remedy: 'Run the pool in a process of Node.',
  },
  ERR_CONNECT: {
    cause: 'The system gave no socket or pipe. The message has the limit behind it (RLIMIT_NOFILE) and its value.',
    remedy: 'Raise the limit, or use fewer workers.',
  },
  ERR_SPAWN: {
    cause: 'The system started no process. The message has the limit behind it (RLIMIT_NPROC, memory) and its value.',
    remedy: 'Raise the limit, or use fewer workers.',
  },
  ERR_FRAME: {
    cause:
      "A peer sent bytes that are no frame, or a frame that is too large. Callers see it in the `reason` of a worker's end.",
    remedy: REPORT,
    see: 'internals/protocol',
  },
  ERR_PROTOCOL: {
    cause:
      "A peer sent something that is no control message, or one that was not due. Callers see it in the `reason` of a worker's end.",
    remedy: REPORT,
    see: 'internals/protocol#control-messages',
  },
  ERR_PROGRAM_UNKNOWN: { cause: 'A program was evaluated that is not loaded.', remedy: REPORT },
  ERR_NATIVE: { cause: 'The addon threw something that has no code of its own.', remedy: REPORT },
} as const satisfies Record<string, ErrorEntry>;

/** Every error that Mayfly raises. */
export const errorGroups: readonly ErrorGroup[] = [
  { heading: 'Options, files and models', errors: arguments_ },
  { heading: 'Data and tokenizers', errors: data },
  { heading: 'Runs and training', errors: runs },
  { heading: 'MIL programs and chips', errors: programs },
  { heading: 'Kernels and workers', errors: pool },
  { heading: 'The Neural Engine', errors: engine },
  { heading: 'Several ranks', errors: ranks },
  { heading: 'The addon', errors: addon },
];

/** All errors by code. */
export const errorTable: Readonly<Record<string, ErrorEntry>> = Object.assign(
  {},
  ...errorGroups.map(({ errors }) => errors),
);
