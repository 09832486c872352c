/** Checkpoints of training: written atomically, read back bit for bit. The layout is in `format.ts`. */
export type { CheckpointFields, CheckpointHeader, Sections } from './format.js';
export {
  type Checkpoint,
  type ReadSection,
  readCheckpoint,
  readCheckpointHeader,
  readCheckpointParts,
} from './read.js';
export { type WriteCheckpointOptions, writeCheckpoint } from './write.js';
