import { isMayflyError } from '@mayfly/native';
import { askAppleTool } from '../machine/apple-tools.js';
import { type PowerState, readPowerState } from '../machine/power-state.js';
import { choosePrograms, type ProgramChoice } from './choose-programs.js';
import { compileLadder, type LadderStep } from './compile-ladder.js';
import {
  type DeviceReport,
  describeMachine,
  type ExamineOptions,
  examineDevices,
  type FrameworkReport,
  type MachineDescription,
  probeFramework,
} from './doctor-report.js';
import { withoutPrivateData } from './private-data.js';
import { type ShortTraining, shortForm, shortTraining } from './short-training.js';

/** A part of the report: its result, or the error in its place. */
export type ReportPart<Result> = { readonly ms: number } & (
  | { readonly result: Result }
  | { readonly error: { readonly code: string | null; readonly message: string } }
);

/** The file of `mayfly doctor --report`. */
export interface MachineReport {
  /** Version of this form. */
  readonly format: 1;
  /** ISO 8601. */
  readonly written: string;
  /** The device of ladder and training. */
  readonly device: string;
  readonly machine: ReportPart<MachineDescription>;
  readonly mac: ReportPart<MacDescription>;
  readonly framework: ReportPart<FrameworkReport>;
  readonly devices: ReportPart<readonly DeviceReport[]>;
  readonly ladder: ReportPart<readonly LadderStep[]>;
  readonly dynamicPrograms: ReportPart<ProgramChoice>;
  readonly staticPrograms: ReportPart<ProgramChoice>;
  readonly dynamicTraining: ReportPart<ShortTraining>;
  readonly staticTraining: ReportPart<ShortTraining>;
}

/** What macOS says about itself, with empty texts on other systems. Serial numbers are not asked for. */
export interface MacDescription {
  /** For example `26.3`. */
  readonly release: string;
  readonly build: string;
  /** For example `Mac16,1`. */
  readonly model: string;
  /** For example `Apple M4`. */
  readonly chip: string;
  readonly power: PowerState;
}

/**
 * Examines the machine and a device in parts, each of which may fail without the others, and removes private data.
 *
 * @throws The reason of `signal`, when it is aborted.
 */
export async function reportMachine(
  device: string,
  { signal, onProgress }: ExamineOptions = {},
): Promise<MachineReport> {
  const part = async <Result>(what: string, find: () => Promise<Result> | Result): Promise<ReportPart<Result>> => {
    signal?.throwIfAborted();
    onProgress?.(what);
    const started = performance.now();
    try {
      const result = await find();
      return { ms: performance.now() - started, result };
    } catch (error) {
      signal?.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      return { ms: performance.now() - started, error: { code: isMayflyError(error) ? error.code : null, message } };
    }
  };
  const framework = await part('AppleNeuralEngine.framework', () => probeFramework(signal));
  const devices = () => {
    const reason = 'result' in framework ? framework.result.reason : framework.error.message;
    return examineDevices(['ane', 'cpu', device], reason, { signal, onProgress });
  };
  const choose = (weights: 'dynamic' | 'static') =>
    choosePrograms({ device, weights, ...shortForm }, { signal, onProgress });
  const train = (weights: 'dynamic' | 'static') => shortTraining(device, weights, { signal, onProgress });
  return withoutPrivateData({
    format: 1,
    written: new Date().toISOString(),
    device,
    machine: await part('this machine', describeMachine),
    mac: await part('macOS', describeMac),
    framework,
    devices: await part('the devices', devices),
    ladder: await part('the compile ladder', () =>
      compileLadder(device, { signal, onProgress: (what) => onProgress?.(`the compile ladder: ${what}`) }),
    ),
    dynamicPrograms: await part('the choice of programs', () => choose('dynamic')),
    staticPrograms: await part('the choice of programs', () => choose('static')),
    dynamicTraining: await part('training with dynamic weights', () => train('dynamic')),
    staticTraining: await part('training with static weights', () => train('static')),
  });
}

async function describeMac(): Promise<MacDescription> {
  const ask = async (...[tool, args]: Parameters<typeof askAppleTool>) => (await askAppleTool(tool, args)).trim();
  return {
    release: await ask('sw_vers', ['-productVersion']),
    build: await ask('sw_vers', ['-buildVersion']),
    model: await ask('sysctl', ['-n', 'hw.model']),
    chip: await ask('sysctl', ['-n', 'machdep.cpu.brand_string']),
    power: await readPowerState(),
  };
}
