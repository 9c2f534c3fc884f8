import { statfs } from "node:fs/promises";

/** Of the file system that a folder is on, bytes. */
export interface Space {
  /** What is left for us. */
  readonly free: number;
  /** Of all there is. */
  readonly total: number;
}

export interface DiskSpace {
  read(): Promise<Space>;
}

/** Throws what node:fs throws. */
export function nodeDiskSpace(directory: string): DiskSpace {
  return {
    async read() {
      const { bavail, blocks, bsize } = await statfs(directory);
      return { free: bavail * bsize, total: blocks * bsize };
    },
  };
}
