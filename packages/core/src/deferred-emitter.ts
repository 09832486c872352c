import { EventEmitter } from 'node:events';

/**
 * Emits each event once the state change behind it is complete: from an empty stack, in the order of the calls, and before the
 * promises that settle by the same change. So a listener may call anything. One that throws is an uncaught exception, as with
 * any emitter of Node, but interrupts nothing here. No name is special, `error` included.
 */
export class DeferredEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> {
  constructor() {
    super();
    this.setMaxListeners(0);
  }

  override emit: EventEmitter<Events>['emit'] = (name, ...event) => {
    if (this.listenerCount(name) === 0) return false;
    queueMicrotask(() => super.emit(name, ...event));
    return true;
  };
}
