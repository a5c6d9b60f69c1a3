import { describe, expect, test } from 'vitest';
import { GoDuration, goMap } from '../../../src/cli/format/go-values.ts';
import { Template } from '../../../src/cli/format/template.ts';

const VALUE = {
  ID: 'abc',
  Size: 12,
  On: true,
  None: null,
  Tags: ['a:1', 'b:2'],
  Empty: [],
  Wait: new GoDuration(90_000_000_000),
  Map: goMap({ b: '2', a: '1' }),
  Config: { Env: ['A=1'], Labels: { 'x.y': 'z' }, Cmd: null },
};

describe('a template', () => {
  test.each([
    ['plain', 'plain'],
    ['{{.ID}}', 'abc'],
    ['{{ .ID }}-{{.Size}}', 'abc-12'],
    ['a {{- .ID -}} b', 'a {{- .ID -}} b'.replace(' {{- .ID -}} ', 'abc')],
    ['{{/* a comment }} */}}x', 'x'],
    ['{{.Config.Env}}', '[A=1]'],
    ['{{.Config}}', 'map[Cmd:<no value> Env:[A=1] Labels:map[x.y:z]]'],
    ['{{.None}}', '<no value>'],
    ['{{.Map.a}} {{.Map.none}} {{json .Map}}', '1 <no value> {"a":"1","b":"2"}'],
    ['{{.Wait}} {{json .Wait}}', '1m30s 90000000000'],
    ['{{json .Tags}}', '["a:1","b:2"]'],
    ['{{.Tags | json}}', '["a:1","b:2"]'],
    ['{{json .}}', JSON.stringify(VALUE)],
    ['{{join .Tags ", "}}', 'a:1, b:2'],
    ['{{index .Tags 1}}', 'b:2'],
    ['{{index .Config.Labels "x.y"}}', 'z'],
    ['{{index .Config.Labels "none"}}', ''],
    ['{{(index .Tags 0) | upper}}', 'A:1'],
    ['{{(index . "Config").Env}}', '[A=1]'],
    ['{{range .Tags}}<{{.}}>{{end}}', '<a:1><b:2>'],
    ['{{range $i, $t := .Tags}}{{$i}}={{$t}} {{$.ID}};{{end}}', '0=a:1 abc;1=b:2 abc;'],
    ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{end}}', 'x.y=z'],
    ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
    ['{{range .None}}x{{end}}', ''],
    ['{{if .On}}yes{{else}}no{{end}}', 'yes'],
    ['{{if .Empty}}yes{{else if eq .Size 12}}twelve{{else}}no{{end}}', 'twelve'],
    ['{{if and .On (not .Empty)}}x{{end}}', 'x'],
    ['{{with .Config}}{{.Env}}{{end}}', '[A=1]'],
    ['{{with .None}}x{{else}}{{.ID}}{{end}}', 'abc'],
    ['{{$x := .ID}}{{$x}}{{len .Tags}}', 'abc2'],
    ['{{printf "%s|%5d|%-4s|%q|%%" .ID .Size "ab" "c"}}', 'abc|   12|ab  |"c"|%'],
    ['{{truncate .ID 2}}{{pad .ID 1 2}}{{title "two words"}}{{lower "AB"}}', 'ab abc  Two Wordsab'],
    ['{{index (split "a,b" ",") 1}}', 'b'],
    ['{{println .ID .Size}}', 'abc 12\n'],
    ['{{print "a\\tb" `c\\t`}}', 'a\tbc\\t'],
    ['{{or .None .Empty .ID}}{{lt 1 2}}{{gt "b" "a"}}{{le 2 2}}{{ge 1 2}}{{ne 1 2}}', 'abctruetruetruefalsetrue'],
    ['{{"}}"}}', '}}'],
  ])('%s gives %j', (text, expected) => {
    expect(new Template(text).execute(VALUE)).toBe(expected);
  });

  test.each([
    ['{{.Nope}}', /no field .Nope; there is .ID, .Size/],
    ['{{.ID.Inner}}', /no field .Inner$/],
    ['{{nope .ID}}', /no function nope/],
    ['{{$x}}', /no variable \$x/],
    ['{{.ID .Size}}', /only a function takes arguments/],
    ['{{join .ID ","}}', /join: abc is not a list/],
    ['{{index .Tags 7}}', /index: there is no element 7/],
    ['{{range .Size}}{{end}}', /range can't go over 12/],
    ['{{printf "%x" 1}}', /%x is not supported/],
  ])('%s does not work and says why', (text, message) => {
    expect(() => new Template(text).execute(VALUE)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ['{{.ID', /{{ is not closed/],
    ['{{if .On}}x', /{{if}} has no {{end}}/],
    ['x{{end}}', /{{end}} has nothing to end/],
    ['{{if .On}}{{else}}{{else}}{{end}}', /{{else}} follows {{else}}/],
    ['{{}}', /a value is missing/],
    ['{{.ID | }}', /a value is missing/],
    ['{{(.ID}}', /\( is not closed/],
    ['{{.ID)}}', /"\)" is not expected/],
    ['{{.ID ? 1}}', /"\? 1" is not understood/],
    ['{{"\\q"}}', /is not a text/],
    ['{{template "x"}}', /{{template}} is not supported/],
    ['{{range .Tags}}{{break}}{{end}}', /{{break}} is not supported/],
  ])('%s can not be read and says why', (text, message) => {
    expect(() => new Template(text)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
    );
  });
});

test.each([
  [0, '0s'],
  [1, '1ns'],
  [1500, '1.5µs'],
  [250_000_000, '250ms'],
  [2_000_000_000, '2s'],
  [61_500_000_000, '1m1.5s'],
  [3_600_000_000_000, '1h0m0s'],
])('a duration of %d ns is %s', (ns, text) => {
  expect(new GoDuration(ns).toString()).toBe(text);
});
