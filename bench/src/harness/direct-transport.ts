import type { Arena, StartTransport } from '@mayfly/core/testing';
import { addon } from '@mayfly/native';
import { PROTOCOL_VERSION, packMessage, unpackRequest } from '@mayfly/worker';
import { answer } from '@mayfly/worker/answer';

/** A "worker" that is a device of this process: what is called is evaluated there and then, on the main thread. */
export function directTransport(arena: Arena): StartTransport {
  return ({ device: name, threads }, { onCompletion, onControl, onClose, onExit }) => {
    const device = addon.openDevice(name, arena.native, { threads });
    const { pid } = process;
    let open = true;
    // Answers come after the call, as they do from a process.
    const later = (body: () => void) => queueMicrotask(() => open && body());
    const respond = (payload: Uint8Array) => later(() => onControl(payload));
    const end = () => {
      if (!open) return;
      open = false;
      device.close();
      setImmediate(() => {
        onClose(null);
        onExit(0, null);
      });
    };
    const { api } = device;
    respond(packMessage({ type: 'ready', protocol: PROTOCOL_VERSION, pid, device: name, api, isa: addon.isa() }));
    const evaluate = (id: number, program: number, offsets: readonly number[]) => {
      const begin = performance.now();
      device.evaluate(program, offsets);
      const nanoseconds = (performance.now() - begin) * 1e6;
      later(() => onCompletion(id, 0, nanoseconds, '', 0, 0));
    };
    return {
      pid,
      lastWords: () => '',
      signal: end,
      connection: {
        dispatch: (id, program, input, output) => evaluate(id, program, [input, output]),
        dispatchPorts: evaluate,
        prefetch() {},
        control(payload) {
          const request = unpackRequest(payload);
          respond(answer(request, device));
          if (request.type === 'retire') later(end);
        },
        evaluationEnd: 0,
        ref() {},
        unref() {},
        close: end,
      },
    };
  };
}
