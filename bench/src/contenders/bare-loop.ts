import { addon } from '@mayfly/native';
import { compileC } from '../harness/compile-c.js';
import type { Contender } from './contender.js';

/** The least that Node allows: one native call, a C program that sends each frame back, one callback of the event loop. */
export const bareLoop: Contender = {
  name: 'Node loop, C echo',
  isolation: 'process',
  kind: 'primitive',
  async open() {
    const arena = addon.createArena(65_536);
    const nothing = () => {};
    const { connectionFd } = addon.spawn({
      file: compileC('floor/echo'),
      args: [],
      env: {},
      arena,
      lane: false,
      onExit: nothing,
    });
    const waiting: (() => void)[] = [];
    const connection = addon.connect(connectionFd, {
      onCompletion: () => waiting.shift()?.(),
      onControl: nothing,
      onClose: nothing,
    });
    connection.ref();
    let id = 0;
    const ping = () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        connection.dispatch(id++, 1, 0, 4096);
      });
    return { ping, close: () => connection.close() };
  },
};
