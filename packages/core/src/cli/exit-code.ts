import { isMayflyError } from '@mayfly/native';
import { CommanderError } from 'commander';

/** Exit codes of the command. An interruption by a signal ends with 128 + the signal's number, as a shell would say. */
export const ExitCode = { ok: 0, failure: 1, badInput: 2 } as const;

/** Codes of errors that the user's input causes. All others are failures of a run. */
const inputErrors: ReadonlySet<string> = new Set([
  'ERR_ARENA_FULL',
  'ERR_BUDGET',
  'ERR_CHANGED_INPUT',
  'ERR_CHECKPOINT',
  'ERR_CHECKPOINT_MISMATCH',
  'ERR_CHIP_PROFILE',
  'ERR_CHIP_RULES',
  'ERR_CHIP_UNKNOWN',
  'ERR_CONFIG',
  'ERR_DATA_FORMAT',
  'ERR_DATA_SHORT',
  'ERR_DEVICE_UNAVAILABLE',
  'ERR_DISK_SPACE',
  'ERR_FILE',
  'ERR_FILE_NOT_FOUND',
  'ERR_INPUT_DATA',
  'ERR_INVALID_ARGUMENT',
  'ERR_MODEL_VALUES',
  'ERR_RUN_EXISTS',
  'ERR_RUN_FILE',
  'ERR_RUN_LOCKED',
  'ERR_TOKENIZER',
  'ERR_TOKEN_RANGE',
  'ERR_WEIGHT_BLOB',
]);

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.badInput;
  if (!isMayflyError(error)) return ExitCode.failure;
  return inputErrors.has(error.code) || error.code.startsWith('ERR_MIL_') ? ExitCode.badInput : ExitCode.failure;
}
