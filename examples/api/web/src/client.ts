/** The client: its types are those of the API's OpenAPI document. */

import createClient from "openapi-fetch";

import type { components, paths } from "../generated/api.js";

type Schemas = components["schemas"];
export type User = Schemas["User"];
export type Problem = Schemas["Problem"];

/** The problem that lists what is wrong with an input. */
export type InvalidInput =
  paths["/api/users"]["post"]["responses"][422]["content"]["application/problem+json"];

/** What all routes answer. */
export interface Answer {
  /** An error without a body is possible: a proxy may write one. */
  error?: Problem | InvalidInput | undefined;
  response: Response;
}

type Json = "application/json" | "application/problem+json";

/**
 * The browser adds the cookies and `Sec-Fetch-Site`: the API has the origin of the page. A problem is HTML
 * only for a client that prefers HTML in `Accept`.
 */
export const api = createClient<paths, Json>({
  headers: { Accept: "application/json, application/problem+json" },
});

// An access token is valid for 15 minutes: after a 401 the login is refreshed, and the request is sent
// once more. Tabs refresh one after the other, so that each sends the cookies of the one before.
const copies = new Map<string, Request>();
api.use({
  onRequest({ id, request, schemaPath }) {
    if (!schemaPath.startsWith("/api/auth/")) copies.set(id, request.clone());
  },
  async onResponse({ id, response }) {
    const copy = copies.get(id);
    copies.delete(id);
    if (!copy || response.status !== 401) return undefined;
    const refresh = () => api.POST("/api/auth/refresh");
    // A page that came over plain HTTP from another machine has no locks.
    const refreshing = navigator.locks?.request("refresh", refresh) ?? refresh();
    const { response: refreshed } = await refreshing;
    // After a 409 too: the login has just been refreshed elsewhere.
    if ([204, 409].includes(refreshed.status)) return fetch(copy).catch(() => unreachable());
    // If the server is too busy, the user is still signed in.
    return refreshed.status === 401 ? undefined : refreshed;
  },
  onError: unreachable,
});

function unreachable(): Response {
  const problem: Problem = {
    type: "about:blank",
    title: "Service Unavailable",
    status: 503,
    detail: "The server can't be reached.",
  };
  return Response.json(problem, { status: problem.status });
}

/** What the user should read about an error. */
export function explanation({ error, response }: Answer): string {
  const text = error?.detail ?? error?.title ?? `The server answered ${response.status}.`;
  const seconds = Number(response.headers.get("retry-after"));
  return seconds > 0 ? `${text} Try again in ${seconds} s.` : text;
}

/** The errors of an input, each with the name of the member that is wrong, if it is one. */
export function inputErrors(error: Answer["error"]): { member?: string; detail: string }[] {
  if (error?.status !== 422 || !("errors" in error)) return [];
  return (error.errors ?? []).map(({ pointer, detail }) => {
    // `#/name`: a JSON pointer in a URI fragment. The bodies here have no members inside members.
    const member = pointer?.match(/^#\/(.+)$/)?.[1];
    return member === undefined ? { detail } : { member: decodeURIComponent(member), detail };
  });
}
