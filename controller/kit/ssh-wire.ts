/** The strings (RFC 4251, 5) that data consists of; what is cut off at its end is left out. */
export function readStrings(data: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const length = data.readUInt32BE(at);
    if (at + 4 + length > data.length) break;
    out.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return out;
}

export function writeString(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A number (`mpint`) as so many bytes. Throws for one that is larger. */
export function toFixed(number: Buffer, size: number): Buffer {
  const extra = Math.max(0, number.length - size);
  if (number.subarray(0, extra).some(byte => byte !== 0)) throw new RangeError('the number is too large');
  const bytes = number.subarray(extra);
  return Buffer.concat([Buffer.alloc(size - bytes.length), bytes]);
}
