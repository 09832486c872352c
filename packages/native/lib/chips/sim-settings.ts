import type { Addon, SimSettings } from '../contract.js';
import type { ChipNumerics } from './chip-profile.js';
import { type FaultPlan, parseFaultPlan, unexpected } from './fault-plan.js';
import { judge } from './judge.js';
import { ProgramView } from './program-view.js';
import { parseSimName } from './sim-name.js';

/** Settings of the device `name`; the variable `MAYFLY_SIM_FAULTS` (JSON) takes the place of its profile's faults. */
export function simSettings(name: string, addon: Pick<Addon, 'inspectMil'>): SimSettings {
  const { profile, numerics, clock, rules } = parseSimName(name);
  const { limits, numerics: arithmetic } = profile;
  const { open, compile, evaluate, unload, refuse, teardownMs, seed } = faultsOfEnvironment() ?? profile.faults;
  return {
    name,
    compilations: limits.compilations.value,
    livePrograms: limits.livePrograms.value,
    programBytes: limits.programBytes.value,
    clock,
    ...(numerics ? { numerics: valuesOf(arithmetic) } : {}),
    openFaults: open,
    compileFaults: compile,
    evaluateFaults: evaluate,
    unloadFaults: unload,
    refuse,
    teardownMs,
    ...(seed === undefined ? {} : { seed }),
    judge: (text, name) => judge(new ProgramView(text, addon.inspectMil(text, name)), profile, rules),
  };
}

/** The patterns of programs that the simulated device `name` refuses beside its chip's rules. */
export const refusedPatterns = (name: string): readonly string[] =>
  (faultsOfEnvironment() ?? parseSimName(name).profile.faults).refuse;

function valuesOf({ saturation, zeroFrom, sliceLimit, sigmoidPoints, productFloor }: ChipNumerics) {
  const values = { infiniteFrom: saturation, zeroFrom, sliceLimit, sigmoidPoints, productFloor };
  return Object.fromEntries(Object.entries(values).flatMap(([name, figure]) => (figure ? [[name, figure.value]] : [])));
}

function faultsOfEnvironment(): FaultPlan | null {
  const given = process.env.MAYFLY_SIM_FAULTS;
  if (given === undefined || given === '') return null;
  let plan: unknown;
  try {
    plan = JSON.parse(given);
  } catch {
    throw unexpected('MAYFLY_SIM_FAULTS', 'JSON', given);
  }
  return parseFaultPlan(plan, 'MAYFLY_SIM_FAULTS');
}
