import { debuglog } from 'node:util';

/** Writes to stderr if NODE_DEBUG names mayfly. Check `enabled` first where the arguments have to be made. */
export const debug = debuglog('mayfly');
