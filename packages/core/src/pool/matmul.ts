import { addon, type Matmul, type Precision } from '@mayfly/native';

/** What computes a device's matrix products: `exact`, or the quicker thing that `fast` comes to on this processor. */
export function matmulOf(device: string, precision: Precision): Matmul {
  return device === 'cpu' && precision === 'fast' ? addon.fastMatmul() : 'exact';
}

let warned = false;

/** Says, once a process, that an instruction set which the processor announces is not used. */
export function warnOfIsaFault(): void {
  const fault = addon.isaFault();
  if (fault === null || warned) return;
  warned = true;
  process.emitWarning(fault, { type: 'MayflyWarning', code: 'MAYFLY_ISA' });
}
