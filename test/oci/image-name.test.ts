import { describe, expect, test } from 'vitest';
import { familiarName, formatImageName, parseImageName, withDefaultTag } from '../../src/oci/image-name.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('an image name', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox', 'busybox'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['library/busybox', 'docker.io/library/busybox', 'busybox'],
    ['me/tool:v1', 'docker.io/me/tool:v1', 'me/tool:v1'],
    ['library/a/b', 'docker.io/library/a/b', 'library/a/b'],
    ['docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
    ['index.docker.io/me/tool', 'docker.io/me/tool', 'me/tool'],
    ['localhost/tool', 'localhost/tool', 'localhost/tool'],
    ['localhost:5000/tool', 'localhost:5000/tool', 'localhost:5000/tool'],
    ['registry.example/a/b/c:t', 'registry.example/a/b/c:t', 'registry.example/a/b/c:t'],
    ['Upper/tool', 'Upper/tool', 'Upper/tool'],
    ['[::1]:5000/tool', '[::1]:5000/tool', '[::1]:5000/tool'],
    ['a__b/c-d.e---f', 'docker.io/a__b/c-d.e---f', 'a__b/c-d.e---f'],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    [`busybox:1@${DIGEST}`, `docker.io/library/busybox:1@${DIGEST}`, `busybox:1@${DIGEST}`],
  ])('%s is %s, shown as %s', (text, full, familiar) => {
    const name = parseImageName(text);

    expect(formatImageName(name)).toBe(full);
    expect(familiarName(name)).toBe(familiar);
    expect(parseImageName(full)).toEqual(name);
  });

  test.each([
    ['', /write \[REGISTRY/],
    ['a b', /write \[REGISTRY/],
    ['BusyBox', /lower case/],
    ['registry.example/Tool', /lower case/],
    ['a//b', /write \[REGISTRY/],
    ['/a', /write \[REGISTRY/],
    ['a/', /write \[REGISTRY/],
    ['-a', /write \[REGISTRY/],
    ['a___b', /write \[REGISTRY/],
    ['a:', /not a tag/],
    ['a:-b', /not a tag/],
    [`a:${'b'.repeat(129)}`, /not a tag/],
    ['a@sha256:123', /not a sha256 or sha512 digest/],
    ['a@md5:123', /not a sha256 or sha512 digest/],
    ['bad_host.example/a', /not a registry/],
    ['host:port/a', /not a registry/],
    ['../a', /not a registry/],
    [`${'a'.repeat(250)}`, /longer than 255/],
    ['f'.repeat(64), /image ID/],
  ])('is not %j', (text, why) => {
    expect(() => parseImageName(text)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(why) }),
    );
  });

  test('without tag and digest means latest', () => {
    expect(withDefaultTag(parseImageName('a')).tag).toBe('latest');
    expect(withDefaultTag(parseImageName('a:b')).tag).toBe('b');
    expect(withDefaultTag(parseImageName(`a@${DIGEST}`)).tag).toBeUndefined();
  });
});
