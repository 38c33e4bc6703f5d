import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, Connection } from 'ssh2';
import { GcmCipher, GcmDecipher, type GcmOptions } from './gcm-packets.ts';
import { markLone, release } from './lone-buffers.ts';

/** Of ssh2. Its ciphers of other algorithms, and those in its native part, have none of the optional fields. */
interface Internals {
  _sock: Duplex;
  _protocol: { _cipher: Ssh2Cipher; _decipher: Ssh2Decipher };
}

interface Ssh2Cipher {
  outSeqno: number;
  _encSSLName?: string;
  _encKey?: Buffer;
  _encIV?: Buffer;
}

interface Ssh2Decipher {
  inSeqno: number;
  _onPayload: GcmDecipher['_onPayload'];
  _decipherSSLName?: string;
  _decipherKey?: Buffer;
  _decipherIV?: Buffer;
  /** It has read so much of a packet's length. */
  _lenBytes?: number;
}

/**
 * Puts our own ciphers into a connection wherever AES-GCM was agreed on: ssh2's take five times the processor time, most of
 * it for memory. Call it before the handshake.
 */
export function hastenCiphers(connection: Client | Connection): void {
  let isReadByUs = false;
  // Also after each rekey.
  (connection as Client).on('handshake', () => {
    const { _sock: socket, _protocol: protocol } = connection as unknown as Internals;
    protocol._cipher = ourCipher(protocol._cipher, socket);
    protocol._decipher = ourDecipher(protocol._decipher);
    if (isReadByUs || !(socket instanceof Socket) || !(protocol._decipher instanceof GcmDecipher)) return;
    isReadByUs = true;
    // After ssh2 has read it.
    socket.on('data', chunk => {
      markLone(chunk);
      release(chunk);
    });
  });
}

function ourCipher(cipher: Ssh2Cipher, socket: Duplex): Ssh2Cipher {
  const { _encSSLName: algorithm, _encKey: key, _encIV: iv, outSeqno: seqno } = cipher;
  return isGcm(algorithm) && key && iv ? new GcmCipher({ algorithm, key, iv, seqno }, socket) : cipher;
}

function ourDecipher(decipher: Ssh2Decipher): Ssh2Decipher {
  const { _decipherSSLName: algorithm, _decipherKey: key, _decipherIV: iv, inSeqno: seqno } = decipher;
  const isFresh = decipher._lenBytes === 0;
  return isGcm(algorithm) && key && iv && isFresh
    ? new GcmDecipher({ algorithm, key, iv, seqno }, decipher._onPayload)
    : decipher;
}

const isGcm = (name: string | undefined): name is GcmOptions['algorithm'] =>
  name === 'aes-128-gcm' || name === 'aes-256-gcm';
