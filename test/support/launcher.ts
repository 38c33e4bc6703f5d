const BASE = 0x40_0000;
const HEADERS = 64 + 56;

/** execve(path, argv, environment), else exit(127). */
const CODE = Buffer.from(
  [
    '488b3c24', // mov rdi, [rsp]: argc
    '488d742408', // lea rsi, [rsp + 8]: argv
    '488d54fe08', // lea rdx, [rsi + rdi * 8 + 8]: environment
    '488d3d13000000', // lea rdi, [rip + 19]: what follows this code
    'b83b0000000f05', // execve
    'bf7f000000b83c0000000f05', // exit
  ].join(''),
  'hex',
);

/**
 * A Linux executable (x64) of some bytes that becomes the program at `path`: for machines to which it is copied again and
 * again, and that have the program itself, of a hundred MiB, in another way.
 */
export function launcherOf(path: string): Buffer {
  const size = HEADERS + CODE.length + Buffer.byteLength(path) + 1;
  const file = Buffer.alloc(size);
  // ELF, 64 bits, little-endian, an executable for x86-64.
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(BASE + HEADERS), 24);
  file.writeBigUInt64LE(64n, 32);
  for (const [offset, value] of [
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const)
    file.writeUInt16LE(value, offset);
  // One segment: all of it, to be read and run.
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  for (const offset of [80, 88]) file.writeBigUInt64LE(BigInt(BASE), offset);
  for (const offset of [96, 104]) file.writeBigUInt64LE(BigInt(size), offset);
  file.writeBigUInt64LE(0x1000n, 112);
  CODE.copy(file, HEADERS);
  file.write(path, HEADERS + CODE.length);
  return file;
}
