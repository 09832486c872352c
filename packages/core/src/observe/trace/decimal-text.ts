const ZERO = 48;
/** Numbers up to here are written by whole divisions of 32 bits. */
const CHUNK = 1e9;
const CHUNK_DIGITS = 9;
const POINT = 46;

/** Text that is collected as bytes, since a string for each number would be garbage at once. */
export class DecimalText {
  #bytes = Buffer.allocUnsafeSlow(2 ** 16);
  #length = 0;

  /** The text so far, without a copy: until the next call. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** @param value A whole number from 0 to 2⁵³ − 1. */
  whole(value: number): void {
    if (value < CHUNK) {
      this.#digits(value, digitsOf(value));
      return;
    }
    const high = Math.floor(value / CHUNK);
    this.whole(high);
    this.#digits(value - high * CHUNK, CHUNK_DIGITS);
  }

  /** A thousandth of a whole number, with three decimals. */
  thousandths(value: number): void {
    const whole = Math.floor(value / 1000);
    this.whole(whole);
    this.#reserve(1);
    this.#bytes[this.#length++] = POINT;
    this.#digits(value - 1000 * whole, 3);
  }

  /** The last `count` digits of a number below `CHUNK`. */
  #digits(value: number, count: number): void {
    this.#reserve(count);
    let left = value | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const rest = (left / 10) | 0;
      this.#bytes[at] = ZERO + left - 10 * rest;
      left = rest;
    }
    this.#length += count;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Digits of a whole number below `CHUNK`. */
function digitsOf(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound && count < CHUNK_DIGITS; bound *= 10) count += 1;
  return count;
}
