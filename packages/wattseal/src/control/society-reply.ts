import type { SocietyAccounts } from "@wattseal/gateway";
import { z } from "zod";
import { reply } from "./fields.js";
import { accountsSchema, wasteSchema } from "./status-reply.js";

const { mwh, time, count, lct } = reply;

const policy = z.object({
  version: count,
  tier: z.string().describe("Tier in force, until trust decides it."),
  highBps: count,
  developingBps: count,
  lowBps: count,
  lotDays: count,
  withheldDays: count,
  wasteAlertMwh: mwh,
  declaredCapMwh: mwh,
});

const ticket = z.object({
  ticket: count.describe("Index of its society.reserve entry."),
  worker: lct,
  deadline: time.describe("Then it is rolled back by itself."),
  heldMwh: mwh,
  usedMwh: mwh.describe("What windows have used of it."),
});

const suspect = z.object({
  interval: count.describe("Index of its energy.interval entry."),
  inMwh: mwh.describe("What joins the next window if it is accepted."),
  until: time.describe("Then it can no longer be settled."),
});

const trade = z.object({
  ticket: count.describe("Index of its society.escrow entry."),
  trade: z.string().describe("SHA-256 of the terms."),
  buyer: lct,
  witness: lct,
  amountMwh: mwh,
  decideBy: time,
  expires: time.describe("Then it ends by itself."),
});

export const societyReply = z.object({
  accounts: accountsSchema,
  reservableMwh: mwh.describe("What one reservation can take now."),
  policy: policy.optional(),
  tickets: z.array(ticket).describe("Open, oldest first."),
  trades: z.array(trade).describe("What lots are kept for, oldest first."),
  suspects: z.object({
    count: count.describe("Suspect intervals that can still be settled."),
    oldest: z.array(suspect).describe("Up to 100 of them."),
  }),
  waste: wasteSchema,
});
export type SocietyReply = z.infer<typeof societyReply>;

export function societyReplyOf(accounts: SocietyAccounts): SocietyReply {
  const { summary, reservable, suspects, waste, policy: inForce } = accounts;
  return {
    accounts: { ...summary },
    reservableMwh: reservable,
    policy: inForce === undefined ? undefined : policyReply(inForce),
    tickets: accounts.tickets.map(({ held, used, ...of }) => ({
      ...of,
      heldMwh: held,
      usedMwh: used,
    })),
    trades: accounts.trades.map(({ trade: name, terms }) => ({
      ticket: terms.ticket,
      trade: name,
      buyer: terms.buyer,
      witness: terms.witness,
      amountMwh: terms.amount,
      decideBy: terms.decideBy,
      expires: terms.expires,
    })),
    suspects: {
      count: suspects.count,
      oldest: suspects.oldest.map(({ in: inMwh, ...of }) => ({ ...of, inMwh })),
    },
    waste,
  };
}

function policyReply(inForce: NonNullable<SocietyAccounts["policy"]>): SocietyReply["policy"] {
  const { version, tier, highBps, developingBps, lowBps } = inForce;
  const { lotDays, withheldDays, wasteAlert, declaredCap } = inForce;
  const shares = { highBps, developingBps, lowBps };
  const lives = { lotDays, withheldDays };
  return {
    version,
    tier,
    ...shares,
    ...lives,
    wasteAlertMwh: wasteAlert,
    declaredCapMwh: declaredCap,
  };
}
