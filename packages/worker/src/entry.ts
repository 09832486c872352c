/**
 * A worker: attaches the arena, opens its device, says it is ready, then serves until it is told to retire or its parent
 * is gone. Nothing here runs per dispatch: `serve()` answers those natively and comes back with control messages only.
 */
import { addon } from '@mayfly/native';
import { answer } from './answer.js';
import {
  ARENA_FD,
  CONNECTION_FD,
  LANE_FDS,
  PROTOCOL_VERSION,
  packMessage,
  unpackRequest,
  type WorkerSettings,
} from './protocol.js';

const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings;
if (settings.protocol !== PROTOCOL_VERSION) {
  process.stderr.write(`Expected to be started by protocol ${PROTOCOL_VERSION}, got ${settings.protocol}\n`);
  process.exit(64);
}

process.title = `mayfly-worker-${settings.worker}`;
addon.dieWithParent(settings.parentPid);
const arena = addon.attachArena(ARENA_FD);
const { threads, precision } = settings;
const device = addon.openDevice(settings.device, arena, { threads, precision });
const socket = addon.serveSocket(CONNECTION_FD, arena, device, LANE_FDS);

socket.send(
  packMessage({ type: 'ready', protocol: PROTOCOL_VERSION, pid: process.pid, device: device.name, isa: addon.isa() }),
);
for (let payload = socket.serve(); payload !== null; payload = socket.serve()) {
  const response = answer(unpackRequest(payload), device);
  socket.send(packMessage(response));
  if (response.type === 'retiring') break;
}
device.close();
process.exit(0);
