import type { Collective } from './collective.js';

/** The numbers of every rank, by rank; each may have another count. */
export async function exchangeNumbers(collective: Collective, values: readonly number[]): Promise<Float64Array[]> {
  const own = Float64Array.from(values);
  if (collective.size === 1) return [own];
  const messages = await collective.exchange(new Uint8Array(own.buffer));
  // In memory of its own each message begins at a multiple of 8.
  return messages.map((message) => new Float64Array(new Uint8Array(message).buffer));
}
