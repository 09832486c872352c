#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli.js', import.meta.url);
try {
  if (!existsSync(main))
    throw new Error(`Expected ${fileURLToPath(main)}, got no such file: build it with npm run build`);
  await import(main.href);
} catch (error) {
  process.stderr.write(`mayfly: ${process.env.MAYFLY_DEBUG ? error.stack : error.message}\n`);
  process.exitCode = 1;
}
