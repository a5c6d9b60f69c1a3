/** How commands get at the files of a container that the user names. */
import type { ContainerFiles } from '../container/container-files.ts';
import type { ContainerConfig } from '../container/lifecycle/config.ts';

export interface OpenedFiles {
  readonly files: ContainerFiles;
  readonly config: ContainerConfig;
  /** Does something while the container stands still, if it runs. */
  paused<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Opens a container by its name, ID or the beginning of one, whether it runs or not. Throws NOT_FOUND. */
export type OpenContainerFiles = (name: string) => Promise<OpenedFiles>;

/** Does something with the files of a container. */
export async function withContainerFiles<T>(
  open: OpenContainerFiles,
  name: string,
  work: (opened: OpenedFiles) => Promise<T>,
): Promise<T> {
  const opened = await open(name);
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}
