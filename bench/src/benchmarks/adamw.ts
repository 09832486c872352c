import { availableParallelism } from 'node:os';
import { presets } from '@mayfly/core';
import { countParameters } from '@mayfly/core/testing';
import { alternate } from '../harness/alternate.js';
import { measureMachine } from '../harness/machine.js';
import type { Benchmark, Figure } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { ratio } from '../harness/targets.js';

/** Bytes that an update must move for each parameter: four arrays read, three of them written. */
const UPDATE_BYTES = 28;
/** The same with the fp16 copy, whose lines are read before they are written. */
const UPDATE_AND_COPY_BYTES = 32;

export const adamw: Benchmark = {
  name: 'adamw',
  measures: 'An AdamW update of the parameters of stories110m, and with their fp16 copy in the same pass.',
  async measure({ quick, repetitions }) {
    const threads = availableParallelism();
    const count = quick ? 1 << 20 : countParameters(presets.stories110m);
    const task = { count, threads, samples: quick ? 1 : 7 };
    const measured = await alternate<Record<string, number>>(
      'adamw',
      [
        { name: 'mayfly', run: () => runScript('adamw-run', task) },
        { name: 'a = a·c + b in C', run: () => measureMachine(threads) },
      ],
      repetitions,
    );
    const own = measured.samples.get('mayfly');
    const machine = measured.samples.get('a = a·c + b in C');
    const speed = own && (UPDATE_BYTES * count) / own.update! / 1e6;
    const copySpeed = own && (UPDATE_AND_COPY_BYTES * count) / own.copying! / 1e6;
    const figures: Figure[] = [
      ...(own === undefined || speed === undefined || copySpeed === undefined
        ? []
        : [
            figure(`update, ${(count / 1e6).toFixed(1)}M parameters`, 'ms', own.update!),
            figure('update, memory read and written', 'GB/s', speed),
            figure('update with fp16 copy', 'ms', own.copying!),
            figure('update with fp16 copy, memory read and written', 'GB/s', copySpeed),
          ]),
      ...(machine === undefined ? [] : [figure('a = a·c + b in C', 'GB/s', machine.stream!)]),
    ];
    const targets = [
      ...ratio('memory speed of the update / a = a·c + b in C', speed, machine?.stream, '>=', 0.9),
      ...ratio('memory speed of the update with fp16 copy / a = a·c + b in C', copySpeed, machine?.stream, '>=', 0.9),
    ];
    return { repetitions, figures, targets, skipped: measured.skipped };
  },
};

const figure = (name: string, unit: Figure['unit'], p50: number): Figure => ({
  case: name,
  isolation: 'none',
  placement: 'scheduler',
  unit,
  p50,
});
