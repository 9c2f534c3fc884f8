import type { SocietyReply } from "../control/society-reply.js";

import { count, utc, wattHours } from "./units.js";

const SUSPECTS_SHOWN = 10;

/** The society at one moment, a line each. */
export function renderSociety(society: SocietyReply): readonly string[] {
  const { accounts, policy, tickets, trades, suspects, waste } = society;
  return [
    `tokens      supply ${wattHours(accounts.supply)} = ATP ${wattHours(accounts.atp)} + reserved ${wattHours(accounts.reserved)} + ADP ${wattHours(accounts.adp)}`,
    `energy      eligible ${wattHours(accounts.eligible)}   withheld ${wattHours(accounts.withheld)}   unclaimed ${wattHours(accounts.unclaimed)}   deficit ${wattHours(accounts.deficit)}`,
    `in all      net ${wattHours(accounts.net)}   recorded loss ${wattHours(accounts.recordedLoss)}   wasted ${wattHours(accounts.wasted)}`,
    ...(accounts.claims === 0 && accounts.conversionLoss === 0
      ? []
      : [
          `trade       claims ${wattHours(accounts.claims)}   conversion loss ${wattHours(accounts.conversionLoss)}`,
        ]),
    policy === undefined ? "policy      none is in force" : policyLine(policy),
    `reservable  ${wattHours(society.reservableMwh)} in one ticket`,
    `tickets     ${count(tickets.length)} open`,
    ...tickets.map(
      ({ ticket, worker, deadline, heldMwh, usedMwh }) =>
        `  ${ticket}  holds ${wattHours(heldMwh)}, ${wattHours(usedMwh)} used   until ${utc(deadline)} UTC   ${worker}`,
    ),
    ...(trades.length === 0 ? [] : [`trades      ${count(trades.length)} open`]),
    ...trades.map(
      ({ ticket, amountMwh, buyer, decideBy, expires }) =>
        `  ${ticket}  ${wattHours(amountMwh)} for ${buyer}   decided by ${utc(decideBy)}, or lapses ${utc(expires)} UTC`,
    ),
    `suspects    ${count(suspects.count)} intervals can be settled (wattseal ledger resolve)`,
    ...suspects.oldest
      .slice(0, SUSPECTS_SHOWN)
      .map(
        ({ interval, inMwh, until }) =>
          `  ${interval}  in ${wattHours(inMwh)}   until ${utc(until)} UTC`,
      ),
    ...(suspects.count > SUSPECTS_SHOWN ? ["  … (--json lists up to 100)"] : []),
    ...(waste.last === undefined
      ? []
      : [
          `WASTE       ${count(waste.alerts)} alerts since the start; the last of ${wattHours(waste.last.mwh)} in entry ${waste.last.entry}`,
        ]),
  ];
}

function policyLine(policy: NonNullable<SocietyReply["policy"]>): string {
  const { version, tier, lotDays, withheldDays, wasteAlertMwh } = policy;
  return `policy      version ${version}: tier ${tier}; lots live ${lotDays} d, what is withheld ${withheldDays} d; alert above ${wattHours(wasteAlertMwh)} of waste`;
}
