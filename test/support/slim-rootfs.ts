import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import { type TestImage, testRootfs } from './images.ts';
import { madeOnce } from './made-once.ts';

/**
 * What no workspace of a test needs, two of three files: Perl, character sets, and what is for people to read. An engine
 * handles each file when it unpacks an image, and LXD whenever it starts an instance.
 */
const LEFT_OUT =
  /^(\.\/)?(usr\/share\/(doc|man|locale|info|lintian|perl5?|bash-completion|zoneinfo)|usr\/lib\/[^/]+\/(perl|perl-base|gconv)|var\/lib\/dpkg\/info)\/./;

/** Path of the root file system of a test image with less in it, as tar, for an engine that a test starts. */
export async function slimRootfs(image: TestImage): Promise<string> {
  const whole = await testRootfs(image);
  const slim = whole.replace(/\.tar$/, '-slim-1.tar');
  await madeOnce(slim, {
    isThere: () => existsSync(slim),
    make: () => makeSlim(whole, slim),
    timeoutMs: 120_000,
    what: `${slim} to be made`,
  });
  return slim;
}

async function makeSlim(whole: string, path: string): Promise<void> {
  const unfinished = `${path}.unfinished`;
  const entries = extract();
  const slim = pack();
  entries.on('entry', (header, stream, next) => {
    if (LEFT_OUT.test(header.name)) {
      stream.on('end', next).resume();
      return;
    }
    const entry = slim.entry(header, next);
    pipeline(stream, entry).catch(error => slim.destroy(error));
  });
  await Promise.all([
    pipeline(createReadStream(whole), entries).then(() => slim.finalize()),
    pipeline(Readable.from(slim), createWriteStream(unfinished)),
  ]);
  await rename(unfinished, path);
}
