import { expect, test } from 'vitest';
import { imageConfigPage } from '../../../src/cli/format/image-page.ts';
import { Template } from '../../../src/cli/format/template.ts';

test("the page of an image's config says what the image leaves out, and keeps what else it says", () => {
  expect(imageConfigPage({ Cmd: ['sh'], Shell: ['ash'] })).toEqual({
    User: '',
    Env: null,
    Cmd: ['sh'],
    Volumes: null,
    WorkingDir: '',
    Entrypoint: null,
    OnBuild: null,
    Labels: null,
    Shell: ['ash'],
  });
  expect(imageConfigPage(null)).toMatchObject({ Cmd: null });
});

test('labels of an image are a map', () => {
  const page = imageConfigPage({ Labels: { b: '2', a: '1' } });

  expect(new Template('{{json .Labels}} {{.Labels.none}}').execute(page)).toBe('{"a":"1","b":"2"} <no value>');
});
