import fc from 'fast-check';

/** One step of a schedule: something that a caller, a worker, the system or the clock does. */
export type Command =
  | { readonly type: 'compile' }
  | { readonly type: 'run' | 'update' | 'dispose'; readonly kernel: number }
  | { readonly type: 'abort'; readonly call: number }
  | { readonly type: 'step' | 'hang' | 'hangLate'; readonly worker: number }
  | { readonly type: 'kill'; readonly worker: number; readonly code: number | null }
  | { readonly type: 'fault'; readonly worker: number; readonly kind: 'dispatch' | 'compile' }
  | { readonly type: 'refuse'; readonly starts: number }
  | { readonly type: 'rotate' | 'wait' | 'yield' };

const kernel = fc.nat(3);
const worker = fc.nat(7);
const only = <T extends string>(type: T) => fc.constant(type);

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 16, arbitrary: fc.record({ type: only('step'), worker }) },
  { weight: 12, arbitrary: fc.record({ type: only('run'), kernel }) },
  { weight: 6, arbitrary: fc.record({ type: only('update'), kernel }) },
  { weight: 2, arbitrary: fc.record({ type: only('compile') }) },
  { weight: 2, arbitrary: fc.record({ type: only('dispose'), kernel }) },
  { weight: 3, arbitrary: fc.record({ type: only('abort'), call: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ type: only('kill'), worker, code: fc.constantFrom(null, 0, 3) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('hang' as const, 'hangLate' as const), worker }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: only('fault'),
      worker,
      kind: fc.constantFrom('dispatch' as const, 'compile' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: only('refuse'), starts: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ type: only('rotate') }) },
  { weight: 2, arbitrary: fc.record({ type: only('wait') }) },
  { weight: 2, arbitrary: fc.record({ type: only('yield') }) },
);

const never = Number.POSITIVE_INFINITY;

/** A pool, what happens to it, and how it ends. Milliseconds are those of the test's own clock, which only `wait` moves. */
export const schedule = fc.record({
  workers: fc.integer({ min: 1, max: 3 }),
  standby: fc.integer({ min: 0, max: 2 }),
  budget: fc.record({
    compilations: fc.integer({ min: 4, max: 9 }),
    livePrograms: fc.constantFrom(never, 5),
    evaluations: fc.constantFrom(never, 3, 7),
    ageMs: fc.constantFrom(never, 1500),
    failures: fc.constantFrom(1, 3),
  }),
  commands: fc.array(command, { maxLength: 80 }),
  ending: fc.constantFrom('close' as const, 'destroy' as const, 'close, then destroy' as const, 'deadline' as const),
});

export type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never;
