import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import t from 'tap';
import { GcmCipher, GcmDecipher, type GcmOptions } from '../../../controller/kit/gcm-packets.ts';
import { release } from '../../../controller/kit/lone-buffers.ts';

interface Ssh2Crypto {
  CIPHER_INFO: Record<string, object>;
  createCipher(config: object): Sealer;
  createDecipher(config: object): Opener;
}
type Sealer = Pick<GcmCipher, 'allocPacket' | 'encrypt' | 'outSeqno' | 'free'>;
type Opener = Pick<GcmDecipher, 'decrypt' | 'inSeqno'>;
type OnPayload = GcmDecipher['_onPayload'];

const ssh2 = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js') as Ssh2Crypto;

const ALGORITHMS = [
  ['aes-128-gcm', 16],
  ['aes-256-gcm', 32],
] as const;
/** Around a block, around what a buffer is worth, and what OpenSSH sends at most. */
const PAYLOADS = [1, 10, 11, 12, 27, 28, 4090, 4096, 32_777].map(bytes => randomBytes(bytes));

/** Ours and ssh2's, each end by itself. The counter is about to carry into its next byte, and then into another. */
function ends(algorithm: GcmOptions['algorithm'], keyBytes: number) {
  const key = randomBytes(keyBytes);
  const iv = Buffer.concat([randomBytes(10), Buffer.from([0xff, 0xfd])]);
  const options = () => ({ algorithm, key, iv: Buffer.from(iv), seqno: 7 });
  const cipherInfo = ssh2.CIPHER_INFO[`${algorithm.replace('aes-', 'aes')}@openssh.com`];
  return {
    sealers: {
      ours: (to: Writable): Sealer => new GcmCipher(options(), to),
      ssh2: (to: Writable) =>
        ssh2.createCipher({
          outbound: {
            onWrite: (data: Buffer) => to.write(data),
            cipherInfo,
            cipherKey: key,
            cipherIV: Buffer.from(iv),
            seqno: 7,
          },
        }),
    },
    openers: {
      ours: (onPayload: OnPayload): Opener => new GcmDecipher(options(), onPayload),
      ssh2: (onPayload: OnPayload) =>
        ssh2.createDecipher({
          inbound: {
            onPayload,
            decipherInfo: cipherInfo,
            decipherKey: key,
            decipherIV: Buffer.from(iv),
            seqno: 7,
          },
        }),
    },
  };
}

/** What is written, once it was written. */
function sink(): { to: Writable; written: () => Buffer } {
  const parts: Buffer[] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // It may be given back afterwards.
      parts.push(Buffer.from(chunk));
      done();
    },
  });
  return { to, written: () => Buffer.concat(parts) };
}

function seal(make: (to: Writable) => Sealer): { bytes: Buffer; sealer: Sealer } {
  const { to, written } = sink();
  const sealer = make(to);
  for (const payload of PAYLOADS) {
    const packet = sealer.allocPacket(payload.length);
    packet.set(payload, 5);
    sealer.encrypt(packet);
  }
  return { bytes: written(), sealer };
}

for (const [algorithm, keyBytes] of ALGORITHMS) {
  const { sealers, openers } = ends(algorithm, keyBytes);
  for (const [sealing, opening] of [
    ['ours', 'ssh2'],
    ['ssh2', 'ours'],
    ['ours', 'ours'],
  ] as const)
    t.test(
      `${algorithm}: what is sealed by ${sealing} is opened by ${opening}, however it is cut`,
      async t => {
        const { bytes, sealer } = seal(sealers[sealing]);
        t.equal(sealer.outSeqno, 7 + PAYLOADS.length);
        for (const piece of [1, 3, 4, 5, 21, 4096, 65_536]) {
          const payloads: Buffer[] = [];
          const opener = openers[opening](payload => void payloads.push(Buffer.from(payload)));
          const from = new Set<number | undefined>();
          for (let at = 0; at < bytes.length; at += piece) {
            // As a socket gives it, which takes it back afterwards.
            const data = Buffer.from(bytes.subarray(at, at + piece));
            from.add(opener.decrypt(data, 0, data.length));
            data.fill(0);
          }
          t.same([...from], [undefined]);
          t.ok(Buffer.concat(payloads).equals(Buffer.concat(PAYLOADS)), `in pieces of ${piece}`);
          t.same(
            payloads.map(({ length }) => length),
            PAYLOADS.map(({ length }) => length),
          );
          t.equal(opener.inSeqno, 7 + PAYLOADS.length);
        }
      },
    );
}

const { sealers, openers } = ends('aes-128-gcm', 16);
const { bytes } = seal(sealers.ours);
const refuses = (data: Buffer) => () => openers.ours(() => undefined).decrypt(data, 0, data.length);

t.test('a packet of which a bit was changed is refused', async t => {
  // Length, data, tag of the first packet.
  for (const at of [3, 5, 25]) {
    const forged = Buffer.from(bytes);
    forged[at] = (forged[at] ?? 0) ^ 0x10;
    t.throws(refuses(forged), `byte ${at}`);
  }
});

t.test('a length that no packet has is refused before the packet is waited for', async t => {
  for (const length of [0, 8, 17, 34_992, 0xffff_fff0]) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    t.throws(refuses(head), { message: 'Bad packet length' }, `${length}`);
  }
});

t.test('whoever takes a payload can have the rest read by another, from there or from elsewhere', async t => {
  const first = 4 + 16 + 16;
  t.equal(openers.ours(() => false).decrypt(bytes, 0, bytes.length), first);
  t.equal(
    openers.ours(() => Number.POSITIVE_INFINITY).decrypt(bytes, 0, bytes.length),
    Number.POSITIVE_INFINITY,
  );
});

t.test('the memory of large payloads can be given back; a cipher that is free writes nothing', async t => {
  const payloads: Buffer[] = [];
  openers.ours(payload => void payloads.push(payload)).decrypt(bytes, 0, bytes.length);
  for (const payload of payloads) release(payload);
  t.same(
    payloads.map(({ length }) => length),
    PAYLOADS.map(({ length }) => (length >= 4090 ? 0 : length)),
  );
  const { to, written } = sink();
  const cipher = sealers.ours(to);
  cipher.free();
  cipher.encrypt(cipher.allocPacket(10));
  t.equal(written().length, 0);
});
