import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'vitest';

test('pages have the tables that their sources have now', () => {
  const script = fileURLToPath(new URL('../../packages/core/scripts/generate-pages.mjs', import.meta.url));
  execFileSync(process.execPath, [script, '--check'], { stdio: ['ignore', 'inherit', 'inherit'] });
});
