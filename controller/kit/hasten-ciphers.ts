import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Client, Connection } from 'ssh2';

/** Of ssh2: it gives each packet's cipher a Buffer as its key. */
interface Internals {
  _protocol: {
    _cipher?: { _encKey?: Buffer | KeyObject };
    _decipher?: { _decipherKey?: Buffer | KeyObject };
  };
}

/**
 * Gives the ciphers of a connection their keys as Node wants them: with a Buffer, Node 24 takes 50 µs to begin a packet,
 * with a KeyObject 13. Call it before the handshake.
 */
export function hastenCiphers(connection: Client | Connection): void {
  // Also after each rekey.
  (connection as Client).on('handshake', () => {
    const { _cipher, _decipher } = (connection as unknown as Internals)._protocol;
    if (Buffer.isBuffer(_cipher?._encKey)) _cipher._encKey = createSecretKey(_cipher._encKey);
    if (Buffer.isBuffer(_decipher?._decipherKey))
      _decipher._decipherKey = createSecretKey(_decipher._decipherKey);
  });
}
