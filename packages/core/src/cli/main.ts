import { print } from '../observe/text.js';
import { errorLine, exitCodeOf } from './errors.js';
import { prepareEnd } from './interruption.js';
import { createProgram, optionFlags } from './program.js';
import { rankPrefix } from './rank-prefix.js';

prepareEnd();
process.removeAllListeners('warning');
process.on('warning', ({ message }) => print(process.stderr, `${rankPrefix()}mayfly: warning: ${message}\n`));

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (process.exitCode !== 0) print(process.stderr, `${rankPrefix()}${errorLine(error, { flags: optionFlags() })}\n`);
}
