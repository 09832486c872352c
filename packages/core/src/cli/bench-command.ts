import type { Command } from 'commander';
import { oneOf } from '../check.js';
import { type HardwareProbe, type ProbeRunOptions, probeRunOptions, runProbe } from '../chips/hardware-probes.js';
import { probeCases } from '../chips/probe-cases.js';
import { toJsonLine } from '../observe/json-lines.js';
import { probeReport } from '../observe/probe-report.js';
import { StatusLine } from '../observe/status-line.js';
import { print } from '../observe/text.js';
import { defaultsOf } from '../option-table.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';
import { Interruption, untilInterrupted } from './interruption.js';

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

/** The options of `mayfly bench`. */
export const benchCommandOptions = { ...probeRunOptions, json: jsonOption('print one JSON object') };

/** `mayfly bench`. */
export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description(
      "Measure a Neural Engine's peak, weights, dispatches, int8 or classes of service, as the published probes do",
    )
    .argument('<probe>', probes.join(', '))
    .addHelpText('after', notes);
  addOptions(command, benchCommandOptions).action(benchCommand);
}

async function benchCommand(given: string, flags: CommandFlags): Promise<void> {
  const { json = false, ...options } = optionsFrom<ProbeRunOptions & JsonFlag>(benchCommandOptions, flags);
  const { device, repeat } = { ...defaultsOf(probeRunOptions), ...options };
  const probe = oneOf(...probes).read('the probe', given);
  using status = new StatusLine();
  using interruption = new Interruption();
  const onProgress = (what: string, index: number, count: number) =>
    status.show(`${probe}: ${index + 1} of ${count}, ${what}`);
  await untilInterrupted(interruption, async () => {
    const lines = await runProbe(probe, { device, repeat, onProgress, signal: interruption.signal });
    print(process.stdout, json ? `${toJsonLine({ probe, device, repeat, lines })}\n` : await probeReport(lines));
  });
}
