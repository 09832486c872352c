import type { ErrorDetails, NativeDevice } from '@mayfly/native';
import type { WireError, WorkerRequest, WorkerResponse, WorkerStats } from './protocol.js';

/** Carries out one control message. What the device throws becomes an answer of type `error`. */
export function answer(message: WorkerRequest, device: NativeDevice): WorkerResponse {
  const { request } = message;
  try {
    switch (message.type) {
      case 'compile': {
        const info = device.compile(message.text, message.weights);
        return { type: 'compiled', request, info, stats: statsOf(device) };
      }
      case 'unload':
        device.unload(message.program);
        return { type: 'unloaded', request, stats: statsOf(device) };
      case 'retire':
        return { type: 'retiring', request, stats: statsOf(device) };
    }
  } catch (error) {
    return { type: 'error', request, error: toWire(error), stats: statsOf(device) };
  }
}

const statsOf = (device: NativeDevice): WorkerStats => ({ ...device.stats(), processBytes: process.memoryUsage.rss() });

function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { code: 'ERR_NATIVE', message: String(error) };
  const { code = 'ERR_NATIVE', message, line, column, limit } = error as Error & { code?: string } & ErrorDetails;
  return { code, message, line, column, limit };
}
