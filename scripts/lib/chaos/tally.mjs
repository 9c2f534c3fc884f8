import { listed, total } from "../kill/counts.mjs";

/**
 * @typedef {object} Tally
 * @property {import("../deploy/deployment.mjs").Kind} kind
 * @property {import("../kill/counts.mjs").Counts} kills by what was killed
 * @property {import("../kill/counts.mjs").Counts} cuts by what the network did
 * @property {number} acknowledged entries that gateways said were on their disks
 * @property {number} entries in the logs, and stored
 * @property {number} packs
 * @property {number} receipts that were seen, all of them verified
 * @property {number} repeated batches that came again to a worker that had them
 */

/** @param {Tally} tally */
export function formatTally({
  kind,
  kills,
  cuts,
  acknowledged,
  entries,
  packs,
  receipts,
  repeated,
}) {
  return [
    `${kind}: ${total(kills)} kills (${listed(kills)}), ${total(cuts)} cuts (${listed(cuts)})`,
    `${acknowledged} entries acknowledged, 0 lost, 0 doubled; ${entries} entries of ${packs} packs, each log equal to its copy byte for byte`,
    `${receipts} receipts seen, every one verified; ${repeated} batches came again to who had them`,
  ].join("\n");
}
