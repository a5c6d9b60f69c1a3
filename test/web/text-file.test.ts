/** Files of the guest as text in the editor: what is refused, and that saving changes no byte that was not edited. */
import { describe, expect, test } from 'vitest';
import type { FileEntry, FileStat } from '../../src/container/container-files.ts';
import type { ComputerFiles } from '../../src/sandbox/computer-options.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { readTextFile, versionNow, writeTextFile } from '../../web/editor/text-file.ts';
import { FileTree, nameProblem } from '../../web/files/tree.ts';

const STAT: FileStat = {
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 1n,
  target: '',
  resolved: undefined,
};

/** Files in memory, whose times count writes. */
class MemoryFiles implements Pick<ComputerFiles, 'read' | 'write' | 'stat' | 'list'> {
  readonly entries = new Map<string, FileStat & { readonly content: Uint8Array }>();
  #time = 1n;

  put(path: string, content: string | Uint8Array, stat: Partial<FileStat> = {}): this {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    this.entries.set(path, { ...STAT, size: bytes.length, mtimeNs: this.#time++, ...stat, content: bytes });
    return this;
  }
  async read(path: string): Promise<Uint8Array> {
    return this.#get(path).content;
  }
  async write(path: string, content: Uint8Array): Promise<void> {
    this.put(path, content);
  }
  async stat(path: string): Promise<FileStat> {
    return this.#get(path);
  }
  async list(folder: string): Promise<FileEntry[]> {
    const prefix = folder === '/' ? '/' : `${folder}/`;
    if (folder !== '/') this.#get(folder);
    return [...this.entries]
      .filter(([path]) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map(([path, stat]) => ({ ...stat, name: path.slice(prefix.length) }));
  }
  get all(): ComputerFiles {
    return this as unknown as ComputerFiles;
  }

  #get(path: string) {
    const entry = this.entries.get(path);
    if (entry === undefined) throw new VivariumError(ErrorCodes.NOT_FOUND, `there is no ${path}`);
    return entry;
  }
}

describe('a text file', () => {
  test.each([
    ['lines', 'a\nb\n', '\n'],
    ['no last line end', 'a\nb', '\n'],
    ['line ends of DOS', 'a\r\nb\r\n', '\r\n'],
    ['both kinds of line ends', 'a\r\nb\n', '\n'],
    ['a lone carriage return', 'a\rb\r\n', '\n'],
    ['a byte order mark', '\ufeffa\n', '\n'],
    ['nothing', '', '\n'],
  ])('with %s is the same when it is written again', async (_, content, lineSeparator) => {
    const files = new MemoryFiles().put('/f', content);

    const file = await readTextFile(files.all, '/f');
    await writeTextFile(files.all, '/f', file.text);

    expect(file.lineSeparator).toBe(lineSeparator);
    expect(files.entries.get('/f')!.content).toEqual(new TextEncoder().encode(content));
  });

  test('is read where a link leads', async () => {
    const files = new MemoryFiles()
      .put('/real', 'x')
      .put('/link', '', { kind: 'symlink', target: 'real', resolved: '/real' });
    expect(await readTextFile(files.all, '/link')).toMatchObject({ path: '/real', text: 'x' });
  });

  test.each([
    ['a NUL', Uint8Array.of(65, 0, 66)],
    ['no UTF-8', Uint8Array.of(0xff, 0xfe)],
  ])('with %s is refused as no text', async (_, content) => {
    const files = new MemoryFiles().put('/bin', content);
    await expect(readTextFile(files.all, '/bin')).rejects.toThrow('/bin is not text');
  });

  test('that is a folder, or too long, is refused before it is read', async () => {
    const files = new MemoryFiles().put('/d', '', { kind: 'directory' }).put('/big', '', { size: (1 << 20) + 1 });
    await expect(readTextFile(files.all, '/d')).rejects.toThrow('/d is no file of text');
    await expect(readTextFile(files.all, '/big')).rejects.toMatchObject({ code: 'LIMIT' });
  });

  test('has another version when it has changed, and none when it is gone', async () => {
    const files = new MemoryFiles().put('/f', 'a');
    const { version } = await readTextFile(files.all, '/f');

    expect(await versionNow(files.all, '/f')).toBe(version);
    files.put('/f', 'b');
    expect(await versionNow(files.all, '/f')).not.toBe(version);
    files.entries.delete('/f');
    expect(await versionNow(files.all, '/f')).toBeUndefined();
  });
});

describe('a file tree', () => {
  const rows = (tree: FileTree): string[] => tree.rows.map(({ path, level }) => `${level} ${path}`);

  test('shows what is unfolded, folders first', async () => {
    const files = new MemoryFiles().put('/b', '').put('/a', '').put('/z', '', { kind: 'directory' }).put('/z/in', '');
    const tree = new FileTree('/', () => files.all);

    await tree.refresh();
    expect(rows(tree)).toEqual(['1 /', '2 /z', '2 /a', '2 /b']);
    await tree.unfold('/z');
    expect(rows(tree)).toEqual(['1 /', '2 /z', '3 /z/in', '2 /a', '2 /b']);
    tree.fold('/z');
    expect(rows(tree)).toEqual(['1 /', '2 /z', '2 /a', '2 /b']);
  });

  test('folds what is gone when it is read again', async () => {
    const files = new MemoryFiles().put('/z', '', { kind: 'directory' }).put('/z/in', '');
    const tree = new FileTree('/', () => files.all);
    await tree.refresh();
    await tree.unfold('/z');

    files.entries.delete('/z');
    files.put('/new', '');
    await tree.refresh();

    expect(rows(tree)).toEqual(['1 /', '2 /new']);
  });

  test.each(['', '.', '..', 'a/b', 'a\0'])('takes %j for no name', (name) => {
    expect(nameProblem(name)).toBeTypeOf('string');
  });

  test('takes names with spaces and dots', () => {
    expect(nameProblem('.a b..c')).toBeUndefined();
  });
});
