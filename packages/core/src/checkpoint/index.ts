/**
 * `@mayfly/core/checkpoint`: files of named sections and a header, which are written whole or not at all and checked when read.
 *
 * @module
 */
export type { CheckpointFields, CheckpointHeader, FetchedPiece, Sections, WrittenSections } from './format.js';
export {
  type Checkpoint,
  readCheckpoint,
  readCheckpointHeader,
  type SectionSink,
  type SectionTargets,
} from './read.js';
export { type WriteCheckpointOptions, writeCheckpoint } from './write.js';
