import { nodeFiles, type StoreFiles } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { recording } from "../metering/recording.fixture.js";

/** A disk that can be filled: nothing more is written then, and what is read is read. */
class FillableDisk {
  full = false;

  files(directory: string): StoreFiles {
    const disk = nodeFiles(directory);
    const unlessFull = <T>(write: () => Promise<T>): Promise<T> =>
      this.full
        ? Promise.reject(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" }))
        : write();
    return {
      ...disk,
      writeFiles: (written) => unlessFull(() => disk.writeFiles(written)),
      openAppend: async (path) => {
        const file = await disk.openAppend(path);
        return {
          write: (bytes, position) => unlessFull(() => file.write(bytes, position)),
          sync: () => unlessFull(() => file.sync()),
          truncate: (length) => file.truncate(length),
          close: () => file.close(),
        };
      },
    };
  }
}

async function fillable() {
  const disk = new FillableDisk();
  const files = (directory: string) => disk.files(directory);
  return { ...(await recording(undefined, [], false, undefined, { files })), disk };
}

describe("a full disk", () => {
  it("stops the log, acknowledges nothing that is not there, and keeps what is readable", async () => {
    const { disk, run, read, writer, log, modules } = await fillable();
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    const before = run(module!, 90, 10, { in: 0, out: 0 });
    await writer.settled();
    const durable = log.store.durableSize;
    disk.full = true;
    run(module!, 180, 10, before);
    await writer.settled();
    expect(log.stopped).toMatchObject({ code: "ledger-stopped", kind: "hardware" });
    expect(log.stopped!.message).toMatch(/no space left|full/i);
    expect(log.store.durableSize).toBe(durable);
    expect(writer.unwritten).toBe(0);
    expect(writer.refused).toBeGreaterThan(0);
    // Nothing is forgotten of what was said to be durable, and it is read as before.
    expect([...log.store.entries()]).toHaveLength(durable);
    await expect(
      log.append({ type: "link.unpaired", body: { module: module!.uid, reason: "test" } }),
    ).rejects.toMatchObject({ code: "ledger-stopped" });
    // Room alone does not bring back what the books have and the disk has not.
    disk.full = false;
    await expect(
      log.append({ type: "link.unpaired", body: { module: module!.uid, reason: "test" } }),
    ).rejects.toMatchObject({ code: "ledger-stopped" });
  });

  it("leaves a log that goes on after a restart, with a gap that carries what passed", async () => {
    const recorded = await fillable();
    const { disk, run, read, writer, log, modules } = recorded;
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    const before = run(module!, 90, 10, { in: 0, out: 0 });
    await writer.settled();
    const end = log.fold.moduleEnd(module!.uid)!.end!;
    disk.full = true;
    const missed = run(module!, 600, 10, before);
    await writer.settled();
    disk.full = false;

    await log.close();
    const next = await recording(modules, [], false, undefined, { pack: recorded });
    expect(next.log.fold.moduleEnd(module!.uid)!.end).toEqual(end);
    next.read(module!, 10, missed);
    next.run(module!, 70, 10, missed);
    await next.writer.settled();
    expect(next.complaints).toEqual([]);
    const gap = next.entries("energy.gap").at(-1)!;
    expect(gap).toMatchObject({ reason: "away", start: end, in: missed.in - end.in });
    expect(next.entries("energy.window").at(-1)!.net).toBeGreaterThan(0);
  });
});
