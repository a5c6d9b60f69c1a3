import { describe, expect, test } from 'vitest';
import { changeRunConfig, type RunConfig } from '../../../src/oci/store/run-config.ts';

const BASE: RunConfig = {
  Cmd: ['sh'],
  Env: ['PATH=/bin', 'A=b'],
  WorkingDir: '/w',
  Labels: { a: '1' },
  Hostname: 'kept',
};

test.each<[string, RunConfig]>([
  ['CMD ["ls", "-l"]', { Cmd: ['ls', '-l'] }],
  ['CMD echo $A', { Cmd: ['/bin/sh', '-c', 'echo $A'] }],
  ['CMD [not json', { Cmd: ['/bin/sh', '-c', '[not json'] }],
  ['cmd', { Cmd: [] }],
  ['ENV B=c', { Env: ['PATH=/bin', 'A=b', 'B=c'] }],
  ['ENV A=x PATH=$PATH:/new:$A', { Env: ['A=x', 'PATH=/bin:/new:b'] }],
  ['ENV B a  b', { Env: ['PATH=/bin', 'A=b', 'B=a  b'] }],
  ['ENV B="a b" C=\'$A\' D=a\\ b E=\\$A', { Env: ['PATH=/bin', 'A=b', 'B=a b', 'C=$A', 'D=a b', 'E=$A'] }],
  ['ENV B=${A}x C=${N:-no} D=${A:+yes} E=${N:+yes}', { Env: ['PATH=/bin', 'A=b', 'B=bx', 'C=no', 'D=yes', 'E='] }],
  ['LABEL b="2 3" c=4', { Labels: { a: '1', b: '2 3', c: '4' } }],
  ['EXPOSE 80 90/UDP 8000-8001', { ExposedPorts: { '80/tcp': {}, '90/udp': {}, '8000/tcp': {}, '8001/tcp': {} } }],
  ['VOLUME ["/a b", "/c"]', { Volumes: { '/a b': {}, '/c': {} } }],
  ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
  ['USER $A:1', { User: 'b:1' }],
  ['WORKDIR sub/../rel', { WorkingDir: '/w/rel' }],
  ['WORKDIR /abs/', { WorkingDir: '/abs' }],
  ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
  ['ONBUILD RUN x y', { OnBuild: ['RUN x y'] }],
  ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
  [
    'HEALTHCHECK --interval=1m30s --retries=2 CMD curl x',
    { Healthcheck: { Interval: 90e9, Retries: 2, Test: ['CMD-SHELL', 'curl x'] } },
  ],
  ['HEALTHCHECK CMD ["curl", "x"]', { Healthcheck: { Test: ['CMD', 'curl', 'x'] } }],
])('%s', (line, change) => {
  expect(changeRunConfig(BASE, [line])).toEqual({ ...BASE, ...change });
});

describe('ENTRYPOINT', () => {
  test('takes the command away that was the old one’s', () => {
    const { Cmd: _, ...rest } = BASE;
    expect(changeRunConfig(BASE, ['ENTRYPOINT ["/e"]'])).toEqual({ ...rest, Entrypoint: ['/e'] });
  });
  test('leaves the command that was given before it', () => {
    expect(changeRunConfig(BASE, ['CMD ["c"]', 'ENTRYPOINT ["/e"]'])).toMatchObject({ Cmd: ['c'], Entrypoint: ['/e'] });
  });
});

test('later instructions see what earlier ones have set', () => {
  expect(changeRunConfig({}, ['ENV A=1', 'ENV B=$A$A', 'WORKDIR /x', 'WORKDIR y'])).toEqual({
    Env: ['A=1', 'B=11'],
    WorkingDir: '/x/y',
  });
});

test.each([
  ['RUN x', 'is none that an image takes'],
  ['', 'is empty'],
  ['ENV', 'says nothing'],
  ['ENV A', 'gives no value'],
  ['ENV A=1 B', 'not NAME=VALUE'],
  ['ENV A="1', 'not closed'],
  ['ENV A=${1}', 'no variable'],
  ['EXPOSE x', 'no port'],
  ['EXPOSE 70000', 'no port'],
  ['EXPOSE 9-8', 'no port'],
  ['USER $NONE', 'empty value'],
  ['VOLUME [""]', 'empty volume'],
  ['HEALTHCHECK x', 'neither NONE nor CMD'],
  ['HEALTHCHECK --retries=x CMD y', 'health checks'],
  ['HEALTHCHECK --interval=5 CMD y', 'no duration'],
  ['constructor x', 'is none'],
])('%s is refused', (line, why) => {
  expect(() => changeRunConfig(BASE, [line])).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(why) }),
  );
});
