/** Writes one protobuf message, field by field. */
export class ProtobufWriter {
  readonly #parts: Buffer[] = [];

  varint(field: number, value: number | boolean): void {
    this.#parts.push(varint(field * 8), varint(Number(value)));
  }

  double(field: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(varint(field * 8 + 1), bytes);
  }

  /** A string, or a message that was written already. */
  bytes(field: number, value: string | Buffer): void {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#parts.push(varint(field * 8 + 2), varint(bytes.length), bytes);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Negative numbers are written as 64 bits in two's complement. */
function varint(value: number): Buffer {
  if (value >= 0 && value < 0x80) return Buffer.of(value);
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
