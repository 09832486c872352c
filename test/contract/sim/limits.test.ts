import { staticPrograms } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { chip, code, double, figure, SimBench, smallShape } from '../../fixtures/sim-bench.js';

describe('limits', () => {
  test('the compiler refuses from one compilation on, whatever is unloaded', () => {
    const { device } = new SimBench(chip({ compilations: figure(3) }));
    const text = double();
    for (let count = 0; count < 3; count++) device.unload(device.compile(text, []).program);
    expect(() => device.compile(text, [])).toThrow(
      code('ERR_DEVICE_LIMIT', /got a failure without an error \(compilation 4 of this process/, {
        limit: 'compilations',
      }),
    );
  });

  test('119 of them on a chip with the published limit', () => {
    const { device } = new SimBench('sim:m4');
    const text = double();
    for (let count = 0; count < 119; count++) device.unload(device.compile(text, []).program);
    expect(() => device.compile(text, [])).toThrow(code('ERR_DEVICE_LIMIT', /compilation 120/));
    expect(device.stats()).toMatchObject({ compilations: 120, livePrograms: 0 });
  });

  test('loaded programs have slots, which unloading gives back', () => {
    const { device } = new SimBench(chip({ livePrograms: figure(2) }));
    const text = double();
    const first = device.compile(text, []).program;
    device.compile(text, []);
    expect(() => device.compile(text, [])).toThrow(
      code('ERR_DEVICE_LIMIT', /Program load failure \(0x50004\).*2 programs/, { limit: 'livePrograms' }),
    );
    device.unload(first);
    device.compile(text, []);
  });

  test('weights have a bank', () => {
    const { device, arena } = new SimBench(chip({ programBytes: figure(20_000) }));
    const { program } = staticPrograms({ ...smallShape, dim: 32, hidden: 64 }).feedForwardForward;
    const [layout] = program.weightFiles;
    const block = arena.allocate(layout!.bytes);
    const weights = () => {
      const view = arena.native.view(block.offset, layout!.bytes);
      const bytes = new DataView(view.buffer, view.byteOffset, view.byteLength);
      bytes.setUint32(4, 2, true);
      for (const { recordOffset, dataOffset, bytes: length } of layout!.records) {
        bytes.setUint32(recordOffset, 0xdeadbeef, true);
        bytes.setUint32(recordOffset + 4, 1, true);
        bytes.setBigUint64(recordOffset + 8, BigInt(length), true);
        bytes.setBigUint64(recordOffset + 16, BigInt(dataOffset), true);
      }
      return [{ path: layout!.path, offset: block.offset, bytes: layout!.bytes }];
    };
    device.compile(program.text, weights());
    expect(() => device.compile(program.text, weights())).toThrow(code('ERR_ANE_LOAD', /0x20004/));
  });
});
