import { print } from '../observe/printable.js';
import { errorLine } from './error-line.js';
import { exitCodeOf } from './exit-code.js';
import { prepareEnd } from './interruption.js';
import { createProgram } from './program.js';

prepareEnd();
process.removeAllListeners('warning');
process.on('warning', ({ message }) => print(process.stderr, `mayfly: warning: ${message}\n`));

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (process.exitCode !== 0) print(process.stderr, `${errorLine(error)}\n`);
}
