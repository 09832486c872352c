/** What of AppleNeuralEngine.framework this machine has. */
export interface FrameworkReport {
  readonly available: boolean;
  /** Why not; empty if it is. */
  readonly reason: string;
}

export function probeFramework(): FrameworkReport {
  if (process.platform !== 'darwin') {
    return { available: false, reason: `AppleNeuralEngine.framework is part of macOS, not of ${process.platform}` };
  }
  return { available: false, reason: 'this build has no device ane' };
}
