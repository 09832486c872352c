import type { Command } from 'commander';
import { type HardwareProbe, hardwareProbes, type ProbeLine, runProbe } from '../chips/hardware-probes.js';
import { toJsonLine } from '../observe/json-lines.js';
import { createPool } from '../pool/pool.js';
import { option } from './option.js';
import { oneOf, text, whole } from './parse-options.js';

interface BenchFlags {
  readonly device?: string;
  readonly repeat?: number;
  readonly json?: boolean;
}

const notes = `
  ane-peak      deep chains of convolutions: peak throughput
  ane-sram      single convolutions of growing weights
  ane-dispatch  single convolutions of growing width: the floor of a dispatch
  ane-int8      a chain in fp16, and with int8 weights and activations

On a simulated chip with its clock the programs run on the cpu device, and the times are those of the model.

Examples:
  $ mayfly bench ane-peak --device ane
  $ mayfly bench ane-sram --device sim:m4,clock`;

/** `mayfly bench`. */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description("Measure a Neural Engine's peak, weights, dispatches or int8, as the published probes do")
    .argument('<probe>', Object.keys(hardwareProbes).join(', '))
    .addOption(option('--device <name>', 'ane, cpu, or sim:<chip>,clock', text, 'ane'))
    .addOption(option('--repeat <n>', 'evaluations of each program, after a first one', whole(1), 20))
    .option('--json', 'print one JSON object')
    .addHelpText('after', notes)
    .action(benchCommand);
}

async function benchCommand(given: string, { device = 'ane', repeat = 20, json = false }: BenchFlags): Promise<void> {
  const names = Object.keys(hardwareProbes) as HardwareProbe[];
  const probe = oneOf(...names)(given, 'the probe');
  await using pool = await createPool({ device });
  const lines = await runProbe(probe, pool, repeat);
  process.stdout.write(json ? `${toJsonLine({ probe, device, repeat, lines })}\n` : table(lines));
}

/** With a bar for the throughput, the best of the table at full length. */
function table(lines: readonly ProbeLine[]): string {
  const best = Math.max(...lines.map(({ teraflops }) => teraflops ?? 0));
  const rows = lines.map(({ what, weightBytes, flops, compileMs, evaluateUs, teraflops, reason }) => {
    const sizes = [`${(weightBytes / 1e6).toFixed(1)} MB`, `${(flops / 1e9).toFixed(2)} GFLOP`];
    if (evaluateUs === null || teraflops === null || compileMs === null)
      return [what, ...sizes, '', '', '', `not run: ${reason}`];
    const times = [`${compileMs.toFixed(0)} ms`, `${evaluateUs.toFixed(0)} µs`, `${teraflops.toFixed(2)} TFLOP/s`];
    return [what, ...sizes, ...times, '█'.repeat(Math.round((20 * teraflops) / best))];
  });
  const all = [['program', 'weights', 'work', 'compiled in', 'evaluated in', 'throughput', ''], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => (column === 6 ? 0 : row[column]!.length))));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 || column === 6 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}
