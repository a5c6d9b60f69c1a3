/** The lab that `viv lab new` makes: small, with one of everything, and its test passes as it stands. */

/** Files of it by path. */
export function starterLab(id: string, title: string): ReadonlyMap<string, string> {
  return new Map([
    ['lab.yaml', labYaml(id, title)],
    ['steps/welcome.md', WELCOME],
    ['steps/first-file.md', FIRST_FILE],
    ['steps/secret.md', SECRET],
    ['checks/secret.sh', SECRET_CHECK],
  ]);
}

const labYaml = (id: string, title: string): string => `# A lab. Every key is explained in docs/reference/lab-format.md.
version: 1
id: ${id}
title: ${JSON.stringify(title)}
summary: What this lab teaches, in one sentence.

machines:
  - image: busybox

# Files that are there before the student comes.
files:
  - path: /root/notes/read-me.txt
    content: |
      The secret word is in the other file.

steps:
  # A step without a check is for reading: the student says when it is done.
  - id: welcome
    title: Welcome
    text: steps/welcome.md

  - id: first-file
    title: Your first file
    text: steps/first-file.md
    needs: welcome
    check: |
      if ! [ -e /root/hello.txt ]; then
        echo "There is no file /root/hello.txt yet."
        exit 1
      fi
      if ! grep -q . /root/hello.txt; then
        echo "The file is there, but it is empty. Write a word into it."
        exit 1
      fi
    hint:
      - The sign \`>\` sends what a command prints to a file.
      - Try \`echo hello > /root/hello.txt\`{run}.
    solution: echo hello > /root/hello.txt

  - id: secret
    title: Find the secret
    text: steps/secret.md
    needs: first-file
    # Prepares the step when the student comes to it.
    init: echo rhubarb > /root/notes/.hidden
    check: { file: checks/secret.sh }
    hint: Names that begin with a dot are only shown by \`ls -a\`.
    solution: cat /root/notes/.hidden > /root/answer.txt
`;

const WELCOME = `This machine runs in your browser. It is yours: whatever you do in it, a reset brings it back.

Click on a command to type it into the terminal:

\`\`\`sh run
ls -l /root
\`\`\`

Go on when you have looked around.
`;

const FIRST_FILE = `Make a file \`/root/hello.txt\` with a word in it.

A command that prints something:

\`\`\`sh run
echo hello
\`\`\`
`;

const SECRET = `There are notes in the folder \`/root/notes\`:

\`\`\`sh run
cat /root/notes/read-me.txt
\`\`\`

Find the secret word, and write it into the file \`/root/answer.txt\`.
`;

const SECRET_CHECK = `#!/bin/sh
# Whatever a check prints last is what the student reads when it fails.
if ! [ -f /root/answer.txt ]; then
  echo "There is no file /root/answer.txt yet."
  exit 1
fi
if ! grep -qx rhubarb /root/answer.txt; then
  echo "That is not the secret word."
  exit 1
fi
`;
