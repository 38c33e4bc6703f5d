import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import type { Writable } from 'node:stream';
import { markLone, release } from './lone-buffers.ts';

/** Of one direction. */
export interface GcmOptions {
  algorithm: 'aes-128-gcm' | 'aes-256-gcm';
  key: Buffer;
  /** 12 bytes, of the next packet. Changed in place. */
  iv: Buffer;
  /** Of the next packet. */
  seqno: number;
}

const LENGTH_BYTES = 4;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
const MIN_PADDING = 4;
/** Of a whole packet, as ssh2 bounds it. */
const MAX_PACKET_BYTES = 35_000;

/** Of whatever connection: a packet is sealed before the next one is begun. */
const draft = Buffer.alloc(MAX_PACKET_BYTES);
const randomness = Buffer.alloc(4096);
let randomUsed = randomness.length;

/** Seals and writes SSH packets under AES-GCM (RFC 5647). What stands for a field of ssh2's ciphers has its name. */
export class GcmCipher {
  outSeqno: number;
  readonly #algorithm: GcmOptions['algorithm'];
  readonly #key: KeyObject;
  readonly #iv: Buffer;
  readonly #to: Writable;
  #isFree = false;

  constructor({ algorithm, key, iv, seqno }: GcmOptions, to: Writable) {
    this.#algorithm = algorithm;
    // With a Buffer, Node 24 takes several times as long to begin a packet.
    this.#key = createSecretKey(key);
    this.#iv = iv;
    this.#to = to;
    this.outSeqno = seqno;
  }

  free(): void {
    this.#isFree = true;
  }

  /** A packet whose payload is to be written from offset 5 on. Good until the next one is asked for. */
  allocPacket(payloadBytes: number): Buffer {
    const unpadded = 1 + payloadBytes;
    let padding = BLOCK_BYTES - (unpadded % BLOCK_BYTES);
    if (padding < MIN_PADDING) padding += BLOCK_BYTES;
    const bytes = LENGTH_BYTES + unpadded + padding;
    const packet = bytes <= draft.length ? draft.subarray(0, bytes) : Buffer.allocUnsafe(bytes);
    packet.writeUInt32BE(unpadded + padding, 0);
    packet[LENGTH_BYTES] = padding;
    packet.set(random(padding), bytes - padding);
    return packet;
  }

  encrypt(packet: Buffer): void {
    if (this.#isFree || !this.#to.writable) return;
    const length = packet.subarray(0, LENGTH_BYTES);
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#iv);
    cipher.setAAD(length);
    const sealed = cipher.update(packet.subarray(LENGTH_BYTES));
    cipher.final();
    markLone(sealed);
    this.#to.write(Buffer.from(length));
    this.#to.write(sealed, () => release(sealed));
    this.#to.write(cipher.getAuthTag());
    increment(this.#iv);
    this.outSeqno = (this.outSeqno + 1) >>> 0;
  }
}

/** Takes a payload. Says `false` when another decipher is to go on, or another offset to go on from. */
type OnPayload = (payload: Buffer) => false | number | undefined;

/** Opens SSH packets under AES-GCM. What stands for a field of ssh2's deciphers has its name. */
export class GcmDecipher {
  inSeqno: number;
  /** ssh2 changes it. */
  _onPayload: OnPayload;
  readonly #algorithm: GcmOptions['algorithm'];
  readonly #key: KeyObject;
  readonly #iv: Buffer;
  /** A packet of which not all has come. */
  #begun: Buffer = Buffer.allocUnsafeSlow(256);
  #begunBytes = 0;

  constructor({ algorithm, key, iv, seqno }: GcmOptions, onPayload: OnPayload) {
    this.#algorithm = algorithm;
    this.#key = createSecretKey(key);
    this.#iv = iv;
    this._onPayload = onPayload;
    this.inSeqno = seqno;
  }

  free(): void {}

  /**
   * Reads `data` from `at` to `end`, of which nothing is kept. Returns from where to go on when a payload says so, to be
   * called again, or another decipher. Throws when something is not what the peer has sealed.
   */
  decrypt(data: Buffer, at: number, end: number): number | undefined {
    for (let next = at; next < end; ) {
      let packet: Buffer | undefined;
      const whole = this.#begunBytes === 0 ? packetBytes(data, next, end) : undefined;
      if (whole && next + whole <= end) {
        packet = data.subarray(next, next + whole);
        next += whole;
      } else {
        const wanted = packetBytes(this.#begun, 0, this.#begunBytes) ?? LENGTH_BYTES;
        const taken = Math.min(wanted - this.#begunBytes, end - next);
        this.#keep(data.subarray(next, next + taken), wanted);
        next += taken;
        if (this.#begunBytes === packetBytes(this.#begun, 0, this.#begunBytes)) {
          packet = this.#begun.subarray(0, this.#begunBytes);
          this.#begunBytes = 0;
        }
      }
      if (!packet) continue;
      const payload = this.#open(packet);
      this.inSeqno = (this.inSeqno + 1) >>> 0;
      const from = this._onPayload(payload);
      if (from !== undefined) return from === false ? next : from;
    }
    return undefined;
  }

  #keep(part: Buffer, wantedBytes: number): void {
    if (this.#begun.length < wantedBytes) {
      const larger = Buffer.allocUnsafeSlow(MAX_PACKET_BYTES);
      larger.set(this.#begun.subarray(0, this.#begunBytes));
      this.#begun = larger;
    }
    this.#begun.set(part, this.#begunBytes);
    this.#begunBytes += part.length;
  }

  #open(packet: Buffer): Buffer {
    const end = packet.length - TAG_BYTES;
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#iv);
    decipher.setAAD(packet.subarray(0, LENGTH_BYTES));
    decipher.setAuthTag(packet.subarray(end));
    const plain = decipher.update(packet.subarray(LENGTH_BYTES, end));
    decipher.final();
    increment(this.#iv);
    const padding = plain[0] ?? 0;
    if (padding < MIN_PADDING || padding >= plain.length) throw new Error('Bad padding length');
    markLone(plain);
    return plain.subarray(1, plain.length - padding);
  }
}

/** Of the packet that begins at `at`, all in all; undefined before its length is there. Throws when it is no length. */
function packetBytes(data: Buffer, at: number, end: number): number | undefined {
  if (end - at < LENGTH_BYTES) return undefined;
  const length = data.readUInt32BE(at);
  const bytes = LENGTH_BYTES + length + TAG_BYTES;
  if (bytes > MAX_PACKET_BYTES || length < BLOCK_BYTES || length % BLOCK_BYTES !== 0)
    throw new Error('Bad packet length');
  return bytes;
}

/** By one, its last 8 bytes: those count the packets. */
function increment(iv: Buffer): void {
  for (let at = iv.length - 1; at >= iv.length - 8; at--) {
    const value = ((iv[at] ?? 0) + 1) & 0xff;
    iv[at] = value;
    if (value !== 0) return;
  }
}

function random(bytes: number): Buffer {
  if (randomUsed + bytes > randomness.length) {
    randomFillSync(randomness);
    randomUsed = 0;
  }
  randomUsed += bytes;
  return randomness.subarray(randomUsed - bytes, randomUsed);
}
