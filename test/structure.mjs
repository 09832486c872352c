// `npm run structure`: files, lines, circles and upward imports of each folder, and the names that the packages export.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ts = createRequire(import.meta.url)('typescript');
const root = fileURLToPath(new URL('../', import.meta.url));

/** The folders of each source tree, from the top floor to the ground: a file imports from its own floor or from a lower one. */
export const trees = [
  {
    folder: 'packages/core/src',
    floors: [
      ...[
        'cli',
        'launch',
        'watch',
        'doctor',
        'observe',
        'export',
        'train',
        'inference',
        'variants',
        'decoder',
        'chips',
        'programs',
        'model',
        'data',
        'checkpoint',
        'history',
        'run',
      ],
      ...['pool', 'collective', 'machine', 'memory', 'mil', 'files'],
    ],
  },
  { folder: 'packages/core/src/pool', floors: ['fleet', 'kernel', 'worker'] },
  { folder: 'packages/native/lib', floors: ['chips', 'contract'] },
  {
    folder: 'packages/native/src',
    floors: [
      'ane',
      'sim',
      'cpu',
      'ipc',
      'collective',
      'device',
      'mil',
      'math/host',
      'math/gemm',
      'math/simd',
      'parallel',
      'shm',
    ],
  },
];

/** Paths of all source files below a folder, relative to it. */
const sourcesIn = (folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|h|cc)$/.test(path))
    .sort();

/** Files that a file imports, types included, as it names them. */
function importsOf(text, path) {
  if (!path.endsWith('.ts')) return [...text.matchAll(/^#include "([^"]+)"/gm)].map(([, name]) => name);
  const { importedFiles } = ts.preProcessFile(text, true, true);
  return importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
}

/** Each file of a tree with its lines and with those files of the tree that it imports. */
export function graphOf(folder) {
  const paths = sourcesIn(folder);
  const known = new Set(paths);
  const files = new Map();
  for (const path of paths) {
    const text = readFileSync(join(root, folder, path), 'utf8');
    const imports = importsOf(text, path)
      .map((name) => (name.startsWith('.') ? relative('/', resolve('/', dirname(path), name)) : name))
      .map((name) => name.replace(/\.js$/, '.ts'))
      .filter((name) => known.has(name));
    files.set(path, { lines: text.split('\n').length - 1, imports });
  }
  return files;
}

/** The floor on which a file lies; -1 for a file beside the floors. */
const floorOf = (floors, path) => floors.findIndex((floor) => `${dirname(path)}/`.startsWith(`${floor}/`));

/** Imports of a higher floor: [importing file, imported file]. */
export function upwardImports(files, floors) {
  const upward = [];
  for (const [path, { imports }] of files) {
    const from = floorOf(floors, path);
    for (const imported of imports) {
      const to = floorOf(floors, imported);
      if (from !== -1 && to !== -1 && to < from) upward.push([path, imported]);
    }
  }
  return upward;
}

/** Groups of files that import each other, by Tarjan's algorithm. */
export function circles(files) {
  const order = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (path) => {
    order.set(path, order.size);
    low.set(path, order.get(path));
    stack.push(path);
    for (const next of files.get(path).imports) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(path, Math.min(low.get(path), low.get(next)));
    }
    if (low.get(path) !== order.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1) found.push(group.sort());
  };
  for (const path of files.keys()) if (!order.has(path)) visit(path);
  return found;
}

/** The names that a package's entries export: entry → number. */
function exportedNames(folder) {
  const { exports } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const counts = {};
  for (const [entry, { types }] of Object.entries(exports)) {
    if (types === undefined) continue; // package.json
    const text = readFileSync(join(root, folder, types), 'utf8');
    const lists = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, names]) => names.split(','));
    const declared = [
      ...text.matchAll(/^export (?:declare )?(?:abstract )?(?:const|class|function|interface|type) /gm),
    ];
    counts[entry] = lists.filter((name) => name.trim() !== '').length + declared.length;
  }
  return counts;
}

function print() {
  for (const { folder, floors } of trees) {
    const files = graphOf(folder);
    console.log(`\n${folder}: ${circles(files).length} circles, ${upwardImports(files, floors).length} upward imports`);
    const rooms = new Map();
    for (const [path, { lines }] of files) {
      const room = floors[floorOf(floors, path)] ?? '.';
      rooms.set(room, [...(rooms.get(room) ?? []), lines]);
    }
    for (const [room, lines] of rooms) {
      const sorted = lines.sort((a, b) => a - b);
      const total = sorted.reduce((sum, count) => sum + count, 0);
      const figures = [`${sorted.length} files`, `${total} lines`, `median ${sorted[sorted.length >> 1]}`];
      console.log(`  ${room.padEnd(14)} ${figures.join(', ')}, longest ${sorted.at(-1)}`);
    }
  }
  for (const [entry, count] of Object.entries(exportedNames('packages/core'))) {
    console.log(`${entry === '.' ? '\n@mayfly/core' : `@mayfly/core/${entry.slice(2)}`}: ${count} names`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) print();
