/** What follows a field's number. */
export type Wire = 0 | 1 | 2 | 5;

/** Reads the fields of one protobuf message in order. Throws RangeError where the bytes end too early or make no sense. */
export class ProtobufReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The next field, whose value must then be read or skipped; undefined at the end. */
  next(): { number: number; wire: Wire } | undefined {
    if (this.#at >= this.#bytes.length) return undefined;
    const tag = this.varint();
    const wire = tag & 7;
    if (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5) throw new RangeError('unknown wire type');
    return { number: Math.floor(tag / 8), wire };
  }

  /** A signed 64-bit number, as far as JavaScript can hold it. */
  varint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('it ends within a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new RangeError('a number is too long');
  }

  bytes(): Buffer {
    const length = this.varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError('it ends within a value');
    const value = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return value;
  }

  skip(wire: Wire): void {
    if (wire === 0) this.varint();
    else if (wire === 2) this.bytes();
    else this.#at += wire === 1 ? 8 : 4;
    if (this.#at > this.#bytes.length) throw new RangeError('it ends within a value');
  }
}
