/** A lab with a step of each kind, on the built-in image. */
export const TINY_LAB: Readonly<Record<string, string>> = {
  'lab.yaml': `version: 1
id: tiny
title: A tiny lab
summary: Files and processes in three steps.
machines:
  - image: busybox
    cwd: /root
files:
  - path: /root/notes.txt
    content: |
      a note
steps:
  - id: greet
    title: Make a file
    text: greet.md
    init: echo ready > /tmp/prepared
    check: |
      test -f /root/hello || { echo "there is no file /root/hello"; exit 1; }
    hint:
      - Use **touch**.
      - Or redirect \`echo\`.
    solution: touch /root/hello
  - id: think
    title: Think about it
    text: Nothing to do here.
    needs: greet
  - id: last
    title: Remove it
    text: Remove the file again.
    needs: [greet, think]
    check: test ! -e /root/hello
    solution: rm /root/hello
`,
  'greet.md': `Make a file \`hello\` in your home folder.

# Look around

\`\`\`sh run
echo clicked-$((20 + 22))
\`\`\`

\`\`\`sh copy
touch /root/hello
\`\`\`

| name | what |
|---|---|
| touch | makes a file |

Then go to [the last step](#step=last), or read <b>this</b> and [a page](https://example.org/).
`,
};
