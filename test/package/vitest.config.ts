import { defineConfig } from 'vitest/config';

// What `npm run pack` made, installed as users do it: `npm run test:package`. Not a part of `npm test`: it takes minutes, and other Nodes from npm.
export default defineConfig({
  test: { include: ['*.test.ts'], pool: 'forks', maxWorkers: 1, testTimeout: 600_000, hookTimeout: 600_000 },
});
