import t from 'tap';
import { newAgentKey } from '../../../agent/ssh/agent-key.ts';
import { NODE } from '../../../crds/kinds.ts';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { until } from '../../support/until.ts';

const soon = (what: string) => ({ timeoutMs: 10_000, everyMs: 10, what: () => what });
const NEXT = newAgentKey();

t.test(
  'a gateway with its next host key is the one of whoever has heard of it, and of nobody else',
  async t => {
    const lab = await gatewayLab(t, { hostKey: NEXT });
    const { connected, close } = await lab.uplink({ hostKeys: [KEYS.gateway.publicKey, NEXT.publicKey] });
    await connected();
    t.equal((await lab.ssh({ key: KEYS.alice, gatewayKey: NEXT }).ssh(['shop', 'echo in'])).stdout, 'in\n');
    const late = await lab.ssh({ key: KEYS.alice }).ssh(['shop', 'echo in']);
    t.match({ code: late.code, stdout: late.stdout }, { code: 255, stdout: '' });
    t.match(late.stderr, /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
    await close();

    const { uplink } = await lab.uplink();
    const line = await lab.untilLogged('the gateway was not reached; it is tried again');
    t.match(JSON.parse(line), {
      why: /answers with another host key/,
      next: /if the gateway was set up anew, join the node again/,
    });
    t.notOk(uplink.isConnected);
  },
);

t.test(
  'a node whose key is replaced loses its connection at once, and comes back with the new one',
  async t => {
    const lab = await gatewayLab(t);
    const old = await lab.uplink();
    await old.connected();
    await lab.client.patch(NODE, { name: 'n1' }, 'merge', { spec: { agentKeys: [NEXT.publicKey] } });
    await lab.untilLogged('the key was revoked; its connection is cut', { kind: 'node', name: 'n1' });
    await until(() => !old.uplink.isConnected, soon('the old connection to be gone'));
    const line = await lab.untilLogged('the gateway was not reached; it is tried again');
    t.match(JSON.parse(line), { why: /refused the login/, next: /join again/ });
    const now = await lab.uplink({ key: NEXT });
    await now.connected();
    t.equal((await lab.ssh({ key: KEYS.alice }).ssh(['shop', 'echo in'])).stdout, 'in\n');
    t.notOk(old.uplink.isConnected);
  },
);
