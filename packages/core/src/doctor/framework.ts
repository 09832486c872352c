import { addon } from '@mayfly/native';

/** What of AppleNeuralEngine.framework this machine has. */
export interface FrameworkReport {
  readonly available: boolean;
  /** Why not; empty if it is. */
  readonly reason: string;
  /** As the framework calls it: `h16` is an M4; empty if not told. */
  readonly chip: string;
  /** Those of which every method is there. */
  readonly capabilities: readonly string[];
  /** Every class and selector that the ane device knows of, present or absent, with argument counts. */
  readonly methods: readonly object[];
}

/** Asks the addon, where its build has the ane device. */
export function probeFramework(): FrameworkReport {
  const { ane } = addon as typeof addon & { readonly ane?: { probe(): FrameworkReport } };
  if (ane !== undefined) return ane.probe();
  const reason =
    process.platform === 'darwin'
      ? 'this build has no device ane'
      : `AppleNeuralEngine.framework is part of macOS, not of ${process.platform}`;
  return { available: false, reason, chip: '', capabilities: [], methods: [] };
}
