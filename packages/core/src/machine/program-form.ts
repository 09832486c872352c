import { addon, isSimName, parseSimName } from '@mayfly/native';
import type { MilOptions } from '../mil/mil-graph.js';
import { askAne } from './ask-ane.js';
import { readDialect, writeDialect } from './machine-limits.js';

/**
 * How programs for a device are written: in which dialect, and whether each weight tensor has a file, as the M1 family wants.
 * For the Neural Engine a canary compilation tells the dialect, once per machine and release of its system.
 * Errors: `ERR_ANE_PROBE`.
 */
export async function programForm(device: string): Promise<MilOptions> {
  if (isSimName(device)) return weightFilesOf(parseSimName(device).profile.generation === 'm1');
  if (device !== 'ane') return {};
  return { ...weightFilesOf(addon.ane.probe().chip.startsWith('h13')), dialect: await dialect() };
}

const weightFilesOf = (early: boolean): MilOptions => (early ? { weightFiles: 'per-tensor' } : {});

async function dialect(): Promise<'ios18' | 'ios16'> {
  const { MAYFLY_ANE_DIALECT: chosen } = process.env;
  if (chosen === 'ios18' || chosen === 'ios16') return chosen;
  const known = readDialect();
  if (known !== null) return known;
  const found = await askAne('dialect');
  writeDialect(found);
  return found;
}
