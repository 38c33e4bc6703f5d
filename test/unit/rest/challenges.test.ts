import t from 'tap';
import { Challenges } from '../../../controller/rest/login/challenges.ts';
import { FakeClock } from '../../support/fake-clock.ts';

t.test('a challenge holds once, for a minute, where it was made', async t => {
  const clock = new FakeClock();
  const challenges = new Challenges(clock);
  const { challenge } = challenges.issue();
  t.equal(new Challenges(clock).redeem(challenge), false, 'another server');
  t.equal(challenges.redeem(challenge), true);
  t.equal(challenges.redeem(challenge), false, 'again');
  const late = challenges.issue().challenge;
  await clock.advance(60_000);
  t.equal(challenges.redeem(late), false, 'too late');
  t.equal(challenges.redeem(challenge), false, 'what was used and forgotten is over');
});

t.test('a challenge that was bent or is spelled otherwise is none', async t => {
  const challenges = new Challenges(new FakeClock());
  const { challenge } = challenges.issue();
  const data = Buffer.from(challenge, 'base64url');
  for (let at = 0; at < data.length; at++) {
    const bent = Buffer.from(data);
    bent[at]! ^= 1;
    t.equal(challenges.redeem(bent.toString('base64url')), false);
  }
  for (const text of ['', 'x', challenge.slice(1), `${challenge}AAAA`])
    t.equal(challenges.redeem(text), false);
  t.equal(challenges.redeem(challenge), true);
  t.equal(challenges.redeem(`${challenge}=`), false, 'spelled otherwise it is the same');
});
