import { errorLine } from './error-line.js';
import { exitCodeOf } from './exit-code.js';
import { createProgram } from './program.js';

process.removeAllListeners('warning');
process.on('warning', ({ message }) => process.stderr.write(`mayfly: warning: ${message}\n`));

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (process.exitCode !== 0) process.stderr.write(`${errorLine(error)}\n`);
}
