import { EventEmitter } from 'eventemitter3';

/**
 * Emits each event once the state change that it tells of is whole: from an empty stack, in the order of the calls, and before
 * the promises that settle by the same change. So a listener may call anything, and one that throws is an uncaught exception,
 * as with any emitter of Node, but cuts nothing short.
 */
export class DeferredEmitter<Events extends EventEmitter.ValidEventTypes> extends EventEmitter<Events> {
  override emit<Name extends EventEmitter.EventNames<Events>>(
    name: Name,
    ...event: EventEmitter.EventArgs<Events, Name>
  ): boolean {
    if (this.listenerCount(name) === 0) return false;
    queueMicrotask(() => super.emit(name, ...event));
    return true;
  }
}
