import { access, constants, lstat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { MayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { flag, oneOf, rule, text, whole } from '../check.js';
import { type ChoiceRequest, choosePrograms, type ProgramChoice } from '../doctor/choose-programs.js';
import { type DoctorReport, examine } from '../doctor/doctor-report.js';
import { type MachineReport, type ReportPart, reportMachine } from '../doctor/machine-report.js';
import { type ProbeResult, probeLimits, probeOptions, type StageResult } from '../doctor/probe-limits.js';
import type { ShortTraining } from '../doctor/short-training.js';
import { writeAtomically } from '../files/atomic-file.js';
import { fileError } from '../files/errors.js';
import { kindOf } from '../files/read-file.js';
import { weightsOption } from '../inference/shared-options.js';
import { ANE_API } from '../machine/ane-api.js';
import { resolveDevice } from '../machine/device.js';
import { toJsonLine } from '../observe/json-lines.js';
import { StatusLine } from '../observe/status-line.js';
import { textTable } from '../observe/table.js';
import { print } from '../observe/text.js';
import { gradientsRule } from '../programs/gradient-option.js';
import { addOptions, type CommandFlags, jsonOption, optionsFrom } from './command-options.js';
import { ExitCode } from './errors.js';
import { Interruption, untilInterrupted } from './interruption.js';

interface DoctorFlags extends ChoiceRequest {
  readonly choose?: boolean;
  readonly probeLimits?: boolean;
  readonly ceiling?: number;
  readonly report?: string | true;
  readonly json?: boolean;
}

const notes = `
--probe-limits compiles and unloads small programs in a child process until the device refuses, then loads programs without
unloading in another; on device ane by both of its APIs. It stops at the first refusal or sign of trouble, and keeps what it found as
this machine's budgets and API.

--choose asks a device (auto if none is named) which programs of a model it runs right, as train does before its first step, and keeps the
answers; those that were kept are replaced. --model, --weights, --batch and --seq are those of train.

--report examines one device in depth (auto if none is named), in a minute or so, and writes one file to attach to an issue: the
system, the framework's methods and canaries, which programs compile, and the losses of short trainings beside those on the cpu. The
file names no user, no host and no folder of yours.

Exit code 1 says that a usable device gave wrong results, or that the probe met trouble.

Examples:
  $ mayfly doctor
  $ mayfly doctor --json > doctor.json
  $ mayfly doctor --report
  $ mayfly doctor --choose --model stories110m
  $ mayfly doctor --probe-limits --device ane
  $ mayfly doctor --probe-limits --device sim:m4`;

const REPORT_FILE = 'mayfly-report.json';

/** The options of `mayfly doctor`. */
export const doctorCommandOptions = {
  device: {
    ...{ rule: text, defaultText: 'none; ane', flag: '--device <name>' },
    help: 'one more device to test, e.g. sim:m4; with --probe-limits, the device to measure',
  },
  probeLimits: {
    ...{ rule: flag, default: false, flag: '--probe-limits' },
    help: 'measure how many compilations and loaded programs a process is allowed',
  },
  ceiling: probeOptions.ceiling,
  choose: {
    ...{ rule: flag, default: false, flag: '--choose' },
    help: 'find out which programs of a model the device runs',
  },
  model: { rule: text, default: 'tiny', flag: '--model <model>', help: 'with --choose: preset, FILE.bin or DIR' },
  weights: { ...weightsOption, help: 'with --choose: dynamic or static' },
  batch: { rule: whole(1, 2 ** 24), default: 8, flag: '--batch <n>', help: 'with --choose: windows per pass' },
  seq: {
    ...{ rule: whole(1, 2 ** 24), defaultText: "128, or the model's context if shorter" },
    ...{ flag: '--seq <n>', help: 'with --choose: tokens per window' },
  },
  classifier: {
    ...{ rule: oneOf('host', 'device'), default: 'host', flag: '--classifier <where>' },
    help: "with --choose: host, or device: the classifier's products, too",
  },
  weightGradients: {
    ...{ rule: gradientsRule, default: 'host', flag: '--weight-gradients <where>' },
    help: 'with --choose: host, device, or blocks: weight gradients, too',
  },
  report: {
    rule: rule<string | true>((value) => (value === true ? null : text.refusal(value)), String),
    ...{ defaultText: REPORT_FILE, flag: '--report [file]', help: 'write a report for an issue' },
  },
  json: jsonOption('print one JSON object'),
};

/** `mayfly doctor`. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('Describe this machine and test its devices')
    .addHelpText('after', notes);
  addOptions(command, doctorCommandOptions).action(doctorCommand);
}

async function doctorCommand(given: CommandFlags): Promise<void> {
  const { probeLimits: probe = false, ...flags } = optionsFrom<DoctorFlags>(doctorCommandOptions, given);
  using status = new StatusLine();
  using interruption = new Interruption();
  const run = probe
    ? probeCommand
    : flags.choose === true
      ? chooseCommand
      : flags.report === undefined
        ? examineCommand
        : reportCommand;
  await untilInterrupted(interruption, () => run(flags, status, interruption.signal));
}

async function probeCommand(
  { device = 'ane', ceiling = 400, json = false }: DoctorFlags,
  status: StatusLine,
  signal: AbortSignal,
): Promise<void> {
  const onProgress = (stage: string, count: number, api: string | null) =>
    status.show(`${device}${api === null ? '' : `, API ${api}`}: ${stage} ${count} of ${ceiling}`);
  const result = await probeLimits({ device, ceiling, onProgress, signal });
  print(process.stdout, json ? `${toJsonLine(result)}\n` : probeReport(result));
  if (result.apis.every(({ file }) => file === null)) process.exitCode = ExitCode.failure;
}

async function chooseCommand(
  { json = false, ...request }: DoctorFlags,
  status: StatusLine,
  signal: AbortSignal,
): Promise<void> {
  const onProgress = (what: string) => status.show(`trying ${what}`);
  const made = await choosePrograms(request, { signal, onProgress });
  print(process.stdout, json ? `${toJsonLine(made)}\n` : `${textTable(choiceText(made))}\n`);
}

async function examineCommand(
  { device, json = false }: DoctorFlags,
  status: StatusLine,
  signal: AbortSignal,
): Promise<void> {
  const onProgress = (what: string) => status.show(`trying ${what}`);
  const report = await examine(device === undefined ? [] : [device], { signal, onProgress });
  print(process.stdout, json ? `${toJsonLine(report)}\n` : doctorText(report));
  if (report.devices.some(hasWrongResults)) process.exitCode = ExitCode.failure;
}

async function reportCommand(
  { device = 'auto', report = true }: DoctorFlags,
  status: StatusLine,
  signal: AbortSignal,
): Promise<void> {
  const file = report === true ? REPORT_FILE : report;
  const refuse = (error: unknown) => fileError(`write a report to ${file}`, error);
  await access(dirname(resolve(file)), constants.W_OK).catch((error) => Promise.reject(refuse(error)));
  const existing = await lstat(file).catch((error) => {
    if (error.code === 'ENOENT' && file !== '') return null;
    throw refuse(error);
  });
  // A device or a link would be replaced by the report.
  if (existing !== null && !existing.isFile())
    throw new MayflyError('ERR_FILE', `Cannot write a report to ${file}: it is ${kindOf(existing)}`);
  const onProgress = (what: string) => status.show(`trying ${what}`);
  const made = await reportMachine(resolveDevice(device).device, { signal, onProgress });
  const text = `${JSON.stringify(JSON.parse(toJsonLine(made)), null, 1)}\n`;
  await writeAtomically(file, (handle) => handle.writeFile(text)).catch((error) => Promise.reject(refuse(error)));
  print(process.stdout, `${textTable([...reportRows(made), ['report', file]])}\n`);
  const { devices } = made;
  if ('result' in devices && devices.result.some(hasWrongResults)) process.exitCode = ExitCode.failure;
}

const hasWrongResults = ({ roundTrip }: DoctorReport['devices'][number]): boolean => roundTrip?.ok === false;

function reportRows(report: MachineReport): (readonly [string, string])[] {
  const row = <Result>(
    label: string,
    part: ReportPart<Result>,
    tell: (result: Result) => string,
  ): readonly [string, string] => [label, 'result' in part ? tell(part.result) : `failed: ${part.error.message}`];
  const training: (result: ShortTraining) => string = ({ steps, largestDifference }) =>
    `${steps.length} steps, losses differ from cpu by ${largestDifference.toExponential(1)} at most`;
  const choice = ({ chosen }: ProgramChoice) =>
    Object.entries(chosen)
      .map(([part, value]) => `${part} ${value}`)
      .join(', ');
  const { device } = report;
  return [
    row('framework', report.framework, ({ available, reason, canaries }) =>
      available ? `${canaries.filter(({ ok }) => ok).length} of ${canaries.length} canaries work` : reason,
    ),
    ...('result' in report.devices ? report.devices.result.map(deviceRow) : [row('devices', report.devices, () => '')]),
    row(`compile ladder of ${device}`, report.ladder, (steps) => {
      const failed = steps.filter(({ error }) => error !== null).map(({ what }) => what);
      return `${steps.length - failed.length} of ${steps.length} programs${failed.length === 0 ? '' : `; not: ${failed.join(', ')}`}`;
    }),
    row('programs, dynamic weights', report.dynamicPrograms, choice),
    row('programs, static weights', report.staticPrograms, choice),
    row('dynamic weights', report.dynamicTraining, training),
    row('static weights', report.staticTraining, training),
  ];
}

function choiceText({ device, model, weights, batch, seq, chosen, notes, compilations }: ProgramChoice): string[][] {
  return [
    ['device', device],
    ['model', `${model}, ${weights} weights, ${batch} × ${seq} tokens`],
    ...Object.entries(chosen).map(([part, value]) => [part, String(value)]),
    ...notes.map((note) => ['note', note]),
    ['programs compiled', compilations === 0 ? '0: this device refuses none' : String(compilations)],
  ];
}

const deviceRow = ({
  device,
  usable,
  reason,
  roundTrip,
}: DoctorReport['devices'][number]): readonly [string, string] => [
  `device ${device}`,
  usable ? trip(roundTrip!) : `not usable: ${reason}`,
];

function probeReport({ device, apis, better }: ProbeResult): string {
  const text = (stage: StageResult) => `${stage.count} (${stage.end}: ${stage.message})`;
  const rows = apis.flatMap(({ api, compilations, livePrograms, liveLimit, file }) => [
    ...(api === null ? [] : [[`API ${api}`, '']]),
    ['compilations, each unloaded', text(compilations)],
    ...(livePrograms === null ? [] : [['programs loaded at once', text(livePrograms)]]),
    ...(livePrograms === null ? [] : [['limited by', liveLimit]]),
    file === null ? ['nothing was kept', `${device} is in trouble`] : [`kept as the budget of ${device} in`, file],
  ]);
  const choice = better === null ? '' : `pools use API ${better}, unless ${ANE_API} says otherwise\n`;
  return `${textTable(rows)}\n${choice}`;
}

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function doctorText({
  versions,
  system,
  limits,
  addon,
  framework,
  devices,
  auto,
  choices,
  answersFolder,
}: DoctorReport): string {
  const row = (label: string, value: string): readonly string[] => [label, value];
  return `${textTable([
    row('mayfly', versions.mayfly ?? ''),
    row('node', `${versions.node} (v8 ${versions.v8}, napi ${versions.napi}, modules ${versions.modules})`),
    row('system', `${system.platform} ${system.release} ${system.arch}`),
    row('processor', `${system.processor}, ${system.cores} cores`),
    row('memory', `${gigabytes(system.memoryBytes)}, ${gigabytes(system.freeBytes)} free`),
    ...limits.map(({ name, value }) => row(name, value)),
    row('addon', `loaded; host math and cpu device use ${addon.isa}`),
    ...(addon.isaFault === null ? [] : [row('', addon.isaFault)]),
    row('--precision fast', addon.fastMatmul === 'exact' ? 'is exact on this processor' : `uses ${addon.fastMatmul}`),
    row('--precision blas', 'library' in addon.blas ? `uses ${addon.blas.library}` : addon.blas.fault),
    row(
      'framework',
      framework.available
        ? `found; chip ${framework.chip || 'unknown'}; ${framework.capabilities.join(', ')}`
        : framework.reason,
    ),
    ...framework.canaries.map(({ name, outcome }) => row(`  ${name}`, outcome)),
    ...(framework.available ? [row('  energy', energyText(framework.energy))] : []),
    ...missingMethods(framework).map((method) => row('  not usable', method)),
    ...devices.flatMap(({ limits: measured, ...device }) => [
      deviceRow({ limits: measured, ...device }),
      ...(device.api === null ? [] : [row('', `API ${device.api}`)]),
      ...(measured === null
        ? []
        : [
            row(
              '',
              `measured: ${measured.compilations} compilations, ${measured.livePrograms ?? 'unknown'} loaded programs`,
            ),
          ]),
    ]),
    row('auto takes', auto),
    ...choiceRows(choices),
    row('kept in', answersFolder),
  ])}\n`;
}

/** Sorted, and once where the answers for static and dynamic weights are the same. */
function choiceRows(choices: DoctorReport['choices']): (readonly [string, string])[] {
  const rows = choices.map(({ device, part, class: sizes, chosen, refused }): readonly [string, string] => [
    `${device} ${part}`,
    `${chosen ?? 'none runs'} (${sizes})${refusedText(refused)}`,
  ]);
  return [...new Map(rows.map((row) => [row.join(), row])).entries()].toSorted().map(([, row]) => row);
}

const refusedText = (refused: Readonly<Record<string, string>>): string =>
  Object.entries(refused)
    .map(([name, reason]) => `; not ${name}: ${reason}`)
    .join('');

/** `ANE0_0, ANE0_1; memory by AMC Stats`. */
function energyText(energy: DoctorReport['framework']['energy']): string {
  if ('fault' in energy) return energy.fault;
  const { dies, memorySource } = energy;
  const memory = memorySource === '' ? 'memory is not counted' : `memory by ${memorySource}`;
  return `${dies.length === 0 ? 'energy is not counted' : dies.join(', ')}; ${memory}`;
}

/** The missing and changed parts of an installed framework. */
const missingMethods = ({ methods }: DoctorReport['framework']): readonly string[] =>
  methods
    .filter(({ usable }) => !usable)
    .map(({ method, present, kinds, expectedKinds }) =>
      present ? `${method} takes ${kinds}, expected ${expectedKinds}` : `${method} is not there`,
    );

const trip = ({
  ok,
  error,
  compileMs,
  evaluateUs,
}: NonNullable<DoctorReport['devices'][number]['roundTrip']>): string =>
  `${ok ? 'right' : 'WRONG RESULTS'}: differs from cpu by ${error.toExponential(1)}, compiled in ${compileMs.toFixed(1)} ms, evaluated in ${evaluateUs.toFixed(0)} µs`;
