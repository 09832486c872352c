import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invalidArgument, MayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { flag, text, whole } from '../check.js';
import { launchVariables } from '../collective/launched.js';
import { mayflyCommand, optionWords, shellWords } from '../command-line.js';
import { type Hostfile, readHostfile } from '../launch/hostfile.js';
import { Job, type JobEnd } from '../launch/job.js';
import { findMpirun, type MpiName, mpiTitles } from '../launch/mpi.js';
import { mpirunCommand } from '../launch/mpirun-command.js';
import { toJsonLine } from '../observe/json-lines.js';
import { print, wantsColors } from '../observe/text.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, mpiOption, optionsFrom } from './command-options.js';
import { ExitCode } from './errors.js';
import { Interruption, interruptedLine, outliveOutput } from './interruption.js';
import { launchedTask } from './launched-task.js';

const notes = `
Ranks are processes, each with a pool of its own, which share the passes of a step (docs/guides/several-macs.md). COMMAND is train
or stress with its options, and each rank takes its own part of a step.

FILE has a host a line, as Open MPI ("mac-1 slots=2") or MPICH ("mac-1:2") has it, or is MLX's JSON. Node, this package and the data are at the
same paths on every host.

SIGINT (Ctrl-C) lets the ranks finish the step and write a checkpoint; a second one ends them at once.

Examples:
  $ mayfly launch -n 4 train --data book.txt --steps 2000 --out runs/book
  $ mayfly launch --hosts macs.txt --restarts 3 -- train --data book.txt --out runs/book
  $ mayfly launch -n 2 --dry-run -- train --data book.txt`;

interface LaunchOptions extends JsonFlag {
  readonly ranks?: number;
  readonly hosts?: string;
  readonly mpi?: MpiName;
  readonly network?: string;
  readonly restarts?: number;
  readonly dryRun?: boolean;
}

/** The options of `mayfly launch`. */
export const launchCommandOptions = {
  ranks: {
    ...{ rule: whole(1, 2 ** 16), defaultText: 'the slots of --hosts', flag: '-n, --ranks <n>' },
    help: 'processes',
  },
  hosts: { rule: text, defaultText: 'this machine alone', flag: '--hosts <file>', help: 'machines, with their slots' },
  mpi: mpiOption,
  network: {
    ...{ rule: text, defaultText: "MPI's choice", flag: '--network <name>' },
    help: 'interface for the messages of the ranks; with Open MPI also a network, such as 192.168.2.0/24',
  },
  restarts: {
    ...{ rule: whole(0), default: 0, flag: '--restarts <n>' },
    help: 'how often a run that failed goes on from its last checkpoint, but not after bad input',
  },
  dryRun: {
    ...{ rule: flag, default: false, flag: '--dry-run' },
    help: 'print a command that starts the same ranks, and start none',
  },
  json: jsonOption('print what launch itself reports as JSON, a line each'),
};

/** `mayfly launch`. */
export function addLaunchCommand(program: Command): void {
  // The options behind COMMAND are its own.
  program.enablePositionalOptions();
  const command = program
    .command('launch')
    .description('Train on several ranks, of one or several machines, by an installed MPI')
    .argument('<command...>', 'train or stress, with its options')
    .passThroughOptions()
    .addHelpText('after', notes);
  addOptions(command, launchCommandOptions).action(launch);
}

const rankScript = fileURLToPath(new URL('./launch-rank.js', import.meta.url));
const mayflyScript = fileURLToPath(new URL('../bin/mayfly.js', import.meta.url));

async function launch([name = '', ...given]: string[], flags: CommandFlags): Promise<void> {
  const options = optionsFrom<LaunchOptions>(launchCommandOptions, flags);
  const { restarts = 0, json = false } = options;
  const task = await launchedTask(name, given);
  const { hosts, env: own } = hostsOf(options);
  const slots = hosts.reduce((sum, host) => sum + host.slots, 0);
  const { ranks = slots } = options;
  if (ranks === 0) throw new MayflyError('ERR_INVALID_ARGUMENT', 'Expected --ranks or --hosts, got neither');
  if (hosts.length > 0 && ranks > slots)
    throw invalidArgument('--ranks', `${slots} at most, the slots of --hosts`, ranks);
  const mpirun = await findMpirun(options.mpi);
  // Open MPI gives ranks a pseudo terminal as stdout, so our own stdout decides on colors.
  const env = { ...own, ...(wantsColors(process.stdout) ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }) };
  const commandOf = (script: string, words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    mpirunCommand(mpirun, {
      ...{ ranks, hosts, network: options.network, env: { ...env, ...more } },
      program: [process.execPath, script, ...words],
    });
  const launchWords = ['launch', ...optionWords(launchCommandOptions, forResume(options)), '--'];
  const { mpi, version } = mpirun;
  if (options.dryRun === true) {
    const command = commandOf(mayflyScript, task.words);
    print(process.stdout, `${json ? toJsonLine({ mpi, version, ranks, hosts, command }) : shellWords(command)}\n`);
    return;
  }
  outliveOutput();
  const report = (event: string, fields: object, message: string) => {
    if (json) print(process.stdout, `${toJsonLine({ event, ...fields })}\n`);
    else print(process.stderr, `mayfly: ${message}\n`);
  };
  report('launch', { mpi, version, ranks }, `${ranks} ranks by ${mpiTitles[mpi]} ${version}`);
  let job: Job | null = null;
  using interruption = new Interruption(
    (signal) => {
      report('interrupt', { signal }, `${signal}: the ranks finish the step; once more to stop at once`);
      job?.stop();
    },
    () => job?.kill(),
  );
  for (let attempt = 0; ; attempt++) {
    job = new Job(commandOf(rankScript, attempt === 0 ? task.words : task.restartWords, launchVariables(launchWords)), {
      ...messages(),
      onBegin: (process) => json && report('rank', process, ''),
    });
    const end = await job.ended;
    if (interruption.exitCode !== null) {
      process.exitCode = interruption.exitCode;
      return;
    }
    if (end.failed === null && end.code === 0) return;
    const checkpoint = await task.lastCheckpoint();
    const failure = { ...end.failed, checkpoint: checkpoint?.path ?? null };
    const code = end.failed === null ? end.code : end.failed.code;
    const goesOn = attempt < restarts && code !== ExitCode.badInput;
    if (goesOn) {
      const from = checkpoint === null ? 'from its beginning' : `from step ${checkpoint.step}`;
      const message = `${failureText(end)}; going on ${from}, restart ${attempt + 1} of ${restarts}`;
      report('restart', { ...failure, restart: attempt + 1 }, message);
      continue;
    }
    // The rank has said it.
    if (end.failed?.code === ExitCode.badInput) {
      process.exitCode = ExitCode.badInput;
      return;
    }
    const resume = mayflyCommand([...launchWords, ...task.resumeWords]);
    if (json) report('failed', { ...failure, resume_command: checkpoint && resume }, '');
    const saved = checkpoint === null ? '' : `\nThe last checkpoint is ${checkpoint.path}\nresume  ${resume}`;
    throw new MayflyError('ERR_RANK', `${failureText(end)}${saved}`);
  }
}

/** The options that a command from any folder repeats. */
const forResume = ({ hosts, json, ...rest }: LaunchOptions): LaunchOptions => ({
  ...rest,
  ...(hosts !== undefined && { hosts: resolve(hosts) }),
});

const hostsOf = ({ hosts }: LaunchOptions): Hostfile =>
  hosts === undefined ? { hosts: [], env: {} } : readHostfile(hosts);

/**
 * Prints the lines of ranks: those of rank 0 as they are, others with their rank, and none that another rank has just said. That `mpirun`
 * interrupted a rank is a consequence, of a signal or of a rank that failed, which `launch` itself reports.
 */
function messages() {
  let last = { rank: -1, text: '' };
  return {
    onOutput: (text: string) => print(process.stdout, `${text}\n`),
    onMessage: (rank: number, message: string) => {
      if (message === interruptedLine) return;
      if (message !== last.text || rank === last.rank) print(process.stderr, `rank ${rank}: ${message}\n`);
      if (message !== last.text) last = { rank, text: message };
    },
  };
}

function failureText({ failed, code, unreachable, words: lines }: JobEnd): string {
  if (unreachable !== null) {
    const remedy = 'For every host of --hosts `ssh HOST true` has to succeed without a question';
    return `mpirun cannot reach a host: ${unreachable.trim()}. ${remedy}`;
  }
  if (failed === null) {
    const words = lines.length === 0 ? '' : `, and said:\n${lines.join('\n')}`;
    return `mpirun ended with ${code === null ? 'a signal' : `exit code ${code}`}${words}`;
  }
  const { rank, pid, host, signal } = failed;
  const how = signal === null ? `with exit code ${failed.code}` : `by ${signal}`;
  return `Rank ${rank} (process ${pid} on ${host}) ended ${how}, and the job with it`;
}
