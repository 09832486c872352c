/** Bytes of one element, by element type. */
export const elementBytes = { fp16: 2, fp32: 4, int32: 4, bool: 1, int8: 1, uint8: 1, int16: 2, uint16: 2 } as const;

/** Element type of a tensor. */
export type DType = keyof typeof elementBytes;

/** Elements of a tensor; a scalar, of shape [], has one. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** A process-wide mapping of shared memory with no name in the file system. */
export interface NativeArena {
  readonly bytes: number;
  /** Commits pages, so that running out of memory is an error here (`ERR_ARENA_FULL`) and no SIGBUS later. */
  populate(offset: number, bytes: number): void;
  /** Gives pages back to the system; they read as zero afterwards. */
  discard(offset: number, bytes: number): void;
  /**
   * A view on live shared memory, of 4 GiB at most. Views that lie between the same two multiples of 4 GiB share one ArrayBuffer; one that
   * crosses a multiple has a buffer of its own.
   */
  view(offset: number, bytes: number): Uint8Array;
  /** Bytes of committed pages. */
  residentBytes(): number;
  /** Closes the file descriptor, and unmaps the memory once no view, dispatch or math call uses it. Idempotent. */
  close(): void;
}
