/** Checkpoints of training: written atomically, read back bit for bit. The layout is in `checkpoint-format.ts`. */
export type { CheckpointHeader, Sections } from './checkpoint-format.js';
export { type Checkpoint, readCheckpoint, readCheckpointHeader } from './checkpoint-read.js';
export { type WriteCheckpointOptions, writeCheckpoint } from './checkpoint-write.js';
