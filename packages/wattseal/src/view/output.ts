import { once } from "node:events";

/** To standard output, at the reader's pace. */
export async function writeOut(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
