import type { Channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';

/**
 * Emits each event once the state change behind it is complete: from an empty stack, in the order of the calls, and before the
 * promises that settle by the same change. So a listener may call anything. One that throws is an uncaught exception, as with
 * any emitter of Node, but interrupts nothing here. No name is special, `error` included.
 *
 * Channels of node:diagnostics_channel get their events at once, during the change: their subscribers are not to call anything.
 */
export class DeferredEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> {
  readonly #name: string;
  readonly #channels: Readonly<Partial<Record<keyof Events, Channel>>>;

  /** @param name The field of a channel's message that holds this emitter. */
  constructor(name: string, channels: Readonly<Partial<Record<keyof Events, Channel>>>) {
    super();
    this.setMaxListeners(0);
    this.#name = name;
    this.#channels = channels;
  }

  override emit: EventEmitter<Events>['emit'] = (name, ...event) => {
    const channel = this.#channels[name as keyof Events];
    if (channel?.hasSubscribers) channel.publish({ event: name, [this.#name]: this, ...(event[0] as object) });
    if (this.listenerCount(name) === 0) return false;
    queueMicrotask(() => super.emit(name, ...event));
    return true;
  };
}
