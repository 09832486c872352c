import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'vitest';

test('docs/pool/mil.md lists the operations that there are', () => {
  const script = fileURLToPath(new URL('../../packages/core/scripts/mil-operations.mjs', import.meta.url));
  execFileSync(process.execPath, [script, '--check'], { stdio: ['ignore', 'inherit', 'inherit'] });
});
