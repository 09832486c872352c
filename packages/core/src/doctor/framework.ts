import { type AneCanary, type AneProbe, addon } from '@mayfly/native';
import { askAne } from '../machine/ask-ane.js';

/** What of AppleNeuralEngine.framework this machine has, and what tiny programs found out about it. */
export interface FrameworkReport extends AneProbe {
  /** Empty where there is no engine. */
  readonly canaries: readonly AneCanary[];
}

/** Lists every class and selector that the ane device knows of, present or absent; runs the canaries in a process of their own. */
export async function probeFramework(signal?: AbortSignal): Promise<FrameworkReport> {
  const probe = addon.ane.probe();
  if (!probe.available) return { ...probe, canaries: [] };
  try {
    return { ...probe, canaries: await askAne('canaries', signal) };
  } catch (error) {
    signal?.throwIfAborted();
    const outcome = error instanceof Error ? error.message : String(error);
    return { ...probe, canaries: [{ name: 'canaries', outcome, ok: false }] };
  }
}
