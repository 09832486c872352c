/**
 * A worker: attaches the arena, opens its device, sends `ready`, then serves until it receives `retire` or its parent
 * exits. No JavaScript runs per dispatch: `serve()` answers dispatches natively and returns only for control messages.
 */
import { addon, isMayflyError } from '@mayfly/native';
import { answer } from './answer.js';
import {
  ARENA_FD,
  CONNECTION_FD,
  LANE_FDS,
  PROTOCOL_VERSION,
  packMessage,
  parseSettings,
  unpackRequest,
} from './protocol.js';

/** A parent that breaks the protocol gets a worker's end, and its stderr says why. */
const NOT_UNDERSTOOD = 64;

function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isMayflyError(error) || error.code !== 'ERR_PROTOCOL') throw error;
    process.stderr.write(`ERR_PROTOCOL: ${error.message}\n`);
    process.exit(NOT_UNDERSTOOD);
  }
}

const settings = understood(() => parseSettings(process.argv[2]));
process.title = `mayfly-worker-${settings.worker}`;
addon.dieWithParent(settings.parentPid);
const arena = addon.attachArena(ARENA_FD);
const { threads, precision } = settings;
const device = addon.openDevice(settings.device, arena, { threads, precision });
const socket = addon.serveSocket(CONNECTION_FD, device, LANE_FDS);

const { name, api } = device;
socket.send(
  packMessage({ type: 'ready', protocol: PROTOCOL_VERSION, pid: process.pid, device: name, api, isa: addon.isa() }),
);
for (let payload = socket.serve(); payload !== null; payload = socket.serve()) {
  const request = understood(() => unpackRequest(payload));
  socket.send(answer(request, device));
  if (request.type === 'retire') break;
}
device.close();
process.exit(0);
