import { BlockList, isIP } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Of an address, not a name: whether what goes there stays in this machine. */
export function isLoopback(host: string): boolean {
  const kind = isIP(host);
  return kind !== 0 && LOOPBACK.check(host, kind === 6 ? "ipv6" : "ipv4");
}
