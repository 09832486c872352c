import type { Command } from 'commander';
import { type HardwareProbe, runProbe } from '../chips/hardware-probes.js';
import { probeCases } from '../chips/probe-cases.js';
import { toJsonLine } from '../observe/json-lines.js';
import { probeReport } from '../observe/probe-report.js';
import { StatusLine } from '../observe/status-line.js';
import { Interruption, untilInterrupted } from './interruption.js';
import { option } from './option.js';
import { oneOf, text, whole } from './parse-options.js';

interface BenchFlags {
  readonly device?: string;
  readonly repeat?: number;
  readonly json?: boolean;
}

const probes = Object.keys(probeCases) as HardwareProbe[];

const notes = `
  ane-peak      deep chains of convolutions: peak throughput
  ane-sram      single convolutions of growing weights
  ane-dispatch  single convolutions of growing width: the floor of a dispatch
  ane-int8      a chain in fp16, and with int8 weights and activations
  ane-qos       one small convolution in every class of service

On a simulated chip with its clock the programs run on the cpu device, and the times are those of the model.

Examples:
  $ mayfly bench ane-peak --device ane
  $ mayfly bench ane-sram --device sim:m4,clock`;

/** `mayfly bench`. */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description(
      "Measure a Neural Engine's peak, weights, dispatches, int8 or classes of service, as the published probes do",
    )
    .argument('<probe>', probes.join(', '))
    .addOption(option('--device <name>', 'ane, cpu, or sim:<chip>,clock', text, 'ane'))
    .addOption(option('--repeat <n>', 'evaluations of each program, after a first one', whole(1), 20))
    .option('--json', 'print one JSON object')
    .addHelpText('after', notes)
    .action(benchCommand);
}

async function benchCommand(given: string, { device = 'ane', repeat = 20, json = false }: BenchFlags): Promise<void> {
  const probe = oneOf(...probes)(given, 'the probe');
  using status = new StatusLine();
  using interruption = new Interruption();
  const onProgress = (what: string, index: number, count: number) =>
    status.show(`${probe}: ${index + 1} of ${count}, ${what}`);
  await untilInterrupted(interruption, async () => {
    const lines = await runProbe(probe, { device, repeat, onProgress, signal: interruption.signal });
    process.stdout.write(json ? `${toJsonLine({ probe, device, repeat, lines })}\n` : probeReport(lines));
  });
}
