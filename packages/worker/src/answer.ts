import { readFileSync } from 'node:fs';
import { type ErrorDetails, isMayflyError, type NativeDevice } from '@mayfly/native';
import { packMessage, type WireError, type WorkerRequest, type WorkerResponse, type WorkerStats } from './protocol.js';

/** Characters of an error's message: a device may quote whatever it was given. */
const LONGEST_MESSAGE = 2 ** 16;

/**
 * Carries out one control message, and packs the answer. An error of the device becomes an answer of type `error`, as does an
 * answer that the wire does not take: that of a program with too many ports, say.
 */
export function answer(message: WorkerRequest, device: NativeDevice): Uint8Array {
  try {
    return packMessage(carryOut(message, device));
  } catch (error) {
    return packMessage({ type: 'error', request: message.request, error: toWire(error), stats: statsOf(device) });
  }
}

function carryOut(message: WorkerRequest, device: NativeDevice): WorkerResponse {
  const { request } = message;
  switch (message.type) {
    case 'compile': {
      const info = device.compile(message.text, message.weights, message.options);
      const endedUs = Number(process.hrtime.bigint() / 1000n);
      return { type: 'compiled', request, info, endedUs, stats: statsOf(device) };
    }
    case 'unload':
      device.unload(message.program);
      return { type: 'unloaded', request, stats: statsOf(device) };
    case 'measure':
      return { type: 'measured', request, stats: statsOf(device) };
    case 'retire':
      return { type: 'retiring', request, stats: statsOf(device) };
  }
}

const statsOf = (device: NativeDevice): WorkerStats => ({ ...device.stats(), processBytes: processBytes() });

function processBytes(): number {
  const all = process.memoryUsage.rss();
  if (process.platform !== 'linux') return all;
  // In pages: size, resident, and of these what is shared or of a file.
  const [, resident, shared] = readFileSync('/proc/self/statm', 'latin1').split(' ').map(Number);
  return Math.round(all * (1 - shared! / resident!));
}

function toWire(error: unknown): WireError {
  if (!isMayflyError(error)) return { code: 'ERR_NATIVE', message: String(error).slice(0, LONGEST_MESSAGE) };
  const { code, message, line, column, limit } = error as typeof error & ErrorDetails;
  return {
    code,
    message: message.slice(0, LONGEST_MESSAGE),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(limit === undefined ? {} : { limit }),
  };
}
