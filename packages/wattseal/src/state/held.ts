/** Who has the gateway's folder: its gateway, or a command that puts another log there. */
import { TlogError } from "@wattseal/tlog";
import { lockDirectory } from "@wattseal/tlog/store";
import { CliError } from "../errors.js";
import { exists } from "./files.js";
import type { Layout } from "./layout.js";

/** Keeps everyone else from starting a gateway there, log or no log. Throws CliError `usage`. */
export async function holdGateway({ gateway }: Layout): Promise<() => Promise<void>> {
  return holdFolder(gateway.directory);
}

/** As holdGateway, and keeps the log, where there is one, from whoever writes to a log alone. */
export async function holdGatewayAndLog(layout: Layout): Promise<() => Promise<void>> {
  const { log } = layout.gateway;
  const release = await holdGateway(layout);
  if (!(await exists(log))) return release;
  try {
    const unlock = await holdFolder(log);
    return async () => {
      await unlock();
      await release();
    };
  } catch (error) {
    await release();
    throw error;
  }
}

async function holdFolder(folder: string): Promise<() => Promise<void>> {
  try {
    return await lockDirectory(folder);
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code !== "locked") throw cause;
    const message = `The gateway of this folder runs, or its log is being restored (${folder}). Stop that first.`;
    throw new CliError("usage", message, { cause });
  }
}
