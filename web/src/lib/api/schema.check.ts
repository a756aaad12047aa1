// Uses of the generated types that must compile, and some that must not: `npm run typecheck` fails if a generator option or the
// contract makes them looser or stricter than a client needs. Nothing imports this file.
import type { components, operations, paths } from "./schema";

type Schemas = components["schemas"];
type Body<O extends keyof operations> = operations[O] extends { requestBody: { content: { "application/json": infer B } } } ? B : never;
type Answer<O extends keyof operations, S extends number> = operations[O] extends { responses: infer R }
  ? S extends keyof R
    ? R[S] extends { content: { "application/json": infer B } }
      ? B
      : never
    : never
  : never;

// A member with a default may be left out of a request.
export const named: Body<"placeOrder"> = { concertId: "nocturne-2030", seats: ["B-3-8", "B-3-9"] };
export const best: Body<"placeOrder"> = { concertId: "nocturne-2030", bestAvailable: { quantity: 2 } };
// @ts-expect-error A request has no other members.
export const more: Body<"placeOrder"> = { concertId: "nocturne-2030", seats: [], price: 1 };
// @ts-expect-error The concert is needed.
export const nowhere: Body<"placeOrder"> = { seats: ["B-3-8"] };

// The key of an order is a needed header.
export const headers: operations["placeOrder"]["parameters"]["header"] = { "Idempotency-Key": "k" };
// @ts-expect-error It cannot be left out.
export const noKey: operations["placeOrder"]["parameters"]["header"] = {};

// Statuses and codes are closed unions, so that a switch over them can be complete.
export function isSettled(status: Schemas["Status"]): boolean {
  switch (status) {
    case "QUEUED":
    case "HELD":
    case "AWAITING_PAYMENT":
    case "COMMITTED":
      return false;
    case "CONFIRMED":
    case "REJECTED":
    case "EXPIRED":
    case "CANCELLED":
    case "REVOKED":
    case "REFUNDED":
      return true;
  }
}
export const code: Schemas["Problem"]["code"] = "seat_taken";
// @ts-expect-error A misspelt code is no code.
export const misspelt: Schemas["Problem"]["code"] = "seat-taken";

// An optional member of a response must be looked at before it is used.
export function secondsLeft(order: Answer<"getOrder", 200>, now: Date): number | undefined {
  return order.holdExpiresAt === undefined ? undefined : (Date.parse(order.holdExpiresAt) - now.getTime()) / 1000;
}
// @ts-expect-error It may be absent.
export const endOf = (order: Answer<"getOrder", 200>): string => order.holdExpiresAt;

// A concert of the list and of its own page have the same members, and the page has more.
export const priceOf = (concert: Answer<"listConcerts", 200>["concerts"][number]): number => concert.priceFrom.minor;
export const rulesOf = (concert: Answer<"getConcert", 200>): [number, boolean] => [concert.priceFrom.minor, concert.rules.noSingleSeat];

// Paths are keys, as openapi-fetch uses them.
export const path: keyof paths = "/api/concerts/{concertId}/availability";
