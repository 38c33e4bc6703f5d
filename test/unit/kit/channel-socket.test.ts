import { PassThrough } from 'node:stream';
import type { Channel } from 'ssh2';
import t from 'tap';
import { ChannelSocket } from '../../../controller/kit/channel-socket.ts';
import type { SocketBacklog } from '../../../controller/kit/socket-backlog.ts';
import { FakeClock } from '../../support/fake-clock.ts';

t.test(
  'a time limit is kept and taken back as node:http does it on a socket, and leaves nothing behind',
  async t => {
    const clock = new FakeClock();
    const channel = new PassThrough() as unknown as Channel;
    const backlog = { isLong: false } as SocketBacklog;
    const socket = new ChannelSocket(channel, { clock, backlog });
    t.teardown(() => socket.destroy());
    let calls = 0;
    const onTimeout = () => void calls++;
    for (let i = 0; i < 20; i++) socket.setTimeout(50, onTimeout).setTimeout(0, onTimeout);
    t.equal(socket.listenerCount('timeout'), 0);
    await clock.advance(100);
    t.equal(calls, 0);
    socket.setTimeout(50, onTimeout);
    await clock.advance(60);
    t.equal(calls, 1);
  },
);
