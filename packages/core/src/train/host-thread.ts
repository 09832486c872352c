import { threadId, workerData } from 'node:worker_threads';
import { addon, type NativeArena, type OuterProduct } from '@mayfly/native';

/** What a host thread is asked to compute: products on the arena of the main thread, in order. */
export interface HostTask {
  /** `NativeArena.id`. */
  readonly arena: number;
  readonly products: readonly OuterProduct[];
}

/** What a host thread is started with. */
export interface HostThreadData {
  /** There is one for each processor: each stays on its own. */
  readonly spread: boolean;
}

if ((workerData as HostThreadData).spread) addon.math.keepOnProcessor(threadId);

const arenas = new Map<number, NativeArena>();

/** The file that piscina runs in each host thread. */
export default function computeProducts({ arena: id, products }: HostTask): void {
  let arena = arenas.get(id);
  if (arena === undefined) {
    arena = addon.findArena(id);
    arenas.set(id, arena);
  }
  addon.math.outerProducts(arena, products);
}
